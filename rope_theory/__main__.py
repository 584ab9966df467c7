"""`python -m rope_theory`: the command line, as `accelerate launch -m` needs it."""

from rope_theory.cli import main

if __name__ == "__main__":
    main()
