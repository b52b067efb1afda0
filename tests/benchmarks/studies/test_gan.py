"""Toy GANs: the law of the stack, measures, the study."""

from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance
from torch.nn import functional as F

from benchmarks.run.jobs import Job
from benchmarks.run.results import read_rows
from benchmarks.run.unit import make_units, run_unit
from benchmarks.studies.gan import __main__ as gan
from benchmarks.studies.gan import figures as gan_figures
from benchmarks.studies.gan import training
from benchmarks.studies.gan.metrics import FAIR_SHARE, measure, sliced_wasserstein
from benchmarks.studies.gan.toy_sets import NEAR, NOISE_SD, TOY_SETS
from benchmarks.studies.gan.training import _Streams, train
from skmixup.mixing import mixup_real_fake


def gan_rows(distances):
    """Rows of GANs: a distance for each kind and seed."""
    return pd.DataFrame(
        [
            {"table": "ring of 8", "label": label, "fold": seed, "distance": distance}
            | {"covered": 1.0, "near": 1 - distance, "gradient": 2 * distance}
            for label, some in distances.items()
            for seed, distance in enumerate(some)
        ]
    )


CONTROL, AGAINST = gan.CONTROLS["one batch"], gan.CONTROLS["one batch, formula"]


@pytest.mark.slow
def test_gans_are_compared_seed_by_seed():
    seeds = np.linspace(0.2, 0.3, 8)
    rows = gan_rows(
        {
            gan.PLAIN: seeds,
            CONTROL: seeds + 0.01 * np.array([1, -2] * 4),
            AGAINST: seeds - 0.2,
            "mixup α=0.2": seeds - 0.1,
            "mixup α=0.2, formula": seeds - 0.1,
        }
    )
    found = gan.compare(rows.sample(frac=1, random_state=0))
    assert len(found) == 4 * 2 * 2
    by = found.set_index(["measure", "label", "other"]).sort_index()
    better = by.loc[("distance", "mixup α=0.2", gan.PLAIN)]
    assert better[["better", "worse"]].tolist() == [8, 0]
    assert better["gain"] == pytest.approx(0.1)
    # Each way is compared with what it is without mixup.
    assert by.loc[("distance", "mixup α=0.2, formula", AGAINST), "worse"] == 8
    assert ("distance", "mixup α=0.2", AGAINST) not in by.index
    assert (by.loc["covered", "p"] == 1).all()
    # Two comparisons of each way: Holm takes the least p-value twice.
    assert by.loc[("near", "mixup α=0.2", gan.PLAIN), "p"] == pytest.approx(4 / 2**8)
    text = gan.sentence(found)
    one, formula = text.split("Mixup α=0.2, formula: ")
    closer = "of 1 sets closer on 1 (ring of 8), farther on 0, level on 0"
    other = f"against no mixup, one batch, {closer}"
    assert f"samples are against no mixup, as usual, {closer}; {other}." in one
    assert "gradient is against no mixup, as usual, of 1 sets smaller on 1" in one
    assert "no mixup, formula, of 1 sets closer on 0, farther on 1 (ring" in formula
    few = gan.sentence(gan.compare(rows[rows["fold"] < 3]))
    assert "closer on 0, farther on 0, level on 1 (ring of 8)" in few


def test_what_goes_with_gradients_is_told_within_ways_and_between_them():
    rows = gan_rows({"flat": [0.3, 0.1, 0.2], "steep": [0.5, 0.6, 0.7]})
    text = gan.what_goes_with_gradients(rows)
    assert "+1.00 on average (above 0 for 2 of 2)" in text
    assert "by their medians, +1.00 (above 0 for 1 of 1 sets)" in text
    opposed = rows.assign(gradient=-rows["gradient"])
    assert "-1.00 on average (above 0 for 0 of 2)" in gan.what_goes_with_gradients(
        opposed
    )
    assert "nothing tells" in gan.what_goes_with_gradients(rows[rows["fold"] == 0])


def test_kinds_of_gans_have_their_names():
    ways = training.SCHEMA.protocols
    plain = [gan.name_of({"alpha": 0.0, "protocol": way}) for way in ways]
    assert plain == [gan.PLAIN, CONTROL, AGAINST, CONTROL]
    mixed = [gan.name_of({"alpha": 0.5, "protocol": way}) for way in ways[1:]]
    ends = ["", ", formula", ", mixed samples"]
    assert mixed == [f"mixup α=0.5{end}" for end in ends]


def test_each_gan_is_of_its_alpha_its_seed_and_its_kind(quick):
    options = Namespace(
        sets=["ring of 8"], seeds=3, seed=0, alphas=[0.0, 0.2], swapped=True
    )
    ((table,), _) = gan.load(options)
    jobs = gan.jobs_of(table, options)
    how = {"fit": training.fit_gans, "schema": training.SCHEMA}
    units = make_units(table, jobs, **how)
    rows = [o.row for unit in units for o in run_unit(unit)]
    assert len(rows) == len({row["distance"] for row in rows}) == 18
    # A row is what the last samples of such a GAN are measured as.
    for job in (jobs[0], jobs[-1]):
        trained = training.train(
            table.X.to_numpy(),
            [job.alpha],
            [job.fold_seed >> 1],
            protocol=job.protocol,
        )
        rng = np.random.default_rng(job.fold_seed)
        samples = trained.samples[-1, 0]
        found = training.measure(samples, training.TOY_SETS["ring of 8"], rng)
        (row,) = (row for row in rows if Job.of(row) == job)
        assert row["distance"] == pytest.approx(found["distance"], rel=1e-4)
        assert np.allclose(row["gradients"], trained.gradients[:, 0], atol=1e-3)


@pytest.mark.slow
def test_more_seeds_leave_the_first_as_they_are(tmp_path, quick, capsys):
    arguments = ["--sets", "ring of 8", "--n-jobs", "1", "--out", str(tmp_path)]
    assert gan.main([*arguments, "--seeds", "2"]) == 0
    rows = read_rows(tmp_path)
    assert gan.main([*arguments, "--seeds", "3"]) == 0
    assert "10 of 15 jobs were finished before" in capsys.readouterr().err
    assert read_rows(tmp_path)[:10] == rows


def test_each_kind_of_gan_is_another(quick):
    real = TOY_SETS["ring of 8"].draw(100, np.random.default_rng(0))[0]
    made = [
        train(real, [0.2], [1], protocol=protocol).samples
        for protocol in training.SCHEMA.protocols
    ]
    assert {samples.shape for samples in made} == {(2, 1, 50, 2)}
    assert len({samples.tobytes() for samples in made}) == 4


RING = TOY_SETS["ring of 8"]


REAL = RING.draw(400, np.random.default_rng(0))[0]


SMALL = {"hidden_layer_sizes": (16, 16), "batch_size": 32, "n_samples": 20}


every_set = pytest.mark.parametrize("toy", TOY_SETS.values(), ids=lambda toy: toy.name)


def stack_of(protocol, lr=1e-3):
    sizes, betas = (16, 16), (0.5, 0.999)
    real = torch.from_numpy(REAL[:60].reshape(2, 30, 2).astype(np.float64))
    gan = training._StackedGAN(4, real[0], sizes, [0, 1], lr, betas, protocol)
    noise = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(0))
    return gan, real, noise.double()


def weights_of(mlp):
    return torch.cat([p.detach().flatten() for p in mlp.parameters()])


def test_a_generator_learns_from_its_share_of_mixtures():
    after = {}
    for protocol in ("one batch", "one batch, formula", "one batch, swapped"):
        for share in (0.0, 1.0):
            gan, real, noise = stack_of(protocol)
            before = weights_of(gan.generator)
            gan.step(real, torch.full((2, 30), share), noise)
            after[protocol, share] = weights_of(gan.generator)
            # Where all rows are real, there is nothing of it in them.
            moved = not torch.equal(before, after[protocol, share])
            assert moved is (protocol == "one batch" or share == 0)
    # Where all are generated, to change the targets' places is to call them real.
    torch.testing.assert_close(
        after["one batch, swapped", 0.0], after["one batch", 0.0]
    )


def test_by_the_formula_a_generator_raises_the_discriminators_loss():
    gan, real, noise = stack_of("one batch, formula")
    lam = torch.linspace(0, 1, 30).expand(2, 30)

    def loss_of(fake):
        rows, target = mixup_real_fake(real, fake, lam=lam)
        scores = gan.discriminator(rows).squeeze(-1)
        return F.binary_cross_entropy_with_logits(scores, target).item()

    before = gan.generate(noise)
    gan.step(real, lam, noise)  # the discriminator is as it was when this ends
    assert loss_of(gan.generate(noise)) > loss_of(before)


def test_gradients_between_rows_are_slopes_of_the_score():
    gan, real, noise = stack_of("one batch")
    fake, step = gan.generate(noise), 1e-6
    found = gan.gradient_norms(real, fake)
    assert found.shape == (2, training.N_SHARES)
    for place, share in ((0, 0.0), (5, 0.5), (10, 1.0)):
        at = share * real + (1 - share) * fake
        slopes = [
            gan.discriminator(at + step * e) - gan.discriminator(at - step * e)
            for e in torch.eye(2, dtype=torch.float64)
        ]
        norms = torch.cat(slopes, dim=-1).norm(dim=-1) / (2 * step)
        torch.testing.assert_close(
            found[:, place], norms.mean(-1).detach(), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize(
    "protocol",
    ["one batch", pytest.param("one batch, formula", marks=pytest.mark.slow)],
)
def test_a_member_is_the_same_in_any_company(protocol):
    alphas, seeds, lr = [0.0, 0.2, 1.0], [3, 3, 7], [1e-3, 1e-3, 3e-3]
    setting = SMALL | {"checkpoints": (10, 120), "protocol": protocol}
    real = REAL.astype(np.float64)  # a GAN is chaotic: float32's round-off would grow
    together, gradients = train(real, alphas, seeds, lr=lr, **setting)
    assert together.shape == (2, 3, 20, 2)
    for k in range(3):
        alone, own = train(
            real, alphas[k : k + 1], seeds[k : k + 1], lr=lr[k], **setting
        )
        np.testing.assert_allclose(together[:, [k]], alone, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(gradients[:, [k]], own, rtol=1e-7, atol=1e-9)
    others, _ = train(real, alphas[:0:-1], seeds[:0:-1], lr=lr[:0:-1], **setting)
    np.testing.assert_allclose(together[:, [2, 1]], others, rtol=1e-7, atol=1e-9)
    start, end = together
    assert (np.abs(end - start).max(axis=(1, 2)) > 0.1).all()  # there was training
    assert np.abs(end[0] - end[1]).max() > 1e-3  # and α matters


def test_the_same_seeds_give_the_same_samples_and_leave_global_state():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, longer = (
        train(REAL, [0.2, 0.0], [0, 1], checkpoints=checkpoints, **SMALL).samples
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
    samples, _ = train(real, [0.0, 0.2], [0, 0], checkpoints=(1, 300), lr=3e-3, **SMALL)
    away = np.linalg.norm(samples.mean(axis=2) - [3, -2], axis=-1)
    assert (away[1] < 0.3 * away[0]).all()


@every_set
def test_sets_are_comparable(toy):
    X, y = toy.draw(20_000, np.random.default_rng(0))
    assert X.shape == (20_000, 2)
    assert X.dtype == np.float32
    assert X.var() == pytest.approx(1, abs=0.1)
    shares, expected = (np.bincount(p) / len(p) for p in (y, toy.parts))
    assert shares * len(shares) == pytest.approx(expected * len(shares), abs=0.4)


@every_set
def test_real_rows_pass_for_samples(toy):
    rng = np.random.default_rng(1)
    measures = measure(toy.draw(2000, rng)[0], toy, rng)
    assert measures["covered"] == 1
    assert measures["near"] > (0.93 if toy.name == "digits" else 0.98)
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


def test_rows_of_a_real_table_are_not_measured_by_themselves():
    digits, rng = TOY_SETS["digits"], np.random.default_rng(0)
    shown, _ = digits.draw(3000, rng)
    fresh = digits.draw_fresh(3000, rng)
    assert not set(map(tuple, shown)) & set(map(tuple, fresh))
    # All of its clusters are to be covered, each as far as its size goes.
    without = shown[digits.parts[cKDTree(digits.points).query(shown)[1]] != 3]
    n_parts = digits.parts.max() + 1
    found = measure(without[:2000], digits, rng)["covered"]
    assert found == pytest.approx(1 - 1 / n_parts)


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
        | {"gradients": [[1.0, 2.0, 3.0], [2.0, 1.0 + seed, 2.0]]}
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
    figure = gan_figures.gradients_along_the_path(pd.DataFrame(rows))
    assert len(figure.axes) == len(TOY_SETS)
    line = figure.axes[0].lines[0]
    assert line.get_ydata().tolist() == [2.0, 2.0, 2.0]  # the end's, of the middle seed
    gan_figures.plt.close("all")
