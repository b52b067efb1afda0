"""What a run has found, in a few sentences."""

import numpy as np

from .statistics import MIN_TABLES
from .summary import ERM, NAMES, SCORES, compare_with_erm

DEFAULT_ALPHA = 0.1  # MixupClassifier's


def find(good):
    """Say which models did best, and how mixup fares against plain training.

    Parameters
    ----------
    good : DataFrame
        From :func:`benchmarks.compare.summary.leave_out_failures`, of one protocol.

    Returns
    -------
    sentences : list of str
        None where there are not two models to compare on a table.
    """
    ranks = {score: _mean_ranks(good, score) for score in SCORES}
    n_tables = good["title"].nunique()
    n_models = len(ranks["error"])
    if n_models < 2:
        return []
    return [_best(ranks, n_tables), *_against_erm(good, ranks["log_loss"], n_tables)]


def _mean_ranks(good, score):
    """Return the mean ranks of the models that all tables have."""
    frame = good.astype({score: float})
    means = frame.pivot_table(score, "title", "label", sort=False).dropna(axis=1)
    return means.rank(axis=1).mean()


def _best(ranks, n_tables):
    """Name the models with the lowest ranks: log-loss first."""
    found = []
    for score in reversed(SCORES):
        lowest = ranks[score].min()
        names = _listed(ranks[score].index[ranks[score] <= lowest + 1e-9])
        found.append((names, score, lowest))
    (first, _, first_rank), (second, _, second_rank) = found
    if n_tables == 1:
        both = "and" if first == second else second
        has = "have" if " and " in first else "has"
        return f"{first} {has} the lowest log-loss, {both} the lowest error."
    of = f"(mean rank {first_rank:.2f} of {len(ranks['error'])})"
    both = "and" if first == second else second
    rank = "rank" if " and " in first else "ranks"
    return (
        f"Over {n_tables} tables, {first} {rank} best in log-loss {of}, "
        f"{both} in error ({second_rank:.2f})."
    )


def _against_erm(good, ranks, n_tables):
    """Say how one α of mixup fares against plain training."""
    alphas = good.loc[(good["model"] == "mixup") & (good["label"] != ERM)]
    labels = [label for label in alphas["label"].unique() if label in ranks.index]
    if not labels or ERM not in ranks.index:
        return []
    default = f"mixup α={DEFAULT_ALPHA:g}"
    label = default if default in labels else ranks[labels].idxmin()
    rows = {
        row["score"]: row for row in compare_with_erm(good) if row["label"] == label
    }
    is_chosen = label != default and len(labels) > 1
    about = f"{label}, the best α of these here, has" if is_chosen else f"{label} has"
    parts = [_fares(rows[score], NAMES[score]) for score in reversed(SCORES)]
    sentences = [f"Against plain training, {about} {', and '.join(parts)}."]
    if not any(row["better"] or row["worse"] for row in rows.values()):
        sentences.append("On no single table is that beyond chance (p < 0.05).")
    if n_tables < MIN_TABLES:
        of = "table is" if n_tables == 1 else "tables are"
        sentences.append(
            f"{n_tables} {of} too few for a test over tables, which takes {MIN_TABLES}."
        )
    return [sentences[0], " ".join(sentences[1:])] if sentences[1:] else sentences


def _fares(row, name):
    """Say on how many tables a score is lower, and on how many clearly so."""
    n_tables = row["won"] + row["tied"] + row["lost"]
    more = [f"level on {row['tied']}"] if row["tied"] else []
    clear = {"lower": row["better"], "higher": row["worse"]}
    more += [f"clearly {way} on {count}" for way, count in clear.items() if count]
    if not np.isnan(row["p_holm"]):
        more.append(f"p = {row['p_holm']:.2g} over tables")
    tables = "table" if n_tables == 1 else "tables"
    text = f"the lower {name} on {row['won']} of {n_tables} {tables}"
    return f"{text} ({', '.join(more)})" if more else text


def _listed(names):
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
