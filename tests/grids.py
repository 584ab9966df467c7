"""Random offsets on which a fast path for even grids can go wrong."""

import numpy as np

KINDS = (
    "integers", "dyadic", "decimal", "linspace", "huge", "tiny", "denormal step", "reversed", "mixed magnitude",
    "across zero", "repeated", "two points", "one point", "nearly even", "not monotone", "ends of an even grid",
)  # fmt: skip


def draw(rng, kind, most=700):
    """Return offsets in tokens, (n,), of one of ``KINDS``."""
    count = int(rng.integers(2, most))
    index = np.arange(count)
    step = float(rng.choice([0.1, 1 / 3, 7.3, 0.7, 1e-3]))
    if kind == "integers":
        return float(rng.integers(-(2**40), 2**40)) + index * int(rng.integers(1, 9))
    if kind == "dyadic":
        return float(rng.integers(-(2**20), 2**20)) + index * 2.0 ** int(rng.integers(-20, 9))
    if kind == "decimal":
        return 10.0 ** rng.uniform(-3, 6) + step * index
    if kind == "linspace":
        return np.linspace(*np.sort(rng.uniform(-1e6, 1e6, 2)), count)
    if kind == "huge":
        return float(2.0 ** rng.integers(34, 53)) + rng.choice([1.0, step, 1000.1]) * index
    if kind == "tiny":
        return 10.0 ** rng.uniform(-300, -5) * (1 + index)
    if kind == "denormal step":
        return 5e-324 * int(rng.integers(1, 9)) * index + float(rng.choice([0.0, 1e-310, 1.0]))
    if kind == "reversed":
        return (rng.uniform(-1e4, 1e4) + step * index)[::-1]
    if kind == "mixed magnitude":
        return np.concatenate([10.0 ** rng.uniform(-20, 15.9, int(rng.integers(2, 6))) * rng.choice([-1, 1])])
    if kind == "across zero":
        return step * (index - count // 2) + float(rng.choice([0.0, 1e-17, 1e3 * step]))
    if kind == "repeated":
        return np.full(count, rng.uniform(-1e6, 1e6))
    if kind == "two points":
        return 10.0 ** rng.uniform(-320, 15.9, 2) * rng.choice([-1, 1], 2)
    if kind == "one point":
        return 10.0 ** rng.uniform(-320, 15.9, 1)
    if kind == "nearly even":
        moved = index * 1.0
        moved[rng.integers(count)] += rng.choice([1e-9, 2.0**-33, 2.0**-31, 1e-13])
        return moved
    if kind == "not monotone":
        return rng.permutation(index * step)
    far = rng.choice([-1, 1]) * 2.0**53  # the ends lie on an even grid, what is between does not
    middle = rng.uniform(-1e5, 1e5, int(rng.integers(1, 4)))
    return np.concatenate([[far], [far / 2], middle]) if rng.random() < 0.5 else np.concatenate([[far], middle, [-far]])
