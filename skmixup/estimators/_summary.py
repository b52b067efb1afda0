"""What a fitted estimator is, in a few lines."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from ..encoding._encoder import TabularEncoder
from ._preprocess import last_step

# By criterion: what a loss is called, and of which targets it is told.
_STANDARDIZED = ", of standardized targets"
_LOSSES = {
    "CrossEntropyLoss": ("log-loss", ""),
    "BCEWithLogitsLoss": ("log-loss of each label", ""),
    "MSELoss": ("squared error", _STANDARDIZED),
    "L1Loss": ("absolute error", _STANDARDIZED),
    "PinballLoss": ("pinball loss", _STANDARDIZED),
    "PoissonNLLLoss": ("Poisson loss", ", of multiples of the mean"),
}
_STYLE = (
    "border-collapse:collapse;margin-bottom:.5em;font-size:.9em;line-height:1.3",
    "text-align:left;font-weight:normal;padding:.1em 1.5em .1em 0;opacity:.7",
    "text-align:left;padding:.1em 0",
)


def summarize(estimator: Any) -> dict[str, Any]:
    """Return what a fitted estimator has learned, by what it is called.

    Parameters
    ----------
    estimator : MixupClassifier or MixupRegressor
        Fitted.

    Returns
    -------
    summary : dict of str to object
    """
    net = estimator.net_
    summary = {
        "rows": estimator._n_rows_,
        **_columns(estimator),
        **_inputs(estimator),
        "members": net.n_members,
        "epochs": estimator.n_iter_,
    }
    losses = net.member_losses_.get("valid_loss")
    if losses:
        name, targets = _LOSSES[type(net.criterion_).__name__]
        best = float(np.min(np.stack(losses), axis=0).mean())
        summary[f"validation {name}"] = f"{best:.4g}{targets}"
    if hasattr(estimator, "temperature_"):
        summary["temperature"] = f"{estimator.temperature_:.3g}"
    return summary


def as_html(summary: dict[str, Any], title: str) -> str:
    """Return a summary as a table, in the page's own colors.

    Parameters
    ----------
    summary : dict of str to object
    title : str
        For who can't see.

    Returns
    -------
    html : str
    """
    table, name, value = _STYLE
    rows = "".join(
        f'<tr><th scope="row" style="{name}">{escape(key)}</th>'
        f'<td style="{value}">{escape(str(text))}</td></tr>'
        for key, text in summary.items()
    )
    return f'<table style="{table}" aria-label="{escape(title)}">{rows}</table>'


def _columns(estimator: Any) -> dict[str, int]:
    """Count columns, and those of each kind that there is."""
    counts = {"columns": estimator.n_features_in_}
    encoder = last_step(estimator.encoder_)[1]
    if estimator.encoder_ is not encoder or not isinstance(encoder, TabularEncoder):
        return counts
    kinds = {
        "numbers": encoder._number_mask.sum(),
        "categories": encoder.categorical_mask_.sum(),
        "categories embedded": len(encoder.embedded_columns_)
        * bool(estimator.n_levels_),
        "dates": encoder.time_mask_.sum(),
        "columns left out": encoder.dropped_mask_.sum(),
    }
    return counts | {kind: int(n) for kind, n in kinds.items() if n}


def _inputs(estimator: Any) -> dict[str, Any]:
    """Count what a network takes."""
    few, *more = np.unique(estimator.net_.module__n_features).tolist()
    counts = {"inputs": f"{more[-1]}, every other member {few}" if more else few}
    if estimator.n_periodic_:
        counts["numbers as waves"] = estimator.n_periodic_
    return counts
