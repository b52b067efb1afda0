"""What a net is to scikit-learn: a classifier of labels, or a regressor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags
from skorch.utils import to_numpy
from torch import Tensor

from .._sklearn import available_if
from .._typing import Array, Mixin, NetData, NetTargets
from ..stack._layers import shown
from ._criteria import (
    EACH_OUTPUT,
    as_array,
    criterion_traits,
    holds_text,
    is_criterion,
    read_y,
    sort_labels,
)
from ._data import unpack
from ._pseudo_labels import UNLABELED, PseudoLabels


def _dataset_targets(dataset: Any) -> Any:
    _, y, rows = unpack(dataset)
    return y if rows is None else np.asarray(y)[rows]


def _in_single(y_pred: Tensor) -> Tensor:
    """Return outputs in a precision that NumPy has."""
    return y_pred.float() if y_pred.dtype in (torch.bfloat16, torch.half) else y_pred


class PredictsTargets(Mixin):
    """Reads targets as a net's criterion takes them, and gives predictions alike.

    To stand left of :class:`skorch.NeuralNet`. The net sets, before its training:
    `labels_`, sorted, or None where classes are numbers; `n_outputs_`, the width of
    one-hot rows, or None of floating-point targets; `n_columns_`, the width of those.
    """

    criterion: Any
    pseudo_labels: PseudoLabels | None
    labels_: Array | None
    n_outputs_: int | None
    n_columns_: int | None

    # ---- labels

    def _read_y(self, y: Any) -> Tensor:
        """Return targets as a tensor; labels of text are learned from the first."""
        y = as_array(y)
        takes_labels = criterion_traits(self.criterion)[0] != "regressor"
        if takes_labels and (self.labels_ is not None or holds_text(y)):
            has_none = self._find_unlabeled(y)
            if has_none is not None:
                target = torch.full((len(y),), UNLABELED, device="cpu")
                known = self._read_y(y[~has_none]).flatten()
                target[torch.from_numpy(~has_none)] = known
                return target
        if takes_labels and self.labels_ is None and holds_text(y):
            self._learn_labels(y)
        return read_y(y, self.criterion, self.labels_)

    def _find_unlabeled(self, y: Any) -> Array | None:
        """Tell which rows have no label, if any: those of -1, or of missing text."""
        if self.pseudo_labels is None or isinstance(y, Tensor):
            return None
        is_text = holds_text(y)
        if not is_text and self.labels_ is not None and UNLABELED in self.labels_:
            raise ValueError(
                f"classes={shown(self.labels_)} holds {UNLABELED}, which with "
                "pseudo_labels is no label: give that class another one."
            )
        has_none = (pd.isna(y) if is_text else y == UNLABELED).reshape(len(y), -1)
        has_none = has_none.all(axis=1)
        return has_none if has_none.any() and not has_none.all() else None

    def _learn_labels(self, labels: Array) -> None:
        """Note all class labels, once and for all."""
        labels = sort_labels(labels) if holds_text(labels) else np.unique(labels)
        known = getattr(self, "classes_", None)
        if known is not None and not np.array_equal(known, labels):
            raise ValueError(
                f"The labels {shown(labels[:20])} are not those of the first call, "
                f"{shown(known[:20])}: name them all in that one, or use fit."
            )
        self.labels_ = labels

    def _as_given(self, y: Tensor) -> Tensor | Array:
        """Return targets as `fit` was given them, where they are labels."""
        if self.labels_ is None:
            return y
        return self.labels_[y.long().flatten().cpu().numpy()]

    # ---- predictions

    def _get_predict_nonlinearity(self) -> Callable[[Tensor], Tensor]:
        link = super()._get_predict_nonlinearity()
        if self.predict_nonlinearity == "auto":
            link = criterion_traits(self.criterion)[1]
        return lambda y_pred: link(_in_single(y_pred))

    def _predictions(self, X: NetData) -> Array:
        """Return what is made of the outputs, the mean over members."""
        made = super().predict_proba(X)
        made = made.mean(1) if self._stacked else made
        if self.labels_ is None or self.n_outputs_ in (None, len(self.labels_)):
            return made
        known = made[:, : len(self.labels_)]  # the module has more outputs than labels
        return known / known.sum(1, keepdims=True)

    def predict_proba(self, X: NetData) -> Array:
        """Return the probabilities of rows, the mean over members.

        Parameters
        ----------
        X : array-like, DataFrame, torch.Tensor, sparse matrix or skorch Dataset
            The rows.

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
            In the order of `classes_`; of several outputs that are each 0 or 1, that of
            1. For a criterion other than those of classes, what `predict_nonlinearity`
            makes of the module's outputs: by default nothing, so that with KLDivLoss
            they are logarithms, and with MultiLabelSoftMarginLoss scores.
        """
        proba = self._predictions(X)
        if is_criterion(self.criterion, EACH_OUTPUT) and proba.size == len(proba):
            proba = proba.reshape(-1, 1)
            return np.concatenate([1 - proba, proba], axis=1)
        return proba

    def predict(self, X: NetData) -> Array:
        """Return class labels if the criterion is of classes, else the outputs.

        Parameters
        ----------
        X : array-like, DataFrame, torch.Tensor, sparse matrix or skorch Dataset
            The rows.

        Returns
        -------
        y_pred : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Labels as `fit` was given them; 0 and 1 for each of several outputs that
            may both be.
        """
        y_pred = self._predictions(X)
        if criterion_traits(self.criterion)[0] != "classifier":
            return y_pred
        if is_criterion(self.criterion, EACH_OUTPUT) and self.n_outputs_ is None:
            codes = (y_pred > 0.5).astype(np.int64)
            codes = codes.ravel() if codes.size == len(codes) else codes
        else:
            codes = y_pred.argmax(1)
        return codes if self.labels_ is None else self.labels_[codes]

    # ---- scikit-learn's protocols

    @property
    def classes_(self) -> Array:
        """Class labels, in the order of the columns of `predict_proba`."""
        if criterion_traits(self.criterion)[0] == "regressor":
            raise AttributeError("A net that predicts numbers has no classes_.")
        if self.labels_ is not None:
            return self.labels_
        width = self.n_columns_ if self.n_outputs_ is None else self.n_outputs_
        if width is None:
            raise AttributeError("classes_ are known once the net is fitted.")
        return np.arange(max(width, 2))

    @available_if(lambda self: criterion_traits(self.criterion)[0] is not None)
    def score(
        self, X: NetData, y: NetTargets = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the accuracy of labels, or R² of numbers.

        There is none for a criterion that is not torch's: give a `scoring` to what
        needs one.

        Parameters
        ----------
        X : array-like, DataFrame, torch.Tensor, sparse matrix or skorch Dataset
            The rows.
        y : array-like or torch.Tensor, default=None
            As in `fit`; that of the Dataset if None. Of one-hot or soft rows, the
            largest counts.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row.

        Returns
        -------
        score : float
        """
        y_pred = self.predict(X)
        y_true = to_numpy(as_array(_dataset_targets(X) if y is None else y))
        if criterion_traits(self.criterion)[0] == "regressor":
            y_true, y_pred = (a.reshape(len(a), -1) for a in (y_true, y_pred))
            return r2_score(y_true, y_pred, sample_weight=sample_weight)
        if y_true.ndim == 2 and y_pred.ndim == 1:
            y_true = y_true.ravel() if y_true.shape[1] == 1 else y_true.argmax(1)
        return accuracy_score(y_true, y_pred, sample_weight=sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = criterion_traits(self.criterion)[0]
        tags.classifier_tags = tags.regressor_tags = None
        if tags.estimator_type == "classifier":
            tags.classifier_tags = ClassifierTags()
        elif tags.estimator_type == "regressor":
            tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        tags.input_tags.sparse = True
        return tags
