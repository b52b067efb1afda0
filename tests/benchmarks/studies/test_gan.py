"""Toy GANs: the law of the stack, measures, the study."""

from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import wasserstein_distance

from benchmarks.run.jobs import Job
from benchmarks.run.results import read_rows
from benchmarks.run.unit import make_units, run_unit
from benchmarks.studies.gan import __main__ as gan
from benchmarks.studies.gan import figures as gan_figures
from benchmarks.studies.gan import training
from benchmarks.studies.gan.metrics import FAIR_SHARE, NEAR, measure, sliced_wasserstein
from benchmarks.studies.gan.toy_sets import NOISE_SD, TOY_SETS
from benchmarks.studies.gan.training import _Streams, train


def gan_rows(distances):
    """Rows of GANs: a distance for each kind and seed."""
    return pd.DataFrame(
        [
            {"table": "ring of 8", "label": label, "fold": seed, "distance": distance}
            | {"covered": 1.0, "near": 1 - distance}
            for label, some in distances.items()
            for seed, distance in enumerate(some)
        ]
    )


@pytest.mark.slow
def test_gans_are_compared_seed_by_seed():
    seeds = np.linspace(0.2, 0.3, 8)
    rows = gan_rows(
        {
            gan.PLAIN: seeds,
            gan.CONTROL: seeds + 0.01 * np.array([1, -2] * 4),
            "mixup α=0.2": seeds - 0.1,
        }
    )
    found = gan.compare(rows.sample(frac=1, random_state=0))
    assert len(found) == 6
    by = found.set_index(["measure", "other"])
    assert by.loc[("distance", gan.PLAIN), ["better", "worse"]].tolist() == [8, 0]
    assert by.loc[("distance", gan.PLAIN), "gain"] == pytest.approx(0.1)
    assert by.loc[("covered", gan.PLAIN), "p"] == 1
    # Two comparisons: Holm doubles the least p-value, 2 / 2 ** 8.
    assert by.loc[("near", gan.PLAIN), "p"] == pytest.approx(2 * 2 / 2**8)
    text = gan.sentence(found)
    assert text.startswith("Ring of 8: the samples of mixup α=0.2 are closer than with")
    assert "closer for 8 of 8 seeds" in text
    worse = rows.assign(distance=-rows["distance"])
    assert "farther than with no mixup, as usual" in gan.sentence(gan.compare(worse))
    few = gan.compare(rows[rows["fold"] < 3])
    assert "about as close as with no mixup, as usual" in gan.sentence(few)


def test_kinds_of_gans_have_their_names():
    names = {
        gan.name_of({"alpha": alpha, "protocol": protocol})
        for alpha, protocol in ((0.0, "two batches"), (0.0, "one batch"))
    }
    assert names == {gan.PLAIN, gan.CONTROL}
    assert gan.name_of({"alpha": 0.0, "protocol": "two batches"}) == gan.PLAIN
    assert gan.name_of({"alpha": 0.5, "protocol": "one batch"}) == "mixup α=0.5"


def test_each_gan_is_of_its_alpha_its_seed_and_its_kind(quick):
    options = Namespace(sets=["ring of 8"], seeds=3, seed=0, alphas=[0.0, 0.2])
    ((table,), _) = gan.load(options)
    jobs = gan.jobs_of(table, options)
    how = {"fit": training.fit_gans, "schema": training.SCHEMA}
    units = make_units(table, jobs, **how)
    rows = [o.row for unit in units for o in run_unit(unit)]
    assert len(rows) == len({row["distance"] for row in rows}) == 9
    # A row is what the last samples of such a GAN are measured as.
    for job, alpha in ((jobs[0], 0.0), (jobs[-1], 0.2)):
        samples = training.train(
            table.X.to_numpy(),
            [alpha],
            [job.fold_seed >> 1],
            two_batches=job.protocol == "two batches",
        )
        rng = np.random.default_rng(job.fold_seed)
        found = training.measure(samples[-1, 0], training.TOY_SETS["ring of 8"], rng)
        (row,) = (row for row in rows if Job.of(row) == job)
        assert row["distance"] == pytest.approx(found["distance"], rel=1e-4)


@pytest.mark.slow
def test_more_seeds_leave_the_first_as_they_are(tmp_path, quick, capsys):
    arguments = ["--sets", "ring of 8", "--n-jobs", "1", "--out", str(tmp_path)]
    assert gan.main([*arguments, "--seeds", "2"]) == 0
    rows = read_rows(tmp_path)
    assert gan.main([*arguments, "--seeds", "3"]) == 0
    assert "6 of 9 jobs were finished before" in capsys.readouterr().err
    assert read_rows(tmp_path)[:6] == rows


def test_a_gan_with_two_batches_is_another(quick):
    real = TOY_SETS["ring of 8"].draw(100, np.random.default_rng(0))[0]
    one, two = (train(real, [0.0], [1], two_batches=both) for both in (False, True))
    assert one.shape == two.shape == (2, 1, 50, 2)
    assert not np.array_equal(one, two)


RING = TOY_SETS["ring of 8"]


REAL = RING.draw(400, np.random.default_rng(0))[0]


SMALL = {"hidden_layer_sizes": (16, 16), "batch_size": 32, "n_samples": 20}


every_set = pytest.mark.parametrize("toy", TOY_SETS.values(), ids=lambda toy: toy.name)


def test_a_member_is_the_same_in_any_company():
    alphas, seeds, lr = [0.0, 0.2, 1.0], [3, 3, 7], [1e-3, 1e-3, 3e-3]
    setting = SMALL | {"checkpoints": (10, 120)}
    real = REAL.astype(np.float64)  # a GAN is chaotic: float32's round-off would grow
    together = train(real, alphas, seeds, lr=lr, **setting)
    assert together.shape == (2, 3, 20, 2)
    for k in range(3):
        alone = train(real, alphas[k : k + 1], seeds[k : k + 1], lr=lr[k], **setting)
        np.testing.assert_allclose(together[:, [k]], alone, rtol=1e-7, atol=1e-9)
    others = train(real, alphas[:0:-1], seeds[:0:-1], lr=lr[:0:-1], **setting)
    np.testing.assert_allclose(together[:, [2, 1]], others, rtol=1e-7, atol=1e-9)
    start, end = together
    assert (np.abs(end - start).max(axis=(1, 2)) > 0.1).all()  # there was training
    assert np.abs(end[0] - end[1]).max() > 1e-3  # and α matters


def test_the_same_seeds_give_the_same_samples_and_leave_global_state():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, longer = (
        train(REAL, [0.2, 0.0], [0, 1], checkpoints=checkpoints, **SMALL)
        for checkpoints in [(5, 30), (5, 30), (5, 30, 60)]
    )
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, longer[:2])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_alpha_changes_nothing_but_lambda():
    plain, mixed = (_Streams(5, alpha) for alpha in (0.0, 0.2))
    for _ in range(2):
        one, other = (s.draw(20, 100, 50, 3) for s in (plain, mixed))
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[2], other[2])
        assert set(np.unique(one[1])) == {0, 1}
        assert one[1].mean() == pytest.approx(0.5, abs=0.06)
        assert ((other[1] > 0) & (other[1] < 1)).mean() > 0.9


def test_a_generator_learns_where_the_data_are():
    real = np.float32([3, -2]) + 0.1 * REAL
    samples = train(
        real, [0.0, 0.2], [0, 0], checkpoints=(1, 300), lr=3e-3, **SMALL
    ).mean(axis=2)
    away = np.linalg.norm(samples - [3, -2], axis=-1)
    assert (away[1] < 0.3 * away[0]).all()


@every_set
def test_sets_are_comparable(toy):
    X, y = toy.draw(20_000, np.random.default_rng(0))
    assert X.shape == (20_000, 2)
    assert X.dtype == np.float32
    assert X.var() == pytest.approx(1, abs=0.1)
    n_parts = toy.parts.max() + 1
    assert np.bincount(y) * n_parts / len(y) == pytest.approx(1, abs=0.2)


@every_set
def test_real_rows_pass_for_samples(toy):
    rng = np.random.default_rng(1)
    measures = measure(toy.draw(2000, rng)[0], toy, rng)
    assert measures["covered"] == 1
    assert measures["near"] > 0.98
    assert measures["distance"] < 0.08


def test_collapse_is_seen():
    collapsed = np.full((800, 2), RING.points[3])
    found = measure(collapsed, RING, np.random.default_rng(0))
    assert found["covered"] == 1 / 8
    assert found["near"] == 1
    assert found["distance"] > 0.8


def test_a_part_is_covered_by_a_share_of_its_samples_and_near_by_distance():
    n = 800
    few = int(FAIR_SHARE * n / 8)
    samples = np.repeat(RING.points[[0, 1, 2]], [few, few - 1, n - 2 * few + 1], axis=0)
    rng = np.random.default_rng(0)
    assert measure(samples, RING, rng)["covered"] == 2 / 8
    outward = samples * (1 + 1.01 * NEAR / np.linalg.norm(samples[0]))
    found = measure(outward, RING, rng)
    assert (found["covered"], found["near"]) == (0, 0)


def test_sliced_wasserstein_is_the_mean_over_projections():
    first, second = np.random.default_rng(0).normal(size=(2, 50, 2))
    second = 2 * second + 1
    angles = np.arange(7) * np.pi / 7
    expected = [
        wasserstein_distance(first @ direction, second @ direction)
        for direction in np.column_stack([np.cos(angles), np.sin(angles)])
    ]
    assert sliced_wasserstein(first, second, 7) == pytest.approx(np.mean(expected))
    assert sliced_wasserstein(first, first) == 0
    shifted = sliced_wasserstein(first, first + np.array([NOISE_SD, 0]))
    assert shifted == pytest.approx(NOISE_SD * 2 / np.pi, rel=1e-3)


def test_figures_show_every_panel_and_every_seed():
    samples = {"plain": np.zeros((2, 30, 2)), "mixup": np.zeros((2, 30, 2))}
    figure = gan_figures.samples_over_training(samples, [10, 20], RING)
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in figure.axes[:3]] == [
        "10 steps",
        "20 steps",
        RING.name,
    ]
    rows = [
        {"table": name, "label": label, "covered": 0.5, "near": 0.5, "distance": seed}
        for name in TOY_SETS
        for label in ("plain", "mixup")
        for seed in range(3)
    ]
    figure = gan_figures.spread_over_seeds(pd.DataFrame(rows))
    assert len(figure.axes) == 3
    assert all(
        sum(len(line.get_xdata()) for line in ax.lines) == len(rows)
        for ax in figure.axes
    )
    gan_figures.plt.close("all")
