"""The benchmark's statistics against scipy's, by hand, and by simulation."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from benchmarks.compare.statistics import _on_tables, compare, corrected_t_test


def folds_of(differences, n_folds=5):
    """Folds of models "a" and "base" on tables with these mean differences."""
    rng = np.random.default_rng(0)
    rows = []
    for table, difference in enumerate(differences):
        noise = rng.normal(scale=1e-3, size=n_folds)
        for label, level in (
            ("a", 0.5 + difference + noise - noise.mean()),
            ("base", 0.5),
        ):
            for fold, score in enumerate(np.broadcast_to(level, n_folds)):
                row = {"title": table, "label": label, "error": score}
                rows.append(row | {"folds": n_folds, "repeat": 0, "fold": fold})
    return pd.DataFrame(rows)


def test_without_the_correction_it_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.3, 1, 30), rng.normal(size=30)
    ours, scipys = corrected_t_test(a - b, 0.0), stats.ttest_rel(a, b)
    interval = scipys.confidence_interval()
    assert_allclose(ours.p, scipys.pvalue)
    assert_allclose([ours.low, ours.high], [interval.low, interval.high])


def test_correction_by_hand():
    """Ten folds: the variance of the mean is s² (1/10 + 1/9)."""
    differences = np.array([1, 2, 3, 1, 2, 3, 1, 2, 3, 2.0])
    t = 2 / np.sqrt(differences.var(ddof=1) * (1 / 10 + 1 / 9))
    expected = 2 * stats.t.sf(t, df=9)
    assert_allclose(corrected_t_test(differences, 1 / 9).p, expected)


@pytest.mark.parametrize(("level", "p"), [(0.0, 1.0), (0.25, 0.0)])
def test_folds_that_all_say_the_same(level, p):
    difference = corrected_t_test(np.full(5, level), 0.25)
    assert (difference.mean, difference.low, difference.high) == (level,) * 3
    assert difference.p == p


def test_one_fold_says_nothing():
    assert np.isnan(corrected_t_test([0.1], 1.0).p)


def test_wins_ties_losses_and_effect():
    (row,) = compare(folds_of([-0.1, -0.2, 0.3, 0.0]), "base", "error").to_dict(
        "records"
    )
    assert (row["won"], row["tied"], row["lost"]) == (2, 1, 1)
    assert (row["better"], row["worse"]) == (2, 1)
    assert_allclose(row["effect"], (1 + 2 - 3) / 6)
    assert np.isnan(row["p"])


def test_over_six_tables_it_is_wilcoxons_test():
    differences = [-0.1, -0.2, -0.3, 0.05, -0.4, -0.5, -0.6]
    (row,) = compare(folds_of(differences), "base", "error").to_dict("records")
    assert_allclose(row["p"], stats.wilcoxon(differences).pvalue)
    assert row["p_holm"] == row["p"]


def test_holm_multiplies_the_smallest_by_the_number_of_models():
    first = folds_of(-0.1 * np.arange(1, 9))
    second = folds_of(0.1 * np.array([1, -2, 3, -4, 5, -6, 7, -8]))
    other = second[second["label"] == "a"].assign(label="b")
    compared = compare(pd.concat([first, other]), "base", "error").set_index("label")
    assert_allclose(compared.loc["a", "p_holm"], 2 * compared.loc["a", "p"])
    assert_allclose(compared.loc["b", "p_holm"], compared.loc["b", "p"])


def test_equal_models_are_no_evidence():
    base = folds_of([0.0] * 6).query("label == 'base'")
    folds = pd.concat([base, base.assign(label="a")])
    (row,) = compare(folds, "base", "error").to_dict("records")
    assert (row["tied"], row["effect"], row["p"]) == (6, 0.0, 1.0)


def test_nothing_to_compare():
    assert compare(folds_of([0.1]).query("label == 'base'"), "base", "error").empty


def test_only_folds_that_both_have_are_compared():
    folds = folds_of([-0.1, -0.2])
    of_a = (folds["title"] == 1) & (folds["label"] == "a")
    folds.loc[of_a & (folds["fold"] == 3), "error"] = 3.0  # alone it would lose table 1
    (row,) = compare(folds, "base", "error").to_dict("records")
    assert (row["won"], row["tied"], row["lost"]) == (1, 0, 1)
    without = folds[~((folds["title"] == 1) & (folds["fold"] == 3) & ~of_a)]
    (row,) = compare(without, "base", "error").to_dict("records")
    assert (row["won"], row["tied"], row["lost"]) == (2, 0, 0)
    nothing = folds[~((folds["title"] == 1) & ~of_a)]
    (row,) = compare(nothing, "base", "error").to_dict("records")
    assert (row["won"], row["tied"], row["lost"]) == (1, 0, 0)


@pytest.mark.slow
def test_overlap_of_folds_keeps_the_promised_level():
    """Differences whose folds correlate as k-fold's do: at most 5 % false alarms.

    With a correlation of n_test / (n_test + n_train) between folds, as Nadeau and
    Bengio assume, the uncorrected test would be far off.
    """
    rng, n_folds = np.random.default_rng(0), 10
    shared = 1 / n_folds
    samples = np.sqrt(shared) * rng.normal(size=(2000, 1)) + np.sqrt(
        1 - shared
    ) * rng.normal(size=(2000, n_folds))
    corrected = np.mean([corrected_t_test(s, 1 / 9).p < 0.05 for s in samples])
    plain = np.mean([corrected_t_test(s, 0).p < 0.05 for s in samples])
    assert 0.03 < corrected < 0.07 < 0.1 < plain


def test_pairs_share_their_seed_and_their_task():
    """A run that was cut off under a second seed is compared on its first only."""
    rows = [
        {"title": "t", "label": label, "folds": 2, "repeat": 0, "fold": fold}
        | {"seed": seed, "task_id": task, "log_loss": score + 10 * seed}
        for label, score, seeds in (("ERM", 1.0, (1, 0)), ("other", 2.0, (0,)))
        for seed in seeds
        for task in (None, 59)
        for fold in range(2)
    ]
    (row,) = compare(pd.DataFrame(rows), "ERM", "log_loss").to_dict("records")
    assert (row["won"], row["lost"], row["worse"]) == (0, 1, 1)
    ((_, (difference,)),) = _on_tables(pd.DataFrame(rows), "ERM", "log_loss")
    assert difference.mean == difference.low == difference.high == 1.0
