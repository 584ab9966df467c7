"""The empirical half of arXiv 2306.15595 at small scale: models extended, fine-tuned and measured, run by run."""
