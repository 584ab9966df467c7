"""Everything a user may import, with its signature: `python tests/reference/public_surface.py` freezes it anew."""

import dataclasses
import importlib
import inspect
from pathlib import Path

import rope_theory

FROZEN = Path(__file__).with_suffix(".txt")


def lines():
    """Return a line a public function, class, field and method."""
    found = [f"rope_theory.{name}" for name in rope_theory.__all__]
    folders = [name for name in rope_theory.__all__ if inspect.ismodule(getattr(rope_theory, name))]
    for folder in [*folders, "certificates.closed_forms"]:
        module = importlib.import_module(f"rope_theory.{folder}")
        for name in module.__all__:
            found += entry(f"rope_theory.{folder}.{name}", getattr(module, name))
    return sorted(set(found))


def ours(kind):
    return kind.__module__.startswith("rope_theory")


def entry(name, value):
    if inspect.isclass(value):
        yield f"{name}{inspect.signature(value)}" if dataclasses.is_dataclass(value) else f"class {name}"
        for member in sorted({member for kind in value.__mro__ if ours(kind) for member in vars(kind)}):
            body = inspect.getattr_static(value, member)
            body = body.__func__ if isinstance(body, classmethod | staticmethod) else body
            if not member.startswith("_") and inspect.isfunction(body):
                yield f"{name}.{member}{inspect.signature(body)}"
            elif not member.startswith("_") and isinstance(body, property):
                yield f"{name}.{member}"
    elif inspect.isfunction(value):
        yield f"{name}{inspect.signature(value)}"
    else:
        yield name


if __name__ == "__main__":
    FROZEN.write_text("\n".join(lines()) + "\n", encoding="utf-8")
