"""Things of the wrong type, in every argument of every public callable, are answered in words and not by Python."""

import importlib
import inspect
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import rope_theory as rt
from rope_theory import scaling

CONFIG = rt.RopeConfig(8, context_length=64)
THETA = scaling.Unscaled().frequencies(CONFIG)
H, Q, TWO = np.ones(4), np.ones(8), np.array([1.0, 2.0])
STORAGE = rt.precision.Storage()
CELLS = rt.comparison.chord_cells(H, THETA, 0, 4)
COMPARED = rt.compare(CONFIG, [scaling.Unscaled()], H, length=64)
ERRORS = [rt.precision.phase_error(THETA, TWO, STORAGE)]
BOUNDS = rt.reports.bounds(THETA, 1.5)
MODEL = rt.from_hf({"model_type": "llama", "head_dim": 8, "max_position_embeddings": 64})
AXES = plt.subplots()[1]
AXES.plot(TWO, label="a")
EXPLORED = rt.widgets.explore(CONFIG, "YaRN", 2.0, 1.0)

VALID = {
    "bounds.abel": {"h": H, "theta": THETA, "s": 1.5},
    "bounds.abel_published": {"theta": THETA, "s": 1.5},
    "bounds.abel_sum": {"theta": THETA, "s": 1.5},
    "bounds.attention_shift": {"delta": 0.1},
    "bounds.chord_curvature": {"theta": THETA, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "bounds.chord_published": {"config": CONFIG, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "bounds.chord_repaired": {"config": CONFIG, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "bounds.chord_sharp": {"theta": THETA, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "bounds.sampling": {},
    "bounds.triangle": {"h": H},
    "certificates.exact_least_squares": {"theta": THETA, "s": np.arange(16.0), "y": np.ones(16), "alpha": 1.0},
    "certificates.quick_bound": {"theta": THETA, "s": 1.5, "grid": np.arange(8.0), "h_max": 1.0},
    "certificates.refutation": {"config": CONFIG},
    "certificates.shortest_kernel": {"theta": THETA, "leakage": 3.0},
    "certificates.worst_case": {"theta": THETA, "s": 1.0, "grid": np.arange(8.0), "h_max": 1.0},
    "certificates.closed_forms.abel": {"h": H, "theta": THETA, "s": 1.5},
    "certificates.closed_forms.abel_published": {"theta": THETA, "s": 1.5},
    "certificates.closed_forms.abel_sum": {"theta": THETA, "s": 1.5},
    "certificates.closed_forms.attention_shift": {"delta": 0.1},
    "certificates.closed_forms.chord_curvature": {"theta": THETA, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "certificates.closed_forms.chord_published": {"config": CONFIG, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "certificates.closed_forms.chord_repaired": {"config": CONFIG, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "certificates.closed_forms.chord_sharp": {"theta": THETA, "s": 1.5, "s1": 1.0, "s2": 2.0},
    "certificates.closed_forms.refutation": {"config": CONFIG},
    "certificates.closed_forms.sampling": {},
    "certificates.closed_forms.triangle": {"h": H},
    "coefficients.adversarial": {"theta": THETA, "s": 1.5, "grid": [1.0, 2.0], "weights": [0.5, 0.5]},
    "coefficients.aligned": {"theta": THETA},
    "coefficients.decaying": {"pairs": 4, "seed": 0},
    "coefficients.position_free_term": {"q": Q, "k": Q, "rotary_dim": 4},
    "coefficients.random_phase": {"pairs": 4, "seed": 0},
    "coefficients.score_coefficients": {"q": Q, "k": Q, "pairing": "half"},
    "comparison.chord_cells": {"h": H, "theta": THETA, "first": 0, "last": 4},
    "comparison.compare": {"config": CONFIG, "scalings": [scaling.Unscaled()], "h": H, "length": 64},
    "config.RopeConfig": {"head_dim": 8},
    "widgets.explore": {"config": CONFIG, "method": "YaRN", "factor": 2.0, "ratio": 1.0},
    "laws.admissible_bases": {"head_dim": 8, "length": 64, "candidates": [1e4]},
    "laws.asymptotic_base": {"length": 64},
    "laws.critical_base": {"config": CONFIG, "tuned_length": 128},
    "laws.critical_dimension": {"config": CONFIG},
    "laws.extrapolation_limit": {"config": CONFIG, "base": 1e5},
    "laws.first_negative_offset": {"theta": THETA, "length": 64},
    "laws.small_bases": {"tuned_length": 128},
    "laws.smallest_admissible_base": {"head_dim": 8, "length": 4, "start": 10.0, "end": 20.0, "resolution": 1e-3},
    "laws.turns": {"theta": THETA, "length": 64},
    "plots.abel_ratio": {"offsets": TWO, "ratio": TWO},
    "plots.attention_mass": {"check": None},
    "plots.chord_bounds": {"offsets": TWO, "bounds": {"sharp": TWO}},
    "plots.chord_cells": {"cells": CELLS},
    "plots.comparison": {"result": COMPARED},
    "widgets.exploration": {"found": EXPLORED},
    "plots.head_ratios": {"check": None},
    "plots.legend_beside": {"axes": AXES},
    "plots.numerical_rank": {"dimensions": TWO, "ranks": [TWO], "labels": ["a"]},
    "plots.pair_shares": {"check": None},
    "plots.passkey_map": {"passkey": None},
    "plots.phase_errors": {"errors": ERRORS, "labels": ["a"]},
    "plots.position_losses": {"check": None},
    "plots.ridge_path": {"alphas": TWO, "quantiles": [TWO], "bound": TWO},
    "plots.score_curves": {"offsets": TWO, "scores": TWO, "labels": ["a"]},
    "plots.wavelengths": {"tables": [THETA]},
    "plots.worst_case_curves": {"offsets": TWO, "lower": [TWO], "upper": [TWO], "labels": ["a"]},
    "plots.worst_case_windows": {"windows": TWO, "lower": [TWO], "upper": [TWO], "labels": ["a"]},
    "precision.Storage": {},
    "precision.audit": {"model": None},
    "precision.first_broken_position": {"theta": THETA, "storage": STORAGE, "tolerance": 0.1, "length": 8},
    "precision.inv_freq_error": {"table": THETA},
    "precision.phase_error": {"theta": THETA, "positions": TWO, "storage": STORAGE},
    "precision.score_error": {
        "h": H, "theta": THETA, "query_positions": 1, "key_positions": 0, "storage": STORAGE,
    },
    "regression.coefficient_penalty": {"q": torch.ones(2, 8), "k": torch.ones(2, 8), "pairing": "half"},
    "regression.design_matrix": {"theta": THETA, "s": TWO},
    "regression.effective_dof": {"theta": THETA, "train": TWO, "alpha": 1.0},
    "regression.expected_maximum": {"theta": THETA, "train": TWO, "s": TWO, "alpha": 1.0, "draws": 10},
    "regression.prediction_std": {"theta": THETA, "train": TWO, "s": TWO, "alpha": 1.0},
    "regression.ridge_strength": {"theta": THETA, "window": 8, "length": 16, "tolerance": 3.0},
    "reports.as_json": {"record": BOUNDS},
    "reports.as_json_dict": {"record": BOUNDS},
    "reports.bounds": {"table": THETA, "s": 1.5},
    "reports.certify": {"table": THETA, "s": 1.0, "window": 8},
    "reports.check_folder_place": {"folder": "folder"},
    "reports.check_overview": {"check": None},
    "reports.check_place": {"path": "file"},
    "reports.frequencies": {"model": MODEL},
    "reports.in_workers": {"function": abs, "tasks": []},
    "reports.json_ready": {"value": 1.0},
    "reports.remove_leftovers": {"folder": "."},
    "reports.report": {"record": BOUNDS},
    "reports.verify": {"certificate": rt.certificates.worst_case(THETA, 1.0, np.arange(8.0), h_max=1.0)},
    "reports.whole_folder": {"folder": "folder"},
    "reports.write_bytes": {"path": "file", "content": b"x"},
    "reports.write_text": {"path": "file", "text": "x"},
    "scaling.DynamicNTK": {"factor": 2.0},
    "scaling.Frequencies": {
        "theta": np.ones(4), "attention_factor": 1.0, "scaling": scaling.Unscaled(), "config": CONFIG, "length": None,
    },
    "scaling.Llama3": {"factor": 2.0},
    "scaling.LongRoPE": {"short_factor": [1.0] * 4, "long_factor": [1.0] * 4},
    "scaling.NTKAware": {"factor": 2.0},
    "scaling.NTKByParts": {"factor": 2.0},
    "scaling.PositionInterpolation": {"factor": 2.0},
    "scaling.Proportional": {},
    "scaling.YaRN": {"factor": 2.0},
    "scores.attention_score": {"h": H, "theta": THETA, "s": 1.5},
    "scores.score_curve": {"h": H, "theta": THETA, "start": 0, "stop": 4},
    "testing.coefficients": {"pairs": 4},
    "testing.configs": {},
    "testing.offsets": {},
    "testing.scalings": {},
}  # fmt: skip
"""Arguments with which each callable works; None where only a model makes one."""

METHODS = {
    "RotaryRidge.fit": (
        lambda **given: rt.regression.RotaryRidge(given.pop("theta", THETA), **{
            name: given.pop(name) for name in ("alpha", "solver", "dtype") if name in given
        }).fit(given.get("s", TWO), given.get("y", TWO)),
        {"theta": THETA, "alpha": 1.0, "solver": "svd", "dtype": "float64", "s": TWO, "y": TWO},
    ),
    "RotaryRidge.predict": (
        lambda s: rt.regression.RotaryRidge(THETA, alpha=1.0).fit(TWO, TWO).predict(s), {"s": TWO},
    ),
    "Scaling.frequencies": (scaling.YaRN(2.0).frequencies, {"config": CONFIG, "length": 64}),
    "Certificate.verify": (
        rt.certificates.worst_case(THETA, 1.0, np.arange(8.0), h_max=1.0).verify, {"bits": 64},
    ),
    "doctor.reach": (
        rt.doctor.reach,
        {
            "config": CONFIG, "scalings": [scaling.Unscaled()], "length": 64, "configured": scaling.Unscaled(),
            "tolerance": 0.01,
        },
    ),
    "doctor.predicted_length": (rt.doctor.predicted_length, {"trained": THETA, "table": THETA}),
}  # fmt: skip
"""Methods that check what they get, and what they work with."""

MODULES = (
    "bounds", "certificates", "certificates.closed_forms", "coefficients", "comparison", "config",
    "laws", "plots", "precision", "regression", "reports", "scaling", "scores", "testing", "widgets",
)  # fmt: skip

WRONG = [
    None, "x", b"x", True, 1j, object(), type, math, [], {}, (), [None], ["a", "b"], [[1], [1, 2]], (1, "a"), [1, None],
    [{}], {"a": 1, 2: "b"}, {"type": [1]}, {1, 2}, {None: None}, {0.5: "a"}, lambda: 0, range(0), float("nan"),
    np.array(["a"]), np.array(None), np.array([None, 1]), torch.ones(2, 2), torch.tensor([1j]), CONFIG, THETA,
    scaling.YaRN, iter([1]),
]  # fmt: skip

PYTHONS_OWN = (
    "unhashable", "not supported between", "object is not", "unsupported operand", "has no attribute",
    "must be real number", "could not convert", "not iterable", "not subscriptable", "cannot be interpreted",
    "not callable", "argument must be", "invalid literal", "ambiguous", "can't multiply", "can only concatenate",
    "cannot unpack", "no len()", "bad operand", "truth value", "index out of", "indices must be", "unexpected keyword",
    "only length-1", "only 0-dimensional", "setting an array element", "must be str", "expected str", "converted to",
    "inhomogeneous", "ufunc", "Boolean value of",
)  # fmt: skip
"""Words of messages by Python, NumPy and torch; some end up in brackets, after ours."""

NEED_A_MODEL = {name for name, valid in VALID.items() if {"check", "model", "passkey"} & set(valid)}

CALLABLE_AS_RECORDS = {"config.RopeConfig", "precision.Storage", "scaling.Frequencies"}
"""Records that people make themselves; all others are results."""


def public():
    """Yield the names of public callables, but for classes of results and those that take nothing."""
    for module in MODULES:
        home = importlib.import_module(f"rope_theory.{module}")
        for name in home.__all__:
            thing, full = getattr(home, name), f"{module}.{name}"
            is_made = full in CALLABLE_AS_RECORDS or not inspect.isclass(thing) or issubclass(thing, scaling.Scaling)
            if not callable(thing) or not is_made:
                continue
            if inspect.signature(thing).parameters:
                yield full


def own_words(message):
    """Return what a message says before the first bracket: causes are quoted in brackets."""
    return message.split("(")[0]


def answer(call, arguments):
    """Return what is wrong with the answer to arguments, or None."""
    try:
        call(**arguments)
    except (TypeError, ValueError, KeyError) as error:
        words = [word for word in PYTHONS_OWN if word in own_words(str(error))]
        return f"{type(error).__name__}: {error}" if words or len(str(error)) < 20 else None
    except (AttributeError, RuntimeError, IndexError, OverflowError, ArithmeticError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        plt.close("all")
    return None


def test_every_public_callable_is_listed():
    assert set(VALID) == set(public())


CALLS = {
    name: (getattr(importlib.import_module(f"rope_theory.{name.rpartition('.')[0]}"), name.rpartition(".")[2]), valid)
    for name, valid in VALID.items()
} | METHODS


@pytest.mark.parametrize("name", CALLS)
def test_wrong_types_are_answered_in_words(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # "x" may name a file
    call, valid = CALLS[name]
    if name not in NEED_A_MODEL:
        call(**valid)
    parameters = valid if name in METHODS else inspect.signature(call).parameters
    found = []
    for parameter in parameters:
        for wrong in WRONG:
            said = answer(call, {**valid, parameter: wrong})
            if said:
                found.append(f"{parameter} = {str(wrong)[:30]}: {said[:200]}")
    assert not found, f"{len(found)} of {name}:\n" + "\n".join(found[:12])
