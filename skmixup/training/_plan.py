"""What is to be trained: members, what a stack of them shares, and their rows."""

from dataclasses import dataclass, field, fields
from itertools import pairwise
from pickle import PicklingError

import joblib
import numpy as np
from scipy import sparse

from ..mixing._mixers import Mixer
from ._weights import count_copies, repeat_by_weight


@dataclass(frozen=True)
class Member:
    """What a member of a stack has of its own; each field says what the net calls it.

    An estimator gives those that have its own parameters' names.
    """

    seed: int = field(metadata={"net": "module__seeds"})
    n_features: int = field(metadata={"net": "module__n_features"})
    n_outputs: int = field(metadata={"net": "module__n_outputs"})
    alpha: float = field(metadata={"net": "alpha"})
    dropout: float = field(metadata={"net": "module__dropout"})
    lr: float = field(metadata={"net": "lr"})
    weight_decay: float = field(metadata={"net": "optimizer__weight_decay"})
    label_smoothing: float = field(default=0.0, metadata={"net": "label_smoothing"})


# What an estimator's parameter says of all its members.
MEMBER_PARAMS = [
    own.name
    for own in fields(Member)
    if own.name not in ("seed", "n_features", "n_outputs")
]


@dataclass(frozen=True)
class Shared:
    """What all members of a stack share: plans with equal ones may be trained in one.

    `mixing` is bound to the table's columns; `patience` is None where nothing is set
    aside to validate on.
    """

    hidden_layer_sizes: tuple = field(metadata={"net": "module__hidden_layer_sizes"})
    activation: str = field(metadata={"net": "module__activation"})
    criterion: type = field(metadata={"net": "criterion"})
    lambda_per: str = field(metadata={"net": "lambda_per"})
    batch_size: int = field(metadata={"net": "batch_size"})
    max_epochs: int = field(metadata={"net": "max_epochs"})
    lr_schedule: str = field(metadata={"net": "lr_schedule"})
    device: str = field(metadata={"net": "device"})
    patience: int | None
    is_sparse: bool
    partner: str = field(default="random", metadata={"net": "partner"})
    bandwidth: float = field(default=0.5, metadata={"net": "bandwidth"})
    mixing: Mixer | None = field(
        default=None, metadata={"net": "mixing"}, compare=False
    )
    mixing_key: str = field(init=False, repr=False)

    def __post_init__(self):
        # Mixers are alike if they hold the same, whichever object they are.
        object.__setattr__(self, "mixing_key", _key_of(self.mixing))


def _key_of(mixer):
    try:
        return joblib.hash(mixer)
    except (PicklingError, AttributeError, TypeError):  # it holds a lambda, say
        return str(id(mixer))


@dataclass(eq=False)
class Table:
    """Encoded rows, ready for training: a fold, say, as one encoder left it."""

    X: np.ndarray | sparse.csr_matrix
    y: np.ndarray
    weight: np.ndarray

    @property
    def loss_weight(self):
        """Weight of each row in the loss: one where copies are visited one by one."""
        if count_copies(self.weight) is not None:
            return np.ones_like(self.weight)
        return self.weight / self.weight.mean()


@dataclass(eq=False)
class Plan:
    """Members to be trained on rows of a table.

    Parameters
    ----------
    table : Table
    members : list of Member
    shared : Shared
    splits : list of (train, valid)
        Each member's row numbers, those of the most rows first; None for none to
        validate on. Rows are repeated here as often as they are to be visited.
    net : MixupNet, default=None
        One to go on with; None for a new one.
    callbacks : list of skorch callbacks, default=()
        With any, a plan is trained alone.
    verbose : int, default=0
    """

    table: Table
    members: list
    shared: Shared
    splits: list = field(repr=False)
    net: object = None
    callbacks: tuple = ()
    verbose: int = 0
    weight: np.ndarray | None = field(init=False, repr=False)

    def __post_init__(self):
        self.splits, self.weight = repeat_by_weight(self.splits, self.table.weight)

    @property
    def trains_alone(self):
        """Whether no other plan may share its stack."""
        return self.net is not None or bool(self.callbacks)

    @property
    def widths(self):
        """Widths of a member's layers, from the rows to the scores."""
        first = self.members[0]
        return [first.n_features, *self.shared.hidden_layer_sizes, first.n_outputs]

    @property
    def n_weights(self):
        """Number of weights of a member."""
        return sum((a + 1) * b for a, b in pairwise(self.widths))


def net_params(shared, members):
    """Return the parameters of a net of these members.

    Parameters
    ----------
    shared : Shared
    members : list of Member

    Returns
    -------
    params : dict
        Of what members have of their own, one value where all agree, else a list.
    """
    params = {
        own.metadata["net"]: getattr(shared, own.name)
        for own in fields(shared)
        if "net" in own.metadata
    }
    for own in fields(Member):
        values = [getattr(member, own.name) for member in members]
        params[own.metadata["net"]] = (
            values if own.name == "seed" else one_or_each(values)
        )
    return params | {"module__n_members": len(members)}


def one_or_each(values):
    """Return the one value of all members where they agree, else the list of theirs."""
    return values[0] if values.count(values[0]) == len(values) else values
