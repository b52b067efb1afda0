"""Rows, targets and weights that live on the device while a net trains."""

import math
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from skorch.dataset import Dataset
from torch.utils.data import Subset

from ._sparse import rows_with_few_values


class ResidentRows:
    """Rows, targets and weights, on the device once and for all.

    Parameters
    ----------
    X : array-like, torch.Tensor or sparse matrix, first axis rows
        A sparse matrix stays in main memory and is made dense a batch at a time.
    y : array-like or torch.Tensor, default=None
        Class indices (integers), or floating-point targets.
    weight : array-like of shape (n_rows,), default=None
        Scaled to a mean of one in all; equal weights are no weights.
    device : torch.device or str
    dtype : torch.dtype, default=torch.float32
        Precision of the rows.
    """

    def __init__(self, X, y=None, weight=None, device="cpu", dtype=torch.float32):
        self.device = device
        self.dtype = dtype
        self.X = X.tocsr() if sparse.issparse(X) else _to_float(X, device, dtype)
        _check_finite(self.X)
        self.y = None if y is None else _to_target(y, device)
        self.weight = None
        if weight is not None and np.ptp(weight) > 0:
            weight = np.asarray(weight) / np.mean(weight)
            self.weight = torch.as_tensor(weight, dtype=torch.float32, device=device)
        if y is not None and len(self) != len(self.y):
            raise ValueError(f"X has {len(self)} rows and y has {len(self.y)}.")

    def __len__(self):
        return self.X.shape[0]

    @property
    def width(self):
        """Values in a row."""
        return math.prod(self.X.shape[1:])

    @cached_property
    def sparse_rows(self):
        """The rows as SparseRows, or None where products with dense rows are faster."""
        return rows_with_few_values(self.X, self.device)

    def take(self, rows):
        """Return the rows of an index tensor, dense: shape (*rows.shape, ...)."""
        if sparse.issparse(self.X):
            part = self.X[rows.flatten().cpu().numpy()].toarray()
            part = torch.as_tensor(part, dtype=self.dtype, device=self.device)
        else:
            part = self.X.index_select(0, rows.flatten())
        return part.reshape(*rows.shape, *self.X.shape[1:])


def _to_float(X, device, dtype):
    if hasattr(X, "to_numpy") and not isinstance(X, torch.Tensor):
        X = X.to_numpy()
    if isinstance(X, (dict, list, tuple)):
        raise TypeError(
            "MixupNet takes X as one array, tensor or sparse matrix, got "
            f"{type(X).__name__}: several inputs cannot be mixed."
        )
    if not isinstance(X, torch.Tensor):
        X = torch.from_numpy(np.require(X, requirements=["C", "W"]))
    return X.to(device, dtype)


def _check_finite(X):
    values = torch.from_numpy(X.data) if sparse.issparse(X) else X
    # A sum is quick, and not finite if a value is not.
    if not torch.isfinite(values.sum()) and not torch.isfinite(values).all():
        raise ValueError("Input X contains NaN or infinity: impute or drop these rows.")


def _to_target(y, device):
    if not isinstance(y, torch.Tensor):
        y = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
        if y.dtype.kind not in "biuf":
            raise ValueError(
                f"MixupNet takes class indices (0, 1, ...) or numbers as y, got {y!r}: "
                "for labels of other kinds there is sklearn.preprocessing.LabelEncoder."
            )
        y = torch.from_numpy(np.require(y, requirements=["C", "W"]))
    y = y.to(device)
    return y.float() if y.is_floating_point() else y.long()


def unpack(dataset):
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
