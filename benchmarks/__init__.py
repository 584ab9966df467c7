"""Side-by-side measurements: ``python -m benchmarks``. Ratios are taken within one run; machines are noisy."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: idle threads sleep instead of spinning
