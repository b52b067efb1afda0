"""Rows, targets and weights that live on the device while a net trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from skorch.dataset import Dataset
from torch import Tensor
from torch.utils.data import Subset

from .._typing import CSR, Array, Device, NetData
from ..encoding._checks import as_table, check_weights, is_table
from ..encoding._columns import to_frame
from ..stack._ell import EllRows, rows_with_few_values

if TYPE_CHECKING:
    from ._net import MixupNet


class ResidentRows:
    """Rows, targets and weights, on the device once and for all.

    Parameters
    ----------
    X : array-like, torch.Tensor or sparse matrix, first axis rows
        A sparse matrix stays in main memory and is made dense a batch at a time.
    y : ndarray or torch.Tensor, default=None
        Class indices (integers), or floating-point targets.
    weight : ndarray of shape (n_rows,), default=None
        Scaled to a mean of one in all; equal weights are no weights.
    device : torch.device or str
    dtype : torch.dtype, default=torch.float32
        Precision of the rows, and of targets unless it is less than single.
    """

    def __init__(
        self,
        X: NetData,
        y: Array | Tensor | None = None,
        weight: Array | None = None,
        device: Device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.X: CSR | Tensor
        self.X = X.tocsr() if sparse.issparse(X) else _to_float(X, device, dtype)
        _check_finite(self.X)
        self.y: Any  # a tensor, unless rows are there to be predicted
        self.y = None if y is None else _to_target(y, device, dtype)
        self.weight: Any = None
        if weight is not None and np.ptp(weight) > 0:
            weight = np.asarray(weight) / np.mean(weight)
            self.weight = torch.as_tensor(weight, dtype=torch.float32, device=device)
        if y is not None and len(self) != len(self.y):
            raise ValueError(f"X has {len(self)} rows and y has {len(self.y)}.")

    def __len__(self) -> int:
        return self.X.shape[0]

    @property
    def width(self) -> int:
        """Values in a row."""
        return math.prod(self.X.shape[1:])

    @cached_property
    def ell_rows(self) -> EllRows | None:
        """The rows as EllRows, or None where products with dense rows are faster."""
        return rows_with_few_values(self.X, self.device)

    def total_weight(self, rows: MemberRows, purpose: str) -> Tensor:
        """Return the weight of each member's rows, or raise ValueError if one has none.

        Parameters
        ----------
        rows : MemberRows
        purpose : str
            What they are for, for the message.
        """
        index = torch.as_tensor(rows.index, device=self.device)
        weight, mask = self.weight[index], rows.mask()
        if mask is not None:
            weight = weight * torch.as_tensor(mask, device=weight.device)
        total = weight.sum(1)
        if not total.all():
            raise ValueError(f"sample_weight is 0 for all rows to {purpose} on.")
        return total

    def take(self, rows: Tensor) -> Tensor:
        """Return the rows of an index tensor, dense: shape (*rows.shape, ...)."""
        if sparse.issparse(self.X):
            dense = self.X[rows.flatten().cpu().numpy()].toarray()
            part = torch.as_tensor(dense, dtype=self.dtype, device=self.device)
        else:
            part = self.X.index_select(0, rows.flatten())
        return part.reshape(*rows.shape, *self.X.shape[1:])


def _to_float(X: Any, device: Device, dtype: torch.dtype) -> Tensor:
    if isinstance(X, (dict, list, tuple)):
        raise TypeError(
            "MixupNet takes X as one array, tensor or sparse matrix, got "
            f"{type(X).__name__}: several inputs cannot be mixed."
        )
    if not isinstance(X, torch.Tensor):
        X = torch.from_numpy(np.require(to_numbers(X), requirements=["C", "W"]))
    if X.is_complex():
        raise ValueError(f"Complex data not supported, got X of type {X.dtype}.")
    return X.detach().to(device, dtype)


def to_numbers(X: Any) -> Array:
    """Return a table or an array as one array of numbers that torch has.

    Parameters
    ----------
    X : ndarray, or DataFrame of pandas, polars or pyarrow

    Returns
    -------
    X : ndarray
        Missing values are NaN.

    Raises
    ------
    ValueError
        If a column holds something else; the message names it.
    """
    X = as_table(X)
    if is_table(X):
        X = to_frame(X)
    names = getattr(X, "columns", None)
    X = np.asarray(X)
    if X.dtype.kind not in "biufc":
        X = _objects_to_float(X, names)
    if X.dtype.kind == "f" and X.dtype.itemsize > 8:
        X = X.astype(np.float64)
    return X.astype(X.dtype.newbyteorder("="), copy=False)


def _objects_to_float(X: Array, names: Any) -> Array:
    """Return an array of objects that are numbers, or name the columns with others."""
    columns = X.reshape(len(X), math.prod(X.shape[1:])).T
    numbers: list[Any] = [_column_to_float(column) for column in columns]
    others = [i for i, column in enumerate(numbers) if column is None]
    if others:
        names = np.arange(len(columns)) if names is None else np.asarray(names, object)
        found = names[others[:20]].tolist()
        raise ValueError(
            f"MixupNet takes rows of numbers; column(s) {found} of X hold text, dates "
            "or other objects: encode them first, e.g. with skmixup.TabularEncoder."
        )
    return np.stack(numbers, axis=1).reshape(X.shape)


def _column_to_float(column: Array) -> Array | None:
    """Return a column of objects as float64, or None if they are no numbers."""
    missing = pd.isna(column)
    if any(isinstance(value, (str, bytes)) for value in column[~missing]):
        return None  # "1.5" would pass for a number, and "red" would not
    try:
        return np.where(missing, np.nan, column).astype(np.float64)
    except (TypeError, ValueError):
        return None


def _check_finite(X: CSR | Tensor) -> None:
    if not isinstance(X, Tensor):
        X = torch.from_numpy(np.require(X.data, requirements="W"))
    # A sum is quick, and not finite if a value is not.
    if not torch.isfinite(X.sum()) and not torch.isfinite(X).all():
        raise ValueError("Input X contains NaN or infinity: impute or drop these rows.")


def _to_target(y: Array | Tensor, device: Device, dtype: torch.dtype) -> Tensor:
    y = torch.as_tensor(y, device=device)
    if not y.is_floating_point():
        return y.long()
    return y.to(torch.promote_types(dtype, torch.float32))


def check_row_weights(weight: ArrayLike | Tensor | None, n_rows: int) -> Array | None:
    """Return row weights as float64, or raise ValueError if they don't fit.

    Parameters
    ----------
    weight : array-like or torch.Tensor of shape (n_rows,), or None
    n_rows : int

    Returns
    -------
    weight : ndarray of shape (n_rows,), or None
    """
    if weight is None:
        return None
    if isinstance(weight, torch.Tensor):
        weight = weight.detach().cpu().double().numpy()
    if np.asarray(weight).dtype.kind not in "biufO":
        raise ValueError(
            "sample_weight must hold numbers, one for each row, got dtype "
            f"{np.asarray(weight).dtype}."
        )
    try:
        return check_weights(weight, np.empty((n_rows, 0)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight is refused: {error}") from error


def unpack(dataset: Any) -> tuple[Any, Any, Array | None]:
    """Return X, y and the row numbers (or None) of a dataset."""
    if isinstance(dataset, Subset):
        X, y, rows = unpack(dataset.dataset)
        index = np.asarray(dataset.indices)
        return X, y, index if rows is None else rows[index]
    if isinstance(dataset, Dataset):
        return dataset.X, dataset.y, None
    if hasattr(dataset, "tensors"):  # torch's TensorDataset
        return *dataset.tensors[:2], None
    raise TypeError(
        f"MixupNet keeps its data on the device: it takes arrays, tensors or skorch "
        f"datasets, got {type(dataset).__name__}."
    )


class MemberRows:
    """Row numbers of K members, padded to one length.

    Parameters
    ----------
    rows : sequence of K arrays of int

    Attributes
    ----------
    counts : ndarray of int of shape (K,)
    even : bool
        Whether all members have the same number of rows.
    index : ndarray of int of shape (K, n_max)
        Padded with each member's first row.
    """

    def __init__(self, rows: Sequence[Array] | Array) -> None:
        self.counts = np.array([len(r) for r in rows])
        if not self.counts.size or not self.counts.min():
            raise ValueError("Found no rows to train or validate on.")
        self.even = np.ptp(self.counts) == 0
        if self.even:
            self.index = np.array(rows)
        else:
            self.index = np.empty((len(rows), self.counts.max()), dtype=np.int64)
            for padded, own in zip(self.index, rows, strict=True):
                padded[: len(own)], padded[len(own) :] = own, own[0]

    def __len__(self) -> int:
        return len(self.counts)

    def select(self, members: Sequence[int] | Array) -> MemberRows:
        """Return the rows of some members."""
        pairs = zip(self.index[members], self.counts[members], strict=True)
        return MemberRows([own[:count] for own, count in pairs])

    def sample(self, size: int) -> MemberRows:
        """Return up to `size` rows of each member, drawn at random."""
        rng = np.random.default_rng(0)
        if self.even:
            return MemberRows(rng.permuted(self.index, axis=1)[:, :size])
        pairs = zip(self.index, self.counts, strict=True)
        return MemberRows([rng.permutation(r[:n])[:size] for r, n in pairs])

    def mask(self) -> Array | None:
        """Return True for rows and False for padding, (K, n_max), or None if even."""
        if self.even:
            return None
        return np.arange(self.index.shape[1]) < self.counts[:, None]


@dataclass
class TrainingData:
    """All rows of a training.

    Parameters
    ----------
    train : ResidentRows
    train_rows : MemberRows
        The members' rows to train on.
    valid : ResidentRows or None
        Of the rows to validate on: mostly `train` itself.
    valid_rows : MemberRows or None
    sets : dict
        The datasets that callbacks see.
    """

    train: ResidentRows
    train_rows: MemberRows
    valid: ResidentRows | None
    valid_rows: MemberRows | None
    sets: dict[str, Any]


def load(
    net: MixupNet,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | Tensor | None = None,
    rows: Any = None,
    valid_rows: Any = None,
) -> TrainingData:
    """Prepare rows, targets and weights for the training of a net.

    Parameters
    ----------
    net : MixupNet
        Its columns are noted, or compared; its labels are learned.
    X, y, sample_weight, rows, valid_rows
        As in :meth:`MixupNet.fit_loop`.

    Returns
    -------
    data : TrainingData
    """
    passed = net.get_dataset(X, y)
    net._note_columns(unpack(passed)[0])
    train_set, valid_set = _split(net, passed, y, rows, valid_rows)
    train_X, train_y, all_rows = unpack(train_set)
    net._compare_columns(train_X, passed=False)
    if train_y is None:
        raise ValueError("MixupNet needs targets: y is None.")
    weight = _row_weights(sample_weight, passed, train_X)
    train = resident(net, train_X, net._read_y(train_y), weight)
    rows, valid_rows = (_in_base(r, passed) for r in (rows, valid_rows))
    train_rows = _member_rows(rows if rows is not None else all_rows, train, net)
    valid, valid_rows = _valid_data(net, train, train_set, valid_set, valid_rows)
    sets = {"dataset_train": train_set, "dataset_valid": valid_set}
    return TrainingData(train, train_rows, valid, valid_rows, sets)


def resident(
    net: MixupNet, X: Any, y: Array | Tensor | None = None, weight: Array | None = None
) -> ResidentRows:
    """Return rows on a net's device, in the precision of its module."""
    dtypes = (p.dtype for p in net.module_.parameters() if p.is_floating_point())
    return ResidentRows(X, y, weight, net.device, next(dtypes, torch.float32))


def _split(
    net: MixupNet, dataset: Any, y: Any, rows: Any, valid_rows: Any
) -> tuple[Any, ...]:
    """Return the datasets that callbacks see."""
    if rows is None:
        return net.get_split_datasets(dataset, y)
    shared = [
        r if r is None or np.ndim(r[0]) == 0 else r[0] for r in (rows, valid_rows)
    ]
    return tuple(None if r is None else Subset(dataset, r) for r in shared)


def _in_base(rows: Any, dataset: Any) -> Any:
    """Return rows of a dataset, for all members or for each, as rows of its data."""
    index = unpack(dataset)[2]
    if rows is None or index is None:
        return rows
    if np.ndim(rows[0]):
        return [index[np.asarray(own)] for own in rows]
    return index[np.asarray(rows)]


def _row_weights(
    weight: ArrayLike | Tensor | None, passed: Any, train_X: Any
) -> Array | None:
    """Return the weights of the rows of the data, from those of what was passed."""
    if weight is None:
        return None
    X, _, index = unpack(passed)
    if X is not train_X:
        raise ValueError("sample_weight needs a train_split that returns Subsets.")
    if index is None:
        return check_row_weights(weight, X.shape[0])
    weight, spread = check_row_weights(weight, len(index)), np.zeros(X.shape[0])
    spread[index] = weight
    if (spread[index] != weight).any():
        raise ValueError("sample_weight has two values for a row of the Subset.")
    return spread


def _member_rows(rows: Any, data: ResidentRows, net: MixupNet) -> MemberRows:
    """Return the members' row numbers, from those of all or of each."""
    rows = np.arange(len(data)) if rows is None else rows
    if len(rows) and np.ndim(rows[0]):
        return MemberRows([np.asarray(own) for own in rows])
    return MemberRows(np.broadcast_to(rows, (net.n_members, len(rows))))


def _valid_data(
    net: MixupNet, train: ResidentRows, train_set: Any, valid_set: Any, valid_rows: Any
) -> tuple[ResidentRows | None, MemberRows | None]:
    """Return the validation rows as resident data and MemberRows."""
    if valid_set is None:
        return None, None
    X, y, rows = unpack(valid_set)
    train_X, train_y, _ = unpack(train_set)
    data = train
    if X is not train_X or y is not train_y:  # a data set of its own
        if y is None:
            raise ValueError("MixupNet needs targets of validation rows: y is None.")
        net._compare_columns(X, passed=False)
        data = resident(net, X, net._read_y(y))
    rows = valid_rows if valid_rows is not None else rows
    member_rows = _member_rows(rows, data, net)
    if net.pseudo_labels is not None and not data.y.is_floating_point():
        index = torch.as_tensor(member_rows.index, device=data.y.device)
        if (data.y[index] < 0).any():
            raise ValueError(
                "y is -1, no label, for a row to validate on: validate on rows that "
                "have labels, e.g. by skorch.helper.predefined_split, or valid_rows."
            )
    if data.weight is not None:
        data.total_weight(member_rows, "validate")
    return data, member_rows
