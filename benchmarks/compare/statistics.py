"""Whether one model beats another: on a table, and over tables."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

LEVEL = 0.05
# What two rows of a table must share for their scores to be a pair.
_PLACE = ("task_id", "folds", "seed", "repeat", "fold")
# Below six tables no outcome of a two-sided signed-rank test has p < 0.05.
MIN_TABLES = 6


@dataclass(frozen=True)
class Difference:
    """A mean difference over folds, with its interval and test.

    Parameters
    ----------
    mean : float
        Mean difference; below zero, the first model has the lower score.
    low, high : float
        Ends of its interval of confidence 1 - `LEVEL`.
    p : float
        Two-sided p-value.
    """

    mean: float
    low: float
    high: float
    p: float


def corrected_t_test(differences, test_to_train):
    """Test by the corrected resampled t-test whether differences have mean zero.

    Training sets of different folds overlap, so that folds are not independent: the
    variance of the mean is taken as s² · (1/n + n_test/n_train) in place of s²/n
    (Nadeau and Bengio, "Inference for the Generalization Error", 2003, section 4).

    Parameters
    ----------
    differences : array of shape (n_folds * n_repeats,)
        Of two models' scores, fold by fold.
    test_to_train : float
        Rows of a test fold over rows of its training fold: 1 / (n_folds - 1).

    Returns
    -------
    difference : Difference
        Of fewer than two folds, with an interval and a p-value of NaN.
    """
    differences = np.asarray(differences, dtype=float)
    n, mean = len(differences), float(differences.mean())
    if n < 2:
        return Difference(mean, np.nan, np.nan, np.nan)
    error = np.sqrt(differences.var(ddof=1) * (1 / n + test_to_train))
    if np.isclose(error, 0, atol=1e-15):  # every fold says the same
        return Difference(mean, mean, mean, float(np.isclose(mean, 0, atol=1e-15)))
    t = stats.t(df=n - 1, scale=error)
    reach = t.ppf(1 - LEVEL / 2)
    return Difference(
        mean, float(mean - reach), float(mean + reach), float(2 * t.sf(abs(mean)))
    )


def compare(folds, reference, score):
    """Compare all models with one, on every table and over tables.

    Parameters
    ----------
    folds : DataFrame
        One row a fold that went well, with columns `title` (the table), `label` (the
        model), `folds`, `repeat`, `fold`, `seed` and `task_id` as far as there are any,
        and `score`. A model is compared on the folds that it and the reference both
        have.
    reference : str
        A label.
    score : str
        A column in which less is better.

    Returns
    -------
    comparison : DataFrame
        One row for each other model: `label`; tables `won`, `tied` and `lost` by mean;
        of these `better` and `worse` by :func:`corrected_t_test` with p < `LEVEL`;
        `effect`, the matched-pairs rank-biserial correlation over tables (1 if all are
        won, -1 if all are lost); `p` of Wilcoxon's signed-rank test over tables, and
        `p_holm`, corrected for the number of models. Both are NaN below `MIN_TABLES`.
    """
    rows = [
        {"label": label} | _over_tables(differences)
        for label, differences in _on_tables(folds, reference, score)
    ]
    comparison = pd.DataFrame(rows)
    if len(comparison):
        comparison["p_holm"] = holm(comparison["p"].to_numpy())
    return comparison


def _on_tables(folds, reference, score):
    """Yield each other label, and its differences on tables that both have folds of."""
    place = [name for name in _PLACE if name in folds]
    folds = folds.astype({score: float})
    if "task_id" in folds:  # a missing one has no value that pairs would agree in
        folds["task_id"] = folds["task_id"].astype(float).fillna(0)
    pair = folds.groupby(["title", *place], dropna=False).ngroup()
    titles = folds.groupby(pair)["title"].first()
    ratios = {title: test_to_train(table) for title, table in folds.groupby("title")}
    scores = folds.groupby([pair, "label"])[score].mean().unstack()
    against = scores.get(reference, np.nan)  # no rows of it, no pairs
    for label in folds["label"].unique():
        if label != reference:
            tables = (scores[label] - against).dropna().groupby(titles)
            yield label, [corrected_t_test(one, ratios[title]) for title, one in tables]


def test_to_train(table):
    """Return the rows of a test fold over the rows of its training fold.

    Parameters
    ----------
    table : DataFrame
        Rows of one table's results.

    Returns
    -------
    ratio : float
    """
    numbers = table.reindex(columns=["n_test", "n_train"]).astype(float)
    ratio = (numbers["n_test"] / numbers["n_train"]).mean()
    if np.isnan(ratio):  # rows of older runs lack them
        return 1 / max(1, table["folds"].iloc[0] - 1)
    return float(ratio)


def _over_tables(differences):
    """Count tables, and test over them."""
    means = np.array([difference.mean for difference in differences])
    clear = np.array([difference.p < LEVEL for difference in differences], dtype=bool)
    means[np.isclose(means, 0, atol=1e-12)] = 0
    ranks = stats.rankdata(np.abs(means[means != 0]))
    signs = -np.sign(means[means != 0])
    p = np.nan
    if len(means) >= MIN_TABLES:
        p = signed_rank_p(means)
    return {
        "won": int((means < 0).sum()),
        "tied": int((means == 0).sum()),
        "lost": int((means > 0).sum()),
        "better": int((clear & (means < 0)).sum()),
        "worse": int((clear & (means > 0)).sum()),
        "effect": float(signs @ ranks / ranks.sum()) if len(ranks) else 0.0,
        "p": p,
    }


def signed_rank_p(differences):
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 if all are 0."""
    return float(stats.wilcoxon(differences).pvalue) if np.any(differences) else 1.0


def holm(p):
    """Correct p-values by Holm's method, leaving out those that are NaN."""
    corrected, known = np.array(p, dtype=float), ~np.isnan(p)
    if known.sum() > 1:  # one is as it is
        corrected[known] = multipletests(p[known], method="holm")[1]
    return corrected
