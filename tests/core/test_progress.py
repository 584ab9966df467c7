"""A stopped computation ends quietly: its workers are dismissed, and nothing is left for the garbage collector."""

import gc

import joblib
import pytest

from rope_theory._core.progress import closing, watched


def work():
    return joblib.Parallel(n_jobs=2, return_as="generator", prefer="threads")(
        joblib.delayed(abs)(-number) for number in range(20)
    )


def test_all_results_come_in_order():
    assert list(watched(work(), "numbers", 20)) == list(range(20))
    assert list(watched([3, 4], "a list", 2)) == [3, 4]


def stopped_by(error):
    with closing(work()) as results:
        for number in results:
            if number == 1:
                raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_stop_is_quiet(error, recwarn):
    with pytest.raises(error):
        stopped_by(error)
    gc.collect()
    assert not recwarn.list


def test_a_stop_while_watching_is_quiet(recwarn):
    results = watched(work(), "numbers", 20)
    assert next(results) == 0
    results.close()
    gc.collect()
    assert not recwarn.list
