"""What a net has learned of its data, and that it forgets when a fit fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import validate_data

from .._typing import Mixin
from ..encoding._checks import as_table, is_table

# What data tell before a net is trained on them.
_LEARNED = (
    *("feature_names_in_", "n_features_in_", "_columns_noted"),
    *("labels_", "n_outputs_", "n_columns_"),
)


def _is_table(X: object) -> bool:
    if isinstance(X, (np.ndarray, torch.Tensor)):  # told in no time
        return False
    return is_table(as_table(X))


class FitState(Mixin):
    """Knows whether a net is fitted, and on a table of which columns.

    To stand left of :class:`skorch.NeuralNet`. Columns are compared as scikit-learn
    does; arrays may be of any shape, and of them nothing is noted.
    """

    _columns_noted = False
    _fitting = False
    _refused = False

    def __getstate__(self) -> dict[str, Any]:
        # A callback may pickle a net that is being fitted; its copy is not.
        return {k: v for k, v in super().__getstate__().items() if k != "_fitting"}

    # ---- fits that fail

    @contextlib.contextmanager
    def _forgotten_if_it_fails(self) -> Iterator[None]:
        """Leave no half-trained net, whatever ends the training.

        One that was there before is kept if only the new data were refused.
        """
        was_made, self._refused, self._fitting = self.initialized_, False, True
        try:
            yield
        except BaseException:
            if not (was_made and self._refused):
                self._forget()
            raise
        finally:
            self._fitting = False

    @contextlib.contextmanager
    def _unchanged_if_refused(self) -> Iterator[None]:
        """Leave a net as it was if something is wrong with the data."""
        before = {name: vars(self)[name] for name in _LEARNED if name in vars(self)}
        try:
            yield
        except BaseException:
            self._forget_data()
            self.__dict__.update(before)
            self._refused = True
            raise

    def set_params(self, **params: Any) -> Self:
        """Set parameters; a trained net that gets a new module by that is not fitted.

        Parameters
        ----------
        **params : dict of str -> object
            Parameters by name.

        Returns
        -------
        self
        """
        module = vars(self).get("module_")
        try:
            return super().set_params(**params)
        finally:
            if self.history and vars(self).get("module_") is not module:
                self._forget()

    def _forget(self) -> None:
        """Be as a net that was never fitted."""
        for name in (*self._modules, *self._criteria, *self._optimizers):
            if hasattr(self, name + "_"):
                delattr(self, name + "_")
        self.initialize_virtual_params()  # which would set those of the optimizer
        self.initialized_ = False
        self._forget_data()

    def _forget_data(self) -> None:
        for name in _LEARNED:
            self.__dict__.pop(name, None)

    # ---- columns

    def _note_columns(self, X: Any) -> None:
        """Note the columns of the first rows, and compare those of later ones."""
        if self._columns_noted:
            self._compare_columns(X)
            return
        if _is_table(X):
            validate_data(self, as_table(X), reset=True, skip_check_array=True)
        self._columns_noted = True

    def _compare_columns(self, X: Any, passed: bool = True) -> None:
        """Raise, or warn, as scikit-learn does where columns are not those of `fit`.

        Of rows that the user has not passed, as to `fit` or `predict`, but a callback
        or a split, tables alone are compared: of arrays there is nobody to warn.
        """
        if not self._columns_noted:
            return
        named, table = hasattr(self, "n_features_in_"), _is_table(X)
        if (named or table) if passed else (named and table):
            validate_data(self, as_table(X), reset=False, skip_check_array=True)
