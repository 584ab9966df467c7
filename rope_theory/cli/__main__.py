"""`python -m rope_theory.cli`: the command line."""

from rope_theory.cli import main

if __name__ == "__main__":
    main()
