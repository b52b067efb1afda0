"""Rows of results become the table at the end."""

import pandas as pd


def _mean_sd(values, digits):
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}"


def summarize(rows, model_order):
    """Return a table of error and log-loss, mean ± standard deviation over folds.

    Parameters
    ----------
    rows : list of dict
    model_order : sequence of str

    Returns
    -------
    summary : DataFrame, one row for each table and model
    """
    frame = pd.DataFrame(rows)
    frame = frame[frame["status"] == "ok"]
    lines = []
    for table, of_table in frame.groupby("table", sort=False):
        majority = of_table["majority_error"].groupby(of_table["fold"]).first().mean()
        for model in model_order:
            of_model = of_table[of_table["model"] == model]
            if len(of_model):
                lines.append(
                    {
                        "table": table,
                        "majority %": f"{100 * majority:.1f}",
                        "model": model,
                        "error %": _mean_sd(100 * of_model["error"], 1),
                        "log-loss": _mean_sd(of_model["log_loss"], 3),
                        "fit s": f"{of_model['fit_seconds'].mean():.1f}",
                    }
                )
    return pd.DataFrame(lines)


def count_wins(rows, model_order):
    """Return lines that count the tables on which each α beats ERM, ties, and loses."""
    frame = pd.DataFrame(rows)
    means = frame[frame["status"] == "ok"].pivot_table(
        index="table", columns="model", values=["error", "log_loss"], observed=True
    )
    lines = []
    for model in model_order:
        if not model.startswith("mixup"):
            continue
        for figure in ("error", "log_loss"):
            gain = means[figure]["ERM"] - means[figure][model]
            lines.append(
                f"{model} against ERM, {figure}: {(gain > 0).sum()} wins, "
                f"{(gain == 0).sum()} ties, {(gain < 0).sum()} losses"
            )
    return lines
