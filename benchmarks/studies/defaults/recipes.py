"""The default, and what it was chosen among: one thing changed at a time.

Each recipe is a protocol of the study's, so that its rows are jobs like all others.
"""

from dataclasses import dataclass, field

from skmixup import TabularEncoder

from ...models import protocols
from ...models.protocols import DEFAULT, FIRST
from ...models.registry import STACKED
from .variants import CALLBACKS, ENCODERS, Sometimes


@dataclass(frozen=True)
class Recipe:
    """A way to train, as the study of the defaults compares it.

    Parameters
    ----------
    params : dict
        What differs from the default.
    alpha : float, default=0.1
        mixup's α.
    model : str, default="mixup"
        One of `benchmarks.models.registry.STACKED`.
    n_bins, n_tree_bins : int, default=None
        Of the encoder; None for the classifier's own, or 4 and 0 beside the other.
    mixes : float, default=None
        Probability of mixing; None for always.
    callback : str, default=None
        A key of `benchmarks.studies.defaults.variants.CALLBACKS`.
    encoder : str, default=None
        A key of `benchmarks.studies.defaults.variants.ENCODERS`.
    """

    params: dict = field(default_factory=dict)
    alpha: float = 0.1
    model: str = "mixup"
    n_bins: int | None = None
    n_tree_bins: int | None = None
    mixes: float | None = None
    callback: str | None = None
    encoder: str | None = None


RECIPES = {
    DEFAULT: Recipe(),
    "first": Recipe(FIRST, alpha=0.2, n_bins=0),
    "alpha 0": Recipe(alpha=0.0),
    "alpha 0.05": Recipe(alpha=0.05),
    "alpha 0.2": Recipe(alpha=0.2),
    "alpha 0.4": Recipe(alpha=0.4),
    "a lambda per row": Recipe({"lambda_per": "row"}),
    "alpha 1": Recipe(alpha=1.0),
    "cutmix": Recipe(model="cutmix"),
    "cutmix, alpha 0.4": Recipe(model="cutmix", alpha=0.4),
    "cutmix, alpha 1": Recipe(model="cutmix", alpha=1.0),
    "manifold": Recipe(model="manifold"),
    "manifold, alpha 0.4": Recipe(model="manifold", alpha=0.4),
    "manifold, alpha 1": Recipe(model="manifold", alpha=1.0),
    "half the batches, alpha 0.2": Recipe(mixes=0.5, alpha=0.2),
    "half the batches, alpha 1": Recipe(mixes=0.5, alpha=1.0),
    "half the rows, alpha 1": Recipe({"lambda_per": "row"}, mixes=0.5, alpha=1.0),
    "half the rows, alpha 10": Recipe({"lambda_per": "row"}, mixes=0.5, alpha=10.0),
    "1 member, all rows": Recipe({"n_estimators": 1, "early_stopping": False}),
    "1 member": Recipe({"n_estimators": 1}),
    "16 members": Recipe({"n_estimators": 16}),
    "32 members": Recipe({"n_estimators": 32}),
    "5 members": Recipe({"n_estimators": 5, "validation_fraction": 0.2}),
    "members on all rows": Recipe({"early_stopping": False}),
    "patience": Recipe({"n_iter_no_change": 100}),
    "no temperature": Recipe({"temperature": 1.0}),
    "no bins": Recipe(n_bins=0),
    "8 bins": Recipe(n_bins=8),
    "16 bins": Recipe(n_bins=16),
    "no tree bins": Recipe(n_tree_bins=0),
    "tree bins": Recipe(n_tree_bins=16),
    "no waves": Recipe({"numeric_embedding": None}),
    "waves": Recipe({"numeric_embedding": "periodic"}),
    "quantiles": Recipe(encoder="quantiles"),
    "standardized, no bins": Recipe(encoder="standardized, no bins"),
    "no dropout": Recipe({"dropout": 0.0}),
    "dropout 0.25": Recipe({"dropout": 0.25}),
    "lr 2e-3": Recipe({"lr": 2e-3}),
    "lr 8e-3": Recipe({"lr": 8e-3}),
    "label smoothing 0.05": Recipe({"label_smoothing": 0.05}),
    "weight decay 0.1": Recipe({"weight_decay": 0.1}),
    "2 x 256": Recipe({"hidden_layer_sizes": (256, 256)}),
    "2 x 256, dropout 0.25": Recipe(
        {"hidden_layer_sizes": (256, 256), "dropout": 0.25}
    ),
    "2 x 256, dropout 0.25, alpha 0.2": Recipe(
        {"hidden_layer_sizes": (256, 256), "dropout": 0.25}, alpha=0.2
    ),
    "3 x 128": Recipe({"hidden_layer_sizes": (128, 128, 128)}),
    "SiLU": Recipe({"activation": "silu"}),
    "60 epochs": Recipe({"max_epochs": 60}),
    "batches of 16": Recipe({"batch_size": 16}),
    "batches of 64": Recipe({"batch_size": 64}),
    "warm-up": Recipe(callback="warm-up"),
    "cycles": Recipe(
        {"lr_schedule": "constant", "n_iter_no_change": 100}, callback="cycles"
    ),
    "beta2 0.95": Recipe(callback="beta2 0.95"),
    "prior output": Recipe(callback="prior output"),
    "clean end": Recipe(mixes=1.0, callback="clean end"),
    "averaged weights": Recipe(callback="averaged weights"),
    "own alphas": Recipe(callback="own alphas"),
}


def params_of(model, protocol):
    """Return the parameters that a protocol or a recipe names.

    Parameters
    ----------
    model : str
        A key of `benchmarks.models.registry.MODELS`.
    protocol : str
        A key of `RECIPES`, or what :func:`benchmarks.models.protocols.params_of` knows.

    Returns
    -------
    params : dict
    """
    if model not in STACKED or protocol not in RECIPES:
        return protocols.params_of(model, protocol)
    recipe = RECIPES[protocol]
    params = dict(recipe.params)
    if recipe.mixes is not None:
        params["mixing"] = Sometimes(recipe.mixes)
    if recipe.callback is not None:
        params["callbacks"] = [CALLBACKS[recipe.callback]]
    bins = {"n_bins": recipe.n_bins, "n_tree_bins": recipe.n_tree_bins}
    bins = {name: value for name, value in bins.items() if value is not None}
    if bins:
        params["preprocess"] = TabularEncoder(**bins)
    if recipe.encoder is not None:
        params["preprocess"] = ENCODERS[recipe.encoder]
    return params
