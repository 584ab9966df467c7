"""Side-by-side measurements: ``python -m benchmarks``. Ratios are taken within one run; machines are noisy."""
