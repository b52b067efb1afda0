"""How networks are trained: as they come, as in the paper, or much like the default.

A recipe is what a `MixupClassifier` is given; each is a protocol of the benchmark's, so
that its rows are jobs like all others.
"""

from dataclasses import dataclass, field

# The paper's experiment on UCI tables: 2 x 128 ReLU, Adam with its defaults, 10 epochs
# of batches of 16.
PAPER = {
    "hidden_layer_sizes": (128, 128),
    "activation": "relu",
    "dropout": 0.0,
    "n_estimators": 1,
    "early_stopping": False,
    "lr": 1e-3,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "batch_size": 16,
    "max_epochs": 10,
}
# What MixupClassifier was before the study of its defaults.
FIRST = {
    "dropout": 0.0,
    "n_estimators": 1,
    "early_stopping": False,
    "lr": 2e-3,
}


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
        A key of `benchmarks.models.registry.STACKED`.
    n_bins : int, default=None
        Of the encoder; None for its default.
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
    mixes: float | None = None
    callback: str | None = None
    encoder: str | None = None


def width_protocol(width):
    """Return the protocol of two hidden layers of a width."""
    return f"2 x {width}, to the end"


DEFAULT = "default"
# The default, and what it was chosen among: one thing changed at a time.
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
# Single networks, trained to the end on all rows: what mixup does to these is plain.
_ALONE = {
    "n_estimators": 1,
    "early_stopping": False,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "lr": 1e-3,
    "temperature": 1.0,
}
ATTACKED = "attacked"
SPAN = 0.9  # share of the variance of the columns that the span of the data holds
PARTS = "in the span", "off the span"  # of it, a move may be
# Shares of a column's standard deviation by which it may be moved.
EPSILONS = (0.05, 0.1, 0.25, 0.5, 1.0)
WIDTHS = (8, 32, 128, 512)
OTHERS = {
    "paper": Recipe(PAPER, n_bins=0),
    ATTACKED: Recipe(_ALONE | {"max_epochs": 100}),
    **{
        width_protocol(width): Recipe(
            _ALONE | {"hidden_layer_sizes": (width, width)}, n_bins=0
        )
        for width in WIDTHS
    },
}
# A GAN without mixup as is usual, of twice the rows a step; and one like mixup's.
TWO_BATCHES, ONE_BATCH = "two batches", "one batch"
# Convolutional nets, for `benchmarks.studies.convnets`.
IMAGES, SEQUENCES = "images", "sequences"
# Those whose test error is noted at every epoch.
_WATCHED = {
    "hidden_layer_sizes": (128, 128),
    "lr": 1e-3,
    "max_epochs": 200,
    "batch_size": 32,
}
WATCHED = {
    "watched": _WATCHED | {"dropout": 0.0},
    "watched, dropout": _WATCHED | {"dropout": 0.5},
}


def params_of(protocol):
    """Return the parameters that a protocol or a recipe names.

    Parameters
    ----------
    protocol : str
        A key of `RECIPES`, "default" among them, or of `OTHERS`.

    Returns
    -------
    params : dict
        For `MixupClassifier`.
    """
    from skmixup import TabularEncoder  # here: only mixup has to wait for torch

    from .variants import CALLBACKS, ENCODERS, Sometimes

    recipe = (RECIPES | OTHERS)[protocol]
    params = dict(recipe.params)
    if recipe.mixes is not None:
        params["mixing"] = Sometimes(recipe.mixes)
    if recipe.callback is not None:
        params["callbacks"] = [CALLBACKS[recipe.callback]]
    if recipe.n_bins is not None:
        params["preprocess"] = TabularEncoder(n_bins=recipe.n_bins)
    if recipe.encoder is not None:
        params["preprocess"] = ENCODERS[recipe.encoder]
    return params
