"""scikit-learn's own checks of an estimator, on one-dimensional offsets and on one column of them.

scikit-learn leaves estimators of one-dimensional input (``IsotonicRegression``) unchecked. Here the checks run twice:
with the X that they cut down to one dimension for such estimators, which a third of them then cannot use themselves,
and with X cut to one column instead, which all but three can.
"""

import traceback
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks, get_tags

import rope_theory
from rope_theory.regression import RotaryRidge

THETA = np.array([1.0, 0.4, 0.15])
ESTIMATORS = {
    "svd": RotaryRidge(THETA),
    "no ridge": RotaryRidge(THETA[:1], alpha=0.0),
    "cholesky": RotaryRidge(THETA, solver="cholesky"),
    "normal": RotaryRidge(THETA, solver="normal"),
    "exact": RotaryRidge(THETA, solver="exact"),
    "float32": RotaryRidge(THETA, dtype="float32"),
}

ONE_DIMENSIONAL = {
    "check_dont_overwrite_parameters": "takes its y from X[:, 0], which one-dimensional X does not have",
    "check_dtype_object": "puts a dictionary into X[0, 0]",
    "check_estimator_sparse_array": "converts X to lil, which sparse arrays of one dimension cannot",
    "check_f_contiguous_array_estimator": "takes its y from X[:, 0]",
    "check_regressors_no_decision_function": "takes its y from X[:, 0]",
    "check_transformer_data_not_an_array": "unpacks X.shape into two numbers",
    "check_transformer_general": "unpacks X.shape into two numbers",
    "check_methods_sample_order_invariance": "takes its y from X[:, 0]",
    "check_methods_subset_invariance": "takes its y from X[:, 0]",
    "check_fit2d_1sample": "takes its y from X[:, 0]",
    "check_fit2d_1feature": "takes its y from X[:, 0]",
    "check_fit2d_predict1d": "takes its y from X[:, 0]",
    "check_dict_unchanged": "takes its y from X[:, 0]",
    "check_n_features_in": "compares with X.shape[1]",
    "check_n_features_in_after_fitting": "compares with X.shape[1]",
    "check_fit1d": "wants one-dimensional X refused, the very input of this estimator",
}
COLUMN = {
    "check_n_features_in_after_fitting": "predicts from the second of at least two columns; here there is one",
    "check_fit2d_predict1d": "wants one-dimensional X refused after a column was fitted; here both are offsets",
    "check_fit1d": "wants one-dimensional X refused, the very input of this estimator",
}
EXPECTED = {"one-dimensional": ONE_DIMENSIONAL, "column": COLUMN}
FLOAT32 = {"check_regressor_multioutput": "wants float64 predictions; this fit predicts in float32, as it was told to"}
EITHER_WAY = {
    "check_methods_sample_order_invariance": "allows 1e-9 in float32 too, where sums in another order differ by 1e-8"
}
NEEDS_A_SWITCH = {"check_array_api_input"}  # skips itself unless SCIPY_ARRAY_API is set
BEYOND_THE_LIST = (
    "check_set_output_transform", "check_set_output_transform_pandas", "check_global_output_transform_pandas",
    "check_transformer_get_feature_names_out_pandas",
)  # fmt: skip


@pytest.fixture
def shape(request, monkeypatch):
    if request.param == "column":
        monkeypatch.setattr(estimator_checks, "_enforce_estimator_tags_X", lambda _, X, *__, **___: X[:, :1])
    return request.param


def expected(shape, name):
    return (FLOAT32 | EITHER_WAY if name == "float32" else {}) | EXPECTED[shape]


def fallen(results):
    """Return the results of checks that were listed as failing and do; a failure that is not listed raises before."""
    listed = (result for result in results if result["expected_to_fail"])
    return [result for result in listed if result["status"] not in ("passed", "skipped")]


def checked(estimator, listed):
    """Return the results, after none failed unforeseen, none was listed for nothing, and none skipped itself."""
    results = estimator_checks.check_estimator(estimator, expected_failed_checks=listed, on_skip=None)
    stale = listed.keys() - {result["check_name"] for result in fallen(results)}
    stale |= {result["check_name"] for result in results if result["expected_to_fail"] and result["status"] == "passed"}
    stale -= {name for name, why in listed.items() if why == EITHER_WAY.get(name)}
    assert not stale, f"listed as failing, but passing or gone: {sorted(stale)}"
    assert {result["check_name"] for result in results if result["status"] == "skipped"} <= NEEDS_A_SWITCH
    return results


def raised_by_the_check_itself(error):
    package = Path(rope_theory.__file__).parent
    return not any(package in Path(frame.filename).parents for frame in traceback.extract_tb(error.__traceback__))


@pytest.mark.parametrize("shape", EXPECTED, indirect=True)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_scikit_learns_checks(shape, name):
    results = checked(ESTIMATORS[name], expected(shape, name))
    assert sum(result["status"] == "passed" for result in results) >= (40 if shape == "one-dimensional" else 53)
    expected_to_fall = fallen(results)
    assert {result["check_name"] for result in expected_to_fall} >= EXPECTED[shape].keys()
    for result in expected_to_fall:  # in the check, with no error of this package
        assert raised_by_the_check_itself(result["exception"]), result


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")  # frames and arrays take turns in it
@pytest.mark.parametrize("shape", ["column"], indirect=True)
@pytest.mark.parametrize("check", BEYOND_THE_LIST)
def test_checks_of_output_that_the_generator_leaves_out(shape, check):
    getattr(estimator_checks, check)("RotaryRidge", clone(ESTIMATORS["svd"]))


@pytest.mark.parametrize("shape", ["column"], indirect=True)
def test_a_stale_entry_or_a_missing_one_is_noticed(shape):
    with pytest.raises(AssertionError, match=r"passing or gone: \['check_estimator_repr'\]"):
        checked(ESTIMATORS["svd"], COLUMN | {"check_estimator_repr": "it does not"})
    with pytest.raises(AssertionError, match=r"passing or gone: \['check_no_such_thing'\]"):
        checked(ESTIMATORS["svd"], COLUMN | {"check_no_such_thing": "it was removed"})
    with pytest.raises(AssertionError, match="Did not raise"):
        checked(ESTIMATORS["svd"], {name: why for name, why in COLUMN.items() if name != "check_fit1d"})


def test_every_entry_says_why():
    assert all(why for listed in (*EXPECTED.values(), FLOAT32, EITHER_WAY) for why in listed.values())


def test_tags():
    tags = get_tags(RotaryRidge(THETA))
    assert tags.input_tags.one_d_array
    assert tags.input_tags.two_d_array
    assert tags.target_tags.multi_output
    assert tags.target_tags.required
    assert not tags.input_tags.sparse
    assert tags.estimator_type == "regressor"
    assert get_tags(RotaryRidge(THETA, dtype="float32")).transformer_tags.preserves_dtype == ["float32"]
