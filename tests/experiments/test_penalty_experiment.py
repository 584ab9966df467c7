"""The training experiment: its task, its model against plain formulas, the stored rows, and a tiny run end to end."""

import json
import math

import numpy as np
import pytest
import torch

import rope_theory as rt
from experiments import penalty_experiment as experiment
from experiments.penalty_experiment import INPUTS, LOSSES, PART, SIZES, SWEEP
from experiments.sweeps import Store

TINY = {**INPUTS, "window": 16, "heads": 1, "head_dim": 8, "values": 4, "tags": 2, "distances": 3, "steps": 6,
        "batch": 4, "eval_sequences": 8, "curves": 12, "strengths": [0.0, 1e-2], "seeds": [0]}  # fmt: skip


@pytest.fixture(scope="module")
def tiny():
    return experiment.chunks(TINY)


def test_strength_zero_runs_once_a_seed_and_every_other_setting_once():
    found = [(chunk["form"], chunk["strength"], chunk["seed"]) for chunk in experiment.chunks(INPUTS)]
    assert len(found) == len(set(found)) == 3 * (1 + 2 * 3)
    assert [form for form, strength, _ in found if strength == 0.0] == ["none"] * 3


# the task -------------------------------------------------------------------------------------------------------------


def answer(tokens, place, distances):
    """Return the value a request asks for, the slow way."""
    request = int(tokens[place][2])
    if request < distances:
        source = place - 1 - request
        return int(tokens[source][1]) if source >= 0 else -100
    for source in range(place - 1, -1, -1):
        if int(tokens[source][0]) == request - distances:
            return int(tokens[source][1])
    return -100


def test_targets_are_what_the_requests_ask_for():
    chunk = experiment.chunks(INPUTS)[0]
    inputs, targets = experiment.sequences(chunk, 5, 40, torch.Generator().manual_seed(0))
    expected = [[answer(row, place, INPUTS["distances"]) for place in range(40)] for row in inputs]
    assert targets.tolist() == expected
    asked = inputs[..., 2]
    assert 0.3 < (asked < INPUTS["distances"]).float().mean() < 0.7
    assert 0 < (targets == -100).float().mean() < 0.3
    assert int(asked.max()) == INPUTS["distances"] + INPUTS["tags"] - 1


# the model ------------------------------------------------------------------------------------------------------------


def test_attention_scores_of_the_model_are_those_of_the_package(tiny):
    chunk = {**tiny[0], "heads": 1}
    generator = torch.Generator().manual_seed(1)
    weights = experiment.parameters(chunk, generator)
    inputs, _ = experiment.sequences(chunk, 1, 16, generator)
    with torch.no_grad():
        q, k, v = experiment.queries_and_keys(weights, inputs, 1)
        theta = experiment.trained(chunk)
        logits = experiment.answers(weights, q, k, v, theta.theta)
        # row by row: softmax of a(m − n)/√d over n ≤ m
        for m in range(16):
            h = rt.score_coefficients(q[0, 0, m], k[0, 0, : m + 1], pairing="half")
            scores = torch.stack([rt.attention_score(h[n], theta, m - n) for n in range(m + 1)])
            mixed = torch.softmax(scores / math.sqrt(8), 0).float() @ v[0, 0, : m + 1]
            expected = torch.relu(mixed @ weights["out"] @ weights["hidden"]) @ weights["classes"]
            assert torch.allclose(logits[0, m], expected, atol=1e-4)


def test_the_weighted_form_weights(tiny):
    q, k = torch.randn(2, 1, 5, 8), torch.randn(2, 1, 5, 8)
    plain, weighted = (experiment.penalty({**tiny[0], "form": form}, q, k).item() for form in experiment.FORMS)
    h = rt.score_coefficients(q[..., :, None, :], k[..., None, :, :], pairing="half").abs().numpy()
    below = np.tril(np.ones((5, 5), dtype=bool))
    theta = experiment.trained(tiny[0]).theta
    assert plain == pytest.approx((h**2).sum(-1)[..., below].mean(), rel=1e-5)
    assert weighted == pytest.approx(((theta**2 * h) ** 2).sum(-1)[..., below].mean(), rel=1e-5)


def test_the_strength_changes_neither_first_weights_nor_data(tiny):
    unpenalised, plain, weighted = ({**chunk, "steps": 0} for chunk in tiny)
    first = experiment.train(unpenalised)
    for chunk in (plain, weighted):
        assert all(torch.equal(first[name], weight) for name, weight in experiment.train(chunk).items())
    negligible = experiment.train({**tiny[1], "strength": 1e-30})
    assert all(torch.equal(weight, negligible[name]) for name, weight in experiment.train(tiny[0]).items())
    strong = experiment.train(tiny[1])
    assert not torch.equal(strong["q"], negligible["q"])


def test_a_strong_penalty_makes_coefficients_smaller(tiny):
    runs = [experiment.compute_chunk({**tiny[1], "steps": 60, "strength": strength}) for strength in (1e-30, 1.0)]
    assert runs[1]["penalty"][0] < 0.5 * runs[0]["penalty"][0]
    assert runs[1]["largest_inside"][0] < runs[0]["largest_inside"][0]


# end to end -----------------------------------------------------------------------------------------------------------


def test_a_tiny_run_end_to_end_is_the_same_twice(tiny):
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    rows = [experiment.compute_chunk(chunk) for chunk in tiny]
    assert rows == [experiment.compute_chunk(chunk) for chunk in tiny]
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)  # the caller's randomness is left alone
    columns = {name: [row[name][0] for row in rows] for name in rows[0]}
    numbers = [columns[name] for name in columns if name not in ("form", "torch")]
    assert np.isfinite(numbers).all()
    assert (np.array(columns["largest_inside"]) >= columns["median_A"]).all()
    for name in ("median_outside", "median_interpolated"):
        assert (np.array(columns[name]) <= columns["median_triangle"]).all()
    assert (np.array(columns["median_interpolated"]) >= 1.0 - 1e-12).all()  # every second offset is a trained one
    data = experiment.compute(TINY, columns)
    figure = experiment.draw(data)
    assert len(figure.axes) == 6


# what is committed ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored():
    return Store().read(SWEEP)


def test_stored_rows_are_those_the_code_asks_for(stored):
    asked = experiment.chunks(INPUTS)
    assert {len(values) for values in stored.values()} == {len(asked)}
    for name in ("form", "strength", "seed"):
        assert stored[name] == [chunk[name] for chunk in asked]
    facts = json.loads((Store().data / "penalty_experiment.json").read_text())
    assert facts["inputs"] == json.loads(json.dumps(INPUTS))
    assert facts["about"] == experiment.ABOUT
    assert np.isfinite([values for name, values in stored.items() if name not in ("form", "torch")]).all()


def test_stored_rows_have_the_columns_a_run_gives(stored, tiny):
    assert list(stored) == list(experiment.compute_chunk({**tiny[0], "steps": 1}))


def test_no_score_exceeds_its_triangle_bound(stored):
    columns = {name: np.array(values) for name, values in stored.items() if name not in ("form", "torch")}
    for measure in ("outside", "interpolated"):
        for size in ("median", "top"):
            assert (columns[f"{size}_{measure}"] <= columns[f"{size}_triangle"]).all()
    assert (columns["median_interpolated"] >= 1.0 - 1e-9).all()


def test_facts_are_medians_and_ranges_over_the_seeds(stored):
    data = PART.data()
    assert len(data.facts["settings"]) == 7
    for entry in data.facts["settings"]:
        rows = [n for n in range(len(stored["form"]))
                if (stored["form"][n], stored["strength"][n]) == (entry["form"], entry["strength"])]  # fmt: skip
        for name in (*LOSSES, *SIZES, "penalty"):
            values = sorted(stored[name][n] for n in rows)
            assert [entry[name][key] for key in ("smallest", "median", "largest")] == values


def test_what_theory_md_says_of_it(stored):
    table = {name: np.array(values) for name, values in stored.items()}

    def seeds(form, strength, name):
        return table[name][(table["form"] == form) & (table["strength"] == strength)]

    penalised = [(form, strength) for form in experiment.FORMS for strength in (1e-4, 1e-3, 1e-2)]
    smaller = {
        key: np.median(seeds("none", 0.0, "coefficients")) / np.median(seeds(*key, "coefficients")) for key in penalised
    }
    assert round(max(smaller.values())) == 27
    assert smaller["plain", 1e-2] == max(smaller.values())
    inside = {key: np.median(seeds(*key, "loss_window")) for key in penalised}
    assert round(np.median(seeds("none", 0.0, "loss_window")), 2) == 0.06
    assert round(max(inside.values()), 2) == 0.25
    for key in penalised:
        assert (seeds(*key, "loss_window") > seeds("none", 0.0, "loss_window")).all()
        less = seeds(*key, "loss_4") < seeds("none", 0.0, "loss_4")
        assert less.all() == (key[0] == "theta_squared" or key[1] == 1e-4)
        assert not (seeds(*key, "loss_2") < seeds("none", 0.0, "loss_2")).all()
    assert round(np.median(seeds("none", 0.0, "loss_4")), 2) == 0.50
    assert round(min(np.median(seeds(*key, "loss_4")) for key in penalised), 2) == 0.29
    ratios = [np.median(seeds(*key, "median_outside")) for key in penalised]
    assert round(np.median(seeds("none", 0.0, "median_outside")), 2) == 1.05
    assert (round(min(ratios), 2), round(max(ratios), 2)) == (0.98, 1.09)
    tops = {key: np.median(seeds(*key, "top_outside")) for key in [("none", 0.0), *penalised]}
    assert (round(tops["none", 0.0], 1), round(tops["plain", 1e-2], 1)) == (4.4, 2.9)
    weighted = [tops["theta_squared", strength] for strength in (1e-4, 1e-3, 1e-2)]
    assert (round(min(weighted), 1), round(max(weighted), 1)) == (4.6, 4.9)
    assert (seeds("plain", 1e-2, "top_outside") < seeds("none", 0.0, "top_outside").min()).all()
    assert (table["loss_2_interpolated"] > math.log(INPUTS["values"])).all()


def test_training_taught_the_task_at_strength_zero(stored):
    for loss, strength in zip(stored["loss_window"], stored["strength"], strict=True):
        if strength == 0.0:
            assert loss < 0.2 * math.log(INPUTS["values"])


def test_the_picture_shows_a_point_a_seed():
    data = PART.data()
    figure = experiment.draw(data)
    assert [ax.get_title() for ax in figure.axes[:2]] == list(experiment.FORMS.values())
    assert "T = 64" in figure.get_suptitle()
    runs = data.tables["runs"]
    for ax, measures in zip(figure.axes[::2], (LOSSES, experiment.COEFFICIENTS, SIZES), strict=True):
        points = [line for line in ax.lines if line.get_linestyle() == "None"]
        assert len(points) == 4 * len(measures)
        assert {len(line.get_xdata()) for line in points} == {3}
        for name, line in zip(measures, points[::4], strict=True):
            assert list(line.get_ydata()) == list(runs[name][:3])
        along = [line for line in ax.lines if line.get_linewidth() == 0.5]
        assert len(along) == 3 * len(measures)  # a line a seed
        assert [line.get_ydata()[0] for line in along[:3]] == list(runs[next(iter(measures))][:3])
    for ax, measures in ((figure.axes[1], LOSSES), (figure.axes[5], SIZES)):
        assert [text.get_text() for text in ax.get_legend().get_texts()] == list(measures.values())
    figure.canvas.draw()


def test_it_is_a_part_of_the_figures():
    from paper_repro.command import PARTS

    assert PART in PARTS
