"""What is to be trained: members, what a stack of them shares, and their rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from itertools import pairwise
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from scipy import sparse
from torch import nn

from .._sklearn import Interval, StrOptions
from .._typing import Array, Rows
from ..mixing._mixers import Mixer
from ..stack._embedding import EMBEDDING_SIZE
from ..stack._layers import ACTIVATIONS
from ..stack._periodic import N_WAVES, WAVE_SIZE
from ._pseudo_labels import UNLABELED, PseudoLabels, rows_of_an_epoch
from ._weights import count_copies, repeat_by_weight

if TYPE_CHECKING:
    from ._halving import SuccessiveHalving
    from ._net import MixupNet


def _of(net: str, *allowed: Any) -> dict[str, Any]:
    """Say of a value what the net calls it, and what an estimator's user may give.

    Without `allowed`, it is no parameter of an estimator just as it is.
    """
    return {"net": net, "allowed": list(allowed)}


_AT_LEAST_0 = Interval(Real, 0, None, closed="left")
_ABOVE_0 = Interval(Real, 0, None, closed="neither")
_BELOW_1 = Interval(Real, 0, 1, closed="left")


@dataclass(frozen=True)
class Member:
    """What a member of a stack has of its own.

    All there is to say of such a value: an estimator that has a parameter of a field's
    name gives it to all its members.
    """

    seed: int = field(metadata=_of("module__seeds"))
    n_features: int = field(metadata=_of("module__n_features"))
    n_outputs: int = field(metadata=_of("module__n_outputs"))
    alpha: float = field(metadata=_of("alpha", Interval(Real, 0, inf, closed="both")))
    dropout: float = field(metadata=_of("module__dropout", _BELOW_1))
    lr: float = field(metadata=_of("lr", _ABOVE_0))
    weight_decay: float = field(metadata=_of("optimizer__weight_decay", _AT_LEAST_0))
    label_smoothing: float = field(
        default=0.0, metadata=_of("label_smoothing", _BELOW_1)
    )
    n_levels: tuple[int, ...] = field(default=(), metadata=_of("module__n_levels"))


@dataclass(frozen=True)
class Shared:
    """What all members of a stack share: plans with equal ones may be trained in one.

    `mixing` is bound to the table's columns; `patience` is None where nothing is set
    aside to validate on.
    """

    hidden_layer_sizes: tuple[int, ...] = field(
        metadata=_of("module__hidden_layer_sizes")
    )
    criterion: Callable[..., nn.Module] = field(metadata=_of("criterion"))
    batch_size: int = field(metadata=_of("batch_size"))
    max_epochs: int = field(metadata=_of("max_epochs"))
    lr_schedule: str = field(metadata=_of("lr_schedule"))
    device: str = field(metadata=_of("device"))
    patience: int | None
    is_sparse: bool
    activation: str = field(
        metadata=_of("module__activation", StrOptions(set(ACTIVATIONS)))
    )
    lambda_per: str = field(metadata=_of("lambda_per", StrOptions({"batch", "row"})))
    partner: str = field(
        default="random", metadata=_of("partner", StrOptions({"random", "target"}))
    )
    dropout_schedule: str = field(default="constant", metadata=_of("dropout_schedule"))
    n_periodic: int = field(default=0, metadata=_of("module__n_periodic"))
    epochs_per_pass: int = field(default=1, metadata=_of("epochs_per_pass"))
    pseudo_labels: PseudoLabels | None = field(
        default=None, metadata=_of("pseudo_labels")
    )
    bandwidth: float = field(default=0.5, metadata=_of("bandwidth", _ABOVE_0))
    mixing: Mixer | None = field(default=None, compare=False, metadata=_of("mixing"))
    mixing_key: object = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Mixers are alike if they hold the same, whichever object they are.
        object.__setattr__(self, "mixing_key", content_key(self.mixing))


def content_key(value: Any) -> Any:
    """Return the same for values that hold the same, whichever objects they are.

    What can't be pickled, such as a lambda, is the same as itself alone.
    """
    try:
        return joblib.hash(value)
    except Exception:  # pickling raises whatever its objects do
        if isinstance(value, list | tuple):
            return type(value), tuple(map(content_key, value))
        if hasattr(value, "get_params") and not isinstance(value, type):
            state = sorted(vars(value).items())
            return type(value), tuple((k, content_key(v)) for k, v in state)
        return id(value)


def allowed(kind: type) -> dict[str, list[Any]]:
    """Return what an estimator's user may give for each field of Member or Shared.

    Parameters
    ----------
    kind : type

    Returns
    -------
    allowed : dict of str to list
        By name; of those that are a parameter just as they are.
    """
    return {
        own.name: own.metadata["allowed"]
        for own in fields(kind)
        if own.metadata.get("allowed")
    }


@dataclass(eq=False)
class Table:
    """Encoded rows, ready for training: a fold, say, as one encoder left it.

    Parameters
    ----------
    X : ndarray or CSR of float32 of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    weight : ndarray of float of shape (n_rows,)
    index : ndarray of int of shape (n_rows,), default=None
        Of each row, the number of one among those that were encoded.
    groups : ndarray of int of shape (n_rows,), default=None
        Those that are set aside together have the same number.
    n_validation : int, default=0
        The last rows, which are there to validate on.
    """

    X: Rows
    y: Array
    weight: Array
    index: Any = None
    groups: Array | None = None
    n_validation: int = 0

    def with_validation(self, other: Table) -> Table:
        """Return a table of these rows, and of another table's to validate on."""
        X, also = self.X, other.X
        if sparse.issparse(X):
            X = sparse.vstack([X, sparse.csr_matrix(also)], format="csr")
        else:
            X = np.concatenate([X, also.toarray() if sparse.issparse(also) else also])
        return Table(
            X,
            np.concatenate([self.y, other.y]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.index, len(self.index) + other.index]),
            n_validation=len(other.y),
        )

    @property
    def n_train(self) -> int:
        """Number of the first rows, which are there to train on."""
        return len(self.y) - self.n_validation

    @property
    def loss_weight(self) -> Array:
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
    callbacks : tuple of skorch callbacks, default=()
        With any, a plan is trained alone.
    verbose : int, default=0
    halving : SuccessiveHalving, default=None
        What may drop the plan, which learns in `dropped_at` after which epoch.
    candidate : tuple of (kind, int), default=None
        Which candidate of `halving` the plan is of.
    """

    table: Table
    members: list[Member]
    shared: Shared
    splits: list[tuple[Array, Array | None]] = field(repr=False)
    net: MixupNet | None = None
    callbacks: tuple[Any, ...] = ()
    verbose: int = 0
    halving: SuccessiveHalving | None = field(default=None, repr=False)
    candidate: tuple[Any, int] | None = field(default=None, repr=False)
    dropped_at: int | None = field(default=None, init=False, repr=False)
    weight: Array | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.splits, self.weight = repeat_by_weight(self.splits, self.table.weight)

    @property
    def trains_alone(self) -> bool:
        """Whether no other plan may share its stack."""
        return self.net is not None or bool(self.callbacks)

    def count_visited(self, k: int) -> int:
        """Return how many rows an epoch of a member visits, or those of a pass."""
        rows = self.splits[k][0]
        if self.shared.pseudo_labels is None:
            return len(rows)
        has_none = self.table.y[rows] == UNLABELED
        n_labeled = np.array([np.count_nonzero(~has_none)])
        return int((n_labeled + rows_of_an_epoch(n_labeled, [rows[has_none]]))[0])

    @property
    def widths(self) -> list[int]:
        """Widths of the widest member's layers, from the rows to the scores."""
        first = self.members[0]
        n_inputs = max(member.n_features for member in self.members)
        n_inputs += len(first.n_levels) * (EMBEDDING_SIZE - 1)
        n_inputs += self.shared.n_periodic * WAVE_SIZE
        return [n_inputs, *self.shared.hidden_layer_sizes, first.n_outputs]

    @property
    def n_weights(self) -> int:
        """Number of weights of a member."""
        n_embedded = sum(self.members[0].n_levels) * EMBEDDING_SIZE
        n_embedded += self.shared.n_periodic * (2 + WAVE_SIZE) * N_WAVES
        return n_embedded + sum((a + 1) * b for a, b in pairwise(self.widths))


def module_params(kind: type) -> dict[str, str]:
    """Return what a net cannot change once it is made, of Member's or Shared's fields.

    Parameters
    ----------
    kind : type

    Returns
    -------
    names : dict of str to str
        What the net calls a field, by the field's name.
    """
    names = {own.name: own.metadata.get("net", "") for own in fields(kind)}
    return {k: name for k, name in names.items() if name.startswith("module__")}


def net_params(shared: Shared, members: list[Member]) -> dict[str, Any]:
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


def one_or_each(values: list[Any]) -> Any:
    """Return the one value of all members where they agree, else the list of theirs."""
    return values[0] if values.count(values[0]) == len(values) else values
