"""Reproduction of arXiv 2306.15595: ``python -m paper_repro [figures|tables|claims|all]``."""
