"""What a net has noted of the data that it was fitted on."""

from sklearn.utils.validation import validate_data

from ._checks import as_table, is_table

_COLUMNS = ("feature_names_in_", "n_features_in_")


class FitState:
    """Notes the columns of tables, and compares later ones, as scikit-learn does.

    To stand left of :class:`skorch.NeuralNet`. Arrays may be of any shape: of them
    nothing is noted.
    """

    _columns_noted = False
    _fitting = False

    def __getstate__(self):
        # A callback may pickle a net that is being fitted; its copy is not.
        return {k: v for k, v in super().__getstate__().items() if k != "_fitting"}

    def _forget_columns(self):
        for name in _COLUMNS:
            vars(self).pop(name, None)
        self._columns_noted = False

    def _note_columns(self, X):
        """Note the columns of the first rows, and compare those of later ones."""
        if self._columns_noted:
            self._compare_columns(X)
            return
        self._forget_columns()
        if is_table(as_table(X)):
            validate_data(self, as_table(X), reset=True, skip_check_array=True)
        self._columns_noted = True

    def _compare_columns(self, X, passed=True):
        """Raise, or warn, as scikit-learn does where columns are not those of `fit`.

        Of rows that the user has not passed, as to `fit` or `predict`, but a callback
        or a split, tables alone are compared: of arrays there is nobody to warn.
        """
        if not self._columns_noted:
            return
        named, table = hasattr(self, "n_features_in_"), is_table(as_table(X))
        if (named or table) if passed else (named and table):
            validate_data(self, as_table(X), reset=False, skip_check_array=True)
