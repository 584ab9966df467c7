"""What loads when, which module may import which, and that every public name is there and described."""

import ast
import graphlib
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import rope_theory

ROOT = Path(rope_theory.__file__).parent
HEAVY = {
    "accelerate", "clarabel", "cvxpy", "dask", "distributed", "flint", "hypothesis", "jinja2", "joblib", "matplotlib",
    "numba", "pandas", "rich", "scipy", "sklearn", "sympy", "torch", "transformers", "typer",
}  # fmt: skip

RANKS = [
    {"_core", "errors"},
    {"config"},
    {"scaling"},
    {"coefficients", "scores"},
    {"bounds"},
    {"comparison", "regression", "certificates", "laws", "precision", "testing"},
    {"doctor", "models"},
    {"plots"},
    {"reports", "widgets"},
    {"cli", "__main__"},
]
"""A module imports from earlier sets; from its own set only where that is no step of the path."""

PATH = {"config", "scaling", "coefficients", "scores", "bounds", "comparison", "regression", "plots", "cli"}
LOADERS = {"Later", "load", "import_module", "__import__"}


def rank(part):
    for level, parts in enumerate(RANKS):
        if part in parts:
            return level
    raise AssertionError(f"rope_theory.{part} is in no rank of tests/test_imports.py: say where on the path it stands.")


def modules():
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def imported(path):
    """Return the absolute names a module imports anywhere in it, loads by name included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if called in LOADERS:
                yield str(node.args[0].value)


def loaded_after(code):
    """Return which heavy packages a fresh interpreter holds after running ``code``."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_importing_the_package_loads_no_more_than_numpy():
    assert loaded_after("import rope_theory") & HEAVY == set()


def test_what_numpy_can_do_loads_nothing_else():
    code = """
import numpy as np, rope_theory as rt
config = rt.RopeConfig(64)
theta = rt.scaling.YaRN(4).frequencies(config)
h = rt.score_coefficients(np.ones(64), np.ones(64), pairing="half")
rt.attention_score(h, theta, 3.0), rt.score_curve(h, theta, 0, 9)
rt.bounds.triangle(h), rt.bounds.chord_sharp(theta, 0.5, h=h), rt.bounds.sampling(), rt.bounds.attention_shift(1.0)
rt.compare(config, [rt.scaling.Unscaled()], h, length=4096)
rt.regression.prediction_std(theta, np.arange(9), [1.0], alpha=1.0)
rt.precision.phase_error(theta, [1, 300], rt.precision.STORAGES["bfloat16"])
rt.precision.score_error(h, theta, 300, 1, rt.precision.Storage())
rt.laws.critical_dimension(config), rt.laws.admissible_bases(16, 64, [1e3, 1e4]), rt.laws.turns(theta, 64)
dir(rt), rt.bounds.CATALOGUE["triangle"].witness.evaluate()
"""
    assert loaded_after(code) & HEAVY == set()


def test_what_needs_more_loads_it_when_called():
    assert "numba" in loaded_after("import rope_theory as rt; rt.bounds.abel_sum([1.0], [0.0])")
    loaded = loaded_after("import rope_theory as rt; rt.regression.RotaryRidge([1.0])")
    assert "sklearn" in loaded
    assert "torch" not in loaded
    assert "matplotlib" not in loaded


def test_the_detector_of_imports_detects():
    assert "numba" in set(imported(ROOT / "bounds" / "_abel_kernel.py"))
    assert "rope_theory.config.RopeConfig" in set(imported(ROOT / "bounds" / "chord.py"))
    assert "sklearn.base" in set(imported(ROOT / "regression" / "ridge.py"))
    assert "matplotlib" in loaded_after("import matplotlib")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_path(path):
    part = path.relative_to(ROOT).with_suffix("").parts[0]
    for name in imported(path):
        top, _, rest = name.partition(".")
        assert top != "paper_repro", f"{part} imports {name}"
        if top != "rope_theory" or not rest:
            continue
        other = rest.split(".")[0]
        if other == part:
            continue
        assert rank(other) <= rank(part), f"{part} imports {name}: against the path"
        same_step = rank(other) == rank(part) and {part, other} <= PATH
        assert not same_step, f"{part} imports {name}: neither comes first"


USERS = ("paper_repro", "experiments", "examples", "benchmarks")
"""Folders beside the package that use it as anybody does."""


@pytest.mark.parametrize("folder", USERS)
def test_folders_beside_the_package_import_nothing_private(folder):
    sources = sorted((ROOT.parent / folder).rglob("*.py"))
    assert sources
    for path in sources:
        for name in imported(path):
            top, *parts = name.split(".")
            if top in {"rope_theory", "proofs"}:
                assert not [part for part in parts if part.startswith("_")], f"{path.relative_to(ROOT.parent)}: {name}"
            assert (folder, top) != ("experiments", "paper_repro"), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_models_imports_transformers(path):
    if path.relative_to(ROOT).parts[0] != "models":
        assert not {name for name in imported(path) if name.split(".")[0] == "transformers"}


PACKAGES = ("rope_theory", "proofs", "experiments", "paper_repro")


def files_by_name():
    """Return the dotted name of every module of this repository → its file."""
    found = {}
    for path in [path for package in PACKAGES for path in (ROOT.parent / package).rglob("*.py")]:
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def needed(path, files):
    """Return the modules of this repository that a file imports, in functions and for type checkers too.

    Not counted is what the face of a package shows type checkers of the names it loads on demand.
    ``from package import name`` needs the module of that name where there is one, else the package.
    """
    names, waiting, face = set(), [ast.parse(path.read_text(encoding="utf-8"))], path.name == "__init__.py"
    while waiting:
        node = waiting.pop()
        if face and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {whole if whole in files else node.module for whole in inside.values()}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            names |= {str(node.args[0].value)} if called in LOADERS else set()
    return names & files.keys()


@pytest.fixture(scope="module")
def imports():
    """Module → the modules it imports; the command line, where every path ends, may load the proofs beside it."""
    files = files_by_name()
    found = {name: needed(path, files) - {name} for name, path in files.items()}
    assert "proofs" in found["rope_theory.cli.theory"]
    found["rope_theory.cli.theory"].discard("proofs")
    return found


def circle(graph):
    """Return a circle of a graph, or None."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]  # where graphlib puts it
    return None


def test_the_top_level_of_the_package_is_small():
    entries = [path for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    assert sum(path.is_file() for path in entries) <= 9
    assert sum(path.is_dir() for path in entries) <= 13


def test_no_circle_of_files(imports):
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert "rope_theory.certificates._files" in imports["rope_theory.certificates.certificate"]
    assert circle(imports) is None


def test_no_circle_of_folders(imports):
    files = files_by_name()
    places = {name: (*name.split("."), *(["__init__"] if files[name].stem == "__init__" else [])) for name in files}
    folders = {place[:depth] for place in places.values() for depth in range(len(place))}
    assert ("rope_theory", "scaling") in folders
    for folder in sorted(folders):  # what stands in it, files and folders, must import one way
        depth, graph = len(folder), {}
        for name, others in imports.items():
            inside = [places[one] for one in (name, *others) if places[one][:depth] == folder]
            if inside and inside[0] == places[name]:
                graph.setdefault(inside[0][depth], set()).update(place[depth] for place in inside[1:])
        assert circle({part: others - {part} for part, others in graph.items()}) is None, folder


def test_the_package_itself_imports_nothing_of_its_own_eagerly():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    eager = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in eager for alias in node.names}
    assert names == {"annotations", "importlib", "TYPE_CHECKING", "Any"}


@pytest.mark.parametrize("name", rope_theory.__all__)
def test_every_public_name_resolves(name):
    assert getattr(rope_theory, name) is not None
    assert name in dir(rope_theory)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'rope_theory' has no attribute 'yarn'"):
        rope_theory.yarn  # noqa: B018


def public_modules():
    for module in pkgutil.walk_packages(rope_theory.__path__, "rope_theory."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield module.name, importlib.import_module(module.name)


def public_objects():
    for name, module in public_modules():
        yield name, module
        listed = set(getattr(module, "__all__", ()))
        for public, value in [(public, getattr(module, public)) for public in {*vars(module), *listed}]:
            if public.startswith("_") or (getattr(value, "__module__", None) != name and public not in listed):
                continue
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"{name}.{public}", value
                if inspect.isclass(value):
                    for method, body in vars(value).items():
                        if not method.startswith("_") and (inspect.isfunction(body) or isinstance(body, property)):
                            yield f"{name}.{public}.{method}", body


def test_no_function_hides_its_module():
    for name, module in public_modules():
        assert not callable(getattr(module, name.rpartition(".")[2], None)), name


def test_every_public_object_has_a_docstring():
    described = dict(public_objects())
    assert "rope_theory.bounds.chord.chord_sharp" in described
    assert [name for name, value in described.items() if not (value.__doc__ or "").strip()] == []


@pytest.mark.parametrize("folder", ["bounds", "laws", "models", "precision", "regression", "scaling"])
def test_every_name_a_folder_lists_resolves(folder):
    module = importlib.import_module(f"rope_theory.{folder}")
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name.islower(), name.lower()))
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_an_unknown_estimator_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"rope_theory\.regression.*'Lasso'"):
        rope_theory.regression.Lasso  # noqa: B018


def test_a_missing_extra_names_the_pip_command():
    from rope_theory._core.optional import load

    with pytest.raises(ModuleNotFoundError, match=r"needs no_such_thing.*pip install 'rope_theory\[plots\]'"):
        load("no_such_thing.inside", "plots")
    with pytest.raises(ModuleNotFoundError, match=r"numpy\.no_such_part"):
        load("numpy.no_such_part", "plots")
