"""Ways in which a JSON file can be wrong: a leaf replaced by junk, a key twice, text cut short."""

import copy
import json

JUNK = [
    10**400, -(10**400), 10**4000, 2**63, 2**63 - 1, -(2**63), 2**24, 2**20, 10**30, -1, 0, 1, True, False, None, "",
    "x", "1e5", "\ud800", 0.5, -0.0, 1e308, -1e308, 5e-324, 1e16, [], {}, [[]], [1, [2]], {"a": 1}, [0] * 50,
    "x" * 10**5,
]  # fmt: skip
"""What replaces a value."""

DEEP = "[" * 100_000 + "]" * 100_000
LITERALS = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, DEEP, "[" * 600 + "]" * 600]
"""What replaces a value in the text: json.dumps would not write it."""

MARK = "a mark that stands nowhere else"


def places(value, path=()):
    """Yield the path of every value inside nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def replaced(content, path, value):
    result = copy.deepcopy(content)
    at(result, path[:-1])[path[-1]] = value
    return result


def chosen_place(content, rng):
    """Return a random path, each level of nesting as likely as the one below: long lists do not take all."""
    path = []
    while True:
        value = at(content, path)
        keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        if not keys or (path and rng.random() < 0.25):
            return tuple(path)
        path.append(rng.choice(keys))


def damaged(content, rng, finish=lambda content: content):
    """Return bytes of a damaged file: ``finish`` mends what depends on values, such as hashes, after the damage."""
    path = chosen_place(content, rng)
    kind = rng.choice(["junk", "junk", "junk", "other place", "number", "missing", "twice", "literal", "bytes", "cut"])
    old = at(content, path)
    if kind == "number" and isinstance(old, int | float) and not isinstance(old, bool):
        made = finish(replaced(content, path, type(old)(old * rng.choice([-1, 0, 0.5, 1 + 1e-9, 2, 1e6, 1e15]))))
    elif kind == "other place":
        made = finish(replaced(content, path, copy.deepcopy(at(content, chosen_place(content, rng)))))
    elif kind == "missing":
        made = copy.deepcopy(content)
        del at(made, path[:-1])[path[-1]]
        made = finish(made)
    elif kind in ("junk", "number"):
        made = finish(replaced(content, path, copy.deepcopy(rng.choice(JUNK))))
    else:
        made = content
    text = json.dumps(made).encode()
    if kind == "literal":
        return json.dumps(replaced(content, path, MARK)).replace(f'"{MARK}"', rng.choice(LITERALS)).encode()
    if kind == "twice":
        inner = [
            place for place in [(), *places(content)] if isinstance(at(content, place), dict) and at(content, place)
        ]
        place = rng.choice(inner)
        pair = json.dumps({rng.choice(list(at(content, place))): rng.choice(JUNK[:20])})[1:-1]
        kept = json.dumps(at(content, place))
        return text.replace(kept.encode(), f"{{{pair}, {kept[1:]}".encode(), 1)
    if kind == "bytes":
        spoilt = bytearray(text)
        for _ in range(rng.choice([1, 1, 5])):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        return bytes(spoilt)
    return text[: rng.randrange(len(text))] if kind == "cut" else text
