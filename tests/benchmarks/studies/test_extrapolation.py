"""mixup beyond the rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.compare.summary import label_rows
from benchmarks.report.figures import plt
from benchmarks.run.folds import rows_of
from benchmarks.run.jobs import make_jobs
from benchmarks.run.results import read_rows
from benchmarks.studies.extrapolation import __main__ as extrapolation
from benchmarks.studies.extrapolation import networks
from benchmarks.studies.extrapolation.mixers import (
    OffData,
    StretchedTargets,
    TowardsShares,
)
from benchmarks.studies.extrapolation.rows import Columns, other_tables
from benchmarks.studies.study import parse_options
from skmixup.mixing import NoiseMixup
from skmixup.mixing._draws import draw_steps
from tests.benchmarks.helpers import KEPT, SCHEMAS

STUDY = extrapolation.STUDY


@pytest.fixture(scope="module")
def X():
    """Numbers of which two are nearly one, one that is constant, and a category."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        rng.normal(size=(200, 5)) * [1, 1, 10, 1, 1], columns=list("abcde")
    )
    X["b"] = X["a"] + 0.01 * X["b"]
    X["e"] = 3
    X["word"] = pd.Categorical(rng.choice(["yes", "no"], len(X), p=[0.9, 0.1]))
    X.loc[5, "c"] = np.nan
    X["count"] = rng.integers(100, size=len(X))
    return X


def test_rows_are_moved_off_the_span(X):
    columns = Columns(X)
    assert columns.numbers == ["a", "b", "c", "d", "count"]
    moved = columns.moved(X.iloc[:50], 0.5, np.random.default_rng(1))
    assert moved.index.equals(X.index[:50]) and list(moved) == list(X)
    assert moved["word"].equals(X["word"][:50]) and moved["e"].equals(X["e"][:50])
    assert moved["c"].isna().tolist() == X["c"][:50].isna().tolist()
    way = (moved[columns.numbers] - X.loc[:49, columns.numbers]).to_numpy() / columns.sd
    way = way[~np.isnan(way).any(axis=1)]
    np.testing.assert_allclose((way**2).mean(axis=1), 0.5**2)
    np.testing.assert_allclose(way[:, 0], -way[:, 1], rtol=0.05)  # a and b part
    inside = np.linalg.svd(columns.off_span)[2][len(columns.off_span) :]
    np.testing.assert_allclose(way @ inside.T, 0, atol=1e-9)
    far = columns.moved(X.iloc[:50], np.arange(50), np.random.default_rng(1))
    assert far.iloc[0].equals(X.iloc[0].astype(far.iloc[0].dtype))


def test_fewer_rows_than_columns_have_all_that_is_off_their_span(X):
    few = Columns(X[["a", "b", "c", "d"]].iloc[:2])
    assert len(few.off_span) == 3


def test_noise_lies_within_the_columns(X):
    columns, rng = Columns(X), np.random.default_rng(1)
    box = columns.in_box(500, rng)
    for name in columns.numbers:
        low, high = X[name].min(), X[name].max()
        assert box[name].between(low, high).all()
        assert box[name].mean() == pytest.approx((low + high) / 2, abs=(high - low) / 9)
    assert (box["word"] == "no").mean() == pytest.approx(0.5, abs=0.1)
    assert box["word"].dtype == X["word"].dtype
    shuffled = columns.shuffled(500, rng)
    for name in X:
        assert shuffled[name].isin(X[name]).all()
    assert (
        abs(X["a"].corr(X["b"])) > 0.99 > 0.2 > abs(shuffled["a"].corr(shuffled["b"]))
    )


def test_rows_of_another_table_have_this_ones_spread(X):
    columns, rng = Columns(X), np.random.default_rng(1)
    others = rng.normal(size=(1000, 8)) @ rng.normal(size=(8, 8))
    others = (others - others.mean(axis=0)) / others.std(axis=0)
    rows = columns.like(others, 4000, rng)
    scaled = (rows[columns.numbers].to_numpy() - columns.mean) / columns.sd
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=0.1)
    first = [np.isclose(others.T, scaled[0, i]).any() for i in range(5)]
    assert all(first)
    assert len(columns.like(others[:, :2], 30, rng)) == 30  # columns come again


def test_no_table_is_off_its_own_data(iris):
    names = ["iris", "wine", "breast cancer", "digits"]
    assert list(other_tables(iris)) == names[1:]
    assert list(other_tables(replace(iris, name="wdbc", id=1510))) == [
        *(names[:2] + names[3:])
    ]
    for others in other_tables(replace(iris, name="other")).values():
        np.testing.assert_allclose(others.std(axis=0), 1)


BEYOND = torch.tensor([-0.5, -0.1, 0.0, 0.3, 1.0, 1.2, 1.5])[None, None]


@pytest.mark.parametrize(
    ("mixer", "weights"),
    [
        (StretchedTargets(0.5), [-0.5, -0.1, 0.0, 0.3, 1.0, 1.2, 1.5]),
        (TowardsShares(0.5), [0.5, 0.1, 0.0, 0.3, 1.0, 0.8, 0.5]),
    ],
)
def test_weights_of_targets_beyond_the_rows(mixer, weights):
    X, partner = torch.rand(2, 1, 1, 7, 3)
    mixed, lam = mixer.mix(X, partner, BEYOND)
    torch.testing.assert_close(mixed, partner + BEYOND[..., None] * (X - partner))
    torch.testing.assert_close(lam, torch.tensor(weights)[None, None])


def test_weights_below_zero_leave_cross_entropy_without_a_bound():
    target = torch.tensor([[1.5, -0.5]])
    losses = [
        torch.nn.functional.cross_entropy(torch.tensor([[score, 0.0]]), target)
        for score in (0.0, 10.0, 1000.0)
    ]
    assert losses[0] > 0 > losses[1] > losses[2] < -400


@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 0.5, 1.0]))
def test_rows_off_the_data_are_the_same_in_any_company(seed, share):
    bank = np.arange(100, 150, dtype=np.float32)[:, None].repeat(2, axis=1)
    mixer, sizes = OffData(bank, share), [9, 5, 1]
    X = torch.arange(9.0)[:, None].expand(9, 2)

    def mixed(members):
        rngs = [
            tuple(map(np.random.default_rng, [[seed, k, i] for i in range(3)]))
            for k in members
        ]
        n_rows = [sizes[k] for k in members]
        drawn = draw_steps(mixer, rngs, [1e-9] * len(members), 4, n_rows, "row")
        draws = {name: torch.from_numpy(a) for name, a in drawn.items()}
        lam, partner = draws.pop("lam"), draws.pop("partner")
        rows = X[: max(n_rows)].expand(len(members), 4, -1, -1)
        found, weight = mixer.mix(rows, X[partner], lam, **draws)
        assert torch.equal(weight, lam)
        return found, lam

    together, lam = mixed([0, 1, 2])
    off = together[0, :, :, 0] >= 100
    assert not off[lam[0] == 1].any()
    assert not off.any() if share == 0 else (off == (lam[0] == 0)).all() or share < 1
    for k, size in enumerate(sizes):
        assert torch.equal(together[k, :, :size], mixed([k])[0][0])


@pytest.mark.parametrize("kind", networks.KINDS)
def test_mixers_are_told_of_the_rows_as_the_network_gets_them(kind, iris, quick):
    words = pd.Series(np.arange(len(iris.X)) % 3).map({0: "a", 1: "b", 2: "c"})
    table = replace(iris, X=iris.X.assign(word=words, second=words).sample(frac=1))
    y = np.asarray(table.y)
    for name in ("noise in the box, 25 %", "columns shuffled, 25 %"):
        how = {"protocol": f"{kind}: {name}", "folds": 3}
        job = make_jobs(table, ["mixup"], [0.1], **how)[0]
        mixer = networks._mixer(table, job, y)
        (fit,) = networks.fit_beyond(table, [job])
        assert fit.error is None
        encoder, (train, _) = fit.model.encoder_, rows_of(table, job)
        encoded = encoder.transform(table.X.iloc[train])
        if isinstance(mixer, OffData):
            assert mixer.rows.shape == (networks.N_NOISE, encoded.shape[1])
            assert (mixer.rows.min(axis=0) >= encoded.min(axis=0) - 1e-5).all()
            one_hot = mixer.rows[:, -6:].reshape(-1, 3)  # a level of each word
            assert (np.sort(one_hot, axis=1) == [0, 0, 1]).all()
        else:
            groups = mixer.bind(getattr(encoder, "column_groups_", None)).groups
            assert list(groups[-6:] - groups[-1]) == [-1] * 3 + [0] * 3
            assert isinstance(mixer, NoiseMixup) and len(groups) == encoded.shape[1]


def test_what_is_measured(iris, quick):
    how = {"protocol": "single: mixup", "folds": 3}
    job = make_jobs(iris, ["mixup"], [0.0], **how)[0]
    (fit,) = networks.fit_beyond(iris, [job])
    (again,) = networks.fit_beyond(iris, [job])
    assert again.measures == fit.measures
    assert [line[0] for line in fit.measures["moved"]] == [0.25, 0.5, 1.0]
    assert 0 <= fit.measures["attack_error"] <= 1


def test_doubts_are_exact_next_to_certainty():
    class Model:
        def predict_proba(self, X):
            return np.float32([[1, 1e-20, 0], [1e-30, 1, 1e-35], [0.25, 0.25, 0.5]])

    doubts = networks._doubts(Model(), None)
    np.testing.assert_allclose(doubts, [1e-20, 1.00001e-30, 0.5], rtol=1e-6)


def made_up_row(table, protocol, alpha, auroc, loss):
    return {
        **{"table": table, "title": table, "repeat": 0, "fold": 0, "folds": 3},
        **{"model": "mixup", "protocol": protocol, "alpha": alpha, "error": 0.1},
        **{"log_loss": loss, "attack_error": None, "n_test": 10, "n_train": 20},
        "moved": [[d, 0.2, 2 * loss, 0.05] for d in networks.DELTAS],
        "auroc": [[name, auroc] for name in networks.OFF],
    }


def test_report():
    rows = []
    for i in range(6):
        table, shift = "abcdef"[i], i / 100
        rows += [
            made_up_row(table, "single: mixup", 0.0, 0.5 + shift, 0.4),
            made_up_row(table, "single: mixup", 1.0, 0.6 + shift, 0.3),
            made_up_row(table, "single: reach 0.5", 1.0, 0.55 + shift, 0.2 + shift),
            made_up_row(
                table,
                "single: columns shuffled, 25 %",
                1.0,
                0.7 + shift - 0.3 * (i > 3),
                0.35,
            ),
        ]
    text, figures = extrapolation.report(pd.DataFrame(rows))
    assert list(figures) == ["extrapolation_single"]
    plt.close(figures["extrapolation_single"])
    assert "Means over 6 tables" in text and "iterated attack" not in text
    assert "| mixup α=1 | 10.0 | 0.300 | 20.0 | 0.600 | 0.050 | 0.625 |" in text
    assert "| reach 0.5 α=1 | 0 | 6, 0 | 0.062 | 0, 6 |" in text
    assert "| columns shuffled, 25 % α=1 | 4 | 4, 2 |" in text
    assert text.endswith(
        "on two in three of 6 tables: columns shuffled, 25 % α=1 (4).\n"
    )


@pytest.mark.parametrize(
    "auroc",
    [None, [], [["other tables", 0.5]], [["a", 0.5]] * 3, [["other tables"]] * 3],
)
def test_aurocs_are_those_that_are_compared(auroc):
    row = read_rows(KEPT / "extrapolation", STUDY.schema)[0]
    with pytest.raises(ValueError, match="auroc is"):
        STUDY.schema.check(row | {"auroc": auroc})


def test_options(capsys):
    options = parse_options(
        STUDY, ["--half", "meta-test", "--variants", "reach 0.5", "reach 0.5"]
    )
    assert options.variants == ["mixup", "reach 0.5"]
    assert options.keys == list(extrapolation.HALVES["meta-test"])
    every = parse_options(STUDY, ["--variants", "all"])
    assert every.variants == list(networks.VARIANTS)
    with pytest.raises(SystemExit):
        parse_options(STUDY, ["--variants", "reach 7"])
    assert "invalid choice: 'reach 7'" in capsys.readouterr().err


def test_tables_with_few_numbers_are_left_out_and_long_ones_sampled(
    iris, monkeypatch, capsys
):
    narrow = replace(iris, name="narrow", X=iris.X.iloc[:, :3])
    wide = replace(iris, name="wide", X=pd.concat([iris.X] * 80, axis=1))
    long = replace(
        iris,
        name="long",
        X=pd.concat([iris.X] * 20, ignore_index=True),
        y=pd.concat([iris.y] * 20, ignore_index=True),
    )
    tables = [narrow, wide, long]
    monkeypatch.setattr(extrapolation, "load_all", lambda *_: (tables, {}))
    options = parse_options(STUDY, [])
    (kept,), unloaded = extrapolation.load(options)
    assert len(kept.X) == len(kept.y) == 1500 and kept.X.index.equals(kept.y.index)
    assert unloaded == {
        "narrow": "fewer than 4 columns of numbers",
        "wide": "more than 300 columns",
    }


@pytest.mark.slow
@pytest.mark.parametrize("half", ["meta-train", "meta-test"])
@pytest.mark.parametrize("kind", ["single", "default"])
def test_the_rows_that_are_kept_make_the_report_that_is_kept(half, kind):
    rows = read_rows(KEPT / "extrapolation", SCHEMAS["extrapolation"])
    keys = extrapolation.HALVES[half]
    of_both = [row for row in rows if row["table_id"] in keys]
    shown = [row for row in of_both if row["protocol"].startswith(kind)]
    text, figures = extrapolation.report(label_rows(shown))
    for figure in figures.values():
        plt.close(figure)
    assert text == (KEPT / "extrapolation" / f"{half}-{kind}.md").read_text()
