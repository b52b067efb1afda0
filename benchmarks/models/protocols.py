"""How networks are trained: as they come, as in the mixup paper, or as at first."""

from dataclasses import dataclass, field

from skmixup import TabularEncoder

DEFAULT = "default"
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
# Single networks, trained to the end on all rows: what mixup does to these is plain.
ALONE = {
    "n_estimators": 1,
    "early_stopping": False,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "lr": 1e-3,
    "temperature": 1.0,
}


@dataclass(frozen=True)
class Protocol:
    """A way to train that all networks of the benchmark have.

    Parameters
    ----------
    about : str
        For the report.
    mixup, mlp : dict
        Parameters of `MixupClassifier` and of `MLPClassifier`.
    """

    about: str
    mixup: dict = field(default_factory=dict)
    mlp: dict = field(default_factory=dict)


def without_bins():
    """Return an encoder that has each number once."""
    return TabularEncoder(n_bins=0)


PROTOCOLS = {
    DEFAULT: Protocol("Networks with their default parameters."),
    "first": Protocol(
        "MixupClassifier as it first came: one network, trained for 100 epochs on all "
        "rows, no dropout, no bins.",
        mixup=FIRST | {"preprocess": without_bins()},
    ),
    "paper": Protocol(
        "Networks as in the mixup paper: 2 x 128 ReLU, Adam with its defaults, 10 "
        "epochs of batches of 16. The other models are the same in both protocols.",
        mixup=PAPER | {"preprocess": without_bins()},
        mlp={
            "hidden_layer_sizes": (128, 128),
            "learning_rate_init": 1e-3,
            "alpha": 0.0,
            "batch_size": 16,
            "max_iter": 10,
        },
    ),
}


def params_of(model, protocol):
    """Return the parameters that a protocol stands for.

    Parameters
    ----------
    model : str
        A key of `benchmarks.models.registry.MODELS` that has a protocol.
    protocol : str
        A key of `PROTOCOLS`.

    Returns
    -------
    params : dict
    """
    found = PROTOCOLS[protocol]
    return found.mlp if model == "mlp" else found.mixup
