"""What another model says of each row, as columns that a network is given."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.model_selection import check_cv, cross_val_predict
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._sklearn import HasMethods, fit_context
from ._checks import as_table

_LEAST = 1e-3  # probability, so that no logarithm stands far from the others


def _names_itself(transformer):
    return hasattr(transformer, "n_outputs_")


class StackingTransformer(TransformerMixin, BaseEstimator):
    """Predictions of another model as columns, out of fold on the rows of `fit`.

    Stacking [1]_: `fit_transform` gives each row what a model trained without its fold
    says of it, so that its own target does not; `transform`, of later rows, what a
    model trained on all rows says. Beside a table's own columns, it gives a network
    what trees see in it, say. Within the `preprocess` of :class:`MixupClassifier`, it
    is fitted by `fit_transform`, as in a Pipeline.

    Parameters
    ----------
    estimator : classifier or regressor
        Cloned, one for each fold and one for all rows. Of a classifier, the logarithms
        of its probabilities are taken, of two classes only the second's; of a
        regressor, its predictions. All are standardized.
    cv : int, cross-validation generator or iterable, default=5
        Which rows are told by a model that has not seen them; as in
        :func:`sklearn.model_selection.cross_val_predict`, a partition.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all rows.
    center_, scale_ : ndarray of shape (n_outputs_,)
        What was taken off each column, and what it was then divided by.
    n_outputs_ : int
        Number of columns.

    References
    ----------
    .. [1] Wolpert, "Stacked Generalization", 1992.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import FeatureUnion
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skmixup import MixupClassifier, TabularEncoder
    >>> from skmixup.encoding import StackingTransformer
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = StackingTransformer(DecisionTreeClassifier(max_leaf_nodes=4))
    >>> union = FeatureUnion([("table", TabularEncoder()), ("tree", tree)])
    >>> clf = MixupClassifier(preprocess=union, max_epochs=20, random_state=0)
    >>> bool(clf.fit(X, y).score(X, y) > 0.9)
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods(["fit", "predict"])],
        "cv": ["cv_object"],
    }

    def __init__(self, estimator, *, cv=5):
        self.estimator = estimator
        self.cv = cv

    def fit(self, X, y):
        """Train the model on all rows, and others on all but a fold.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            Whatever the estimator takes.
        y : array-like of shape (n_rows,)
            Labels or numbers.

        Returns
        -------
        self : StackingTransformer
        """
        self.fit_transform(X, y)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y):
        """Train the models, and return what those say of rows they have not seen.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            Whatever the estimator takes.
        y : array-like of shape (n_rows,)
            Labels or numbers.

        Returns
        -------
        Z : ndarray of float32 of shape (n_rows, n_outputs_)
        """
        X = as_table(X)
        is_class = is_classifier(self.estimator)
        cv = check_cv(self.cv, y, classifier=is_class)
        method = "predict_proba" if is_class else "predict"
        with warnings.catch_warnings():
            # A class that a fold lacks has probability 0 there.
            for message in ("The least populated class", "Number of classes in train"):
                warnings.filterwarnings("ignore", message=message)
            told = cross_val_predict(self.estimator, X, y, cv=cv, method=method)
        columns = self._columns(told)
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.n_outputs_ = columns.shape[1]
        self.center_ = columns.mean(axis=0)
        spread = columns.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        return self._standardize(columns)

    def transform(self, X):
        """Return what the model that was trained on all rows says.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)

        Returns
        -------
        Z : ndarray of float32 of shape (n_rows, n_outputs_)
        """
        check_is_fitted(self, "estimator_")
        X = as_table(X)
        if is_classifier(self.estimator_):
            return self._standardize(self._columns(self.estimator_.predict_proba(X)))
        return self._standardize(self._columns(self.estimator_.predict(X)))

    def _columns(self, told):
        if not is_classifier(self.estimator):
            return np.asarray(told, dtype=float).reshape(len(told), -1)
        first = 1 if told.shape[1] == 2 else 0  # the other one says the same
        return np.log(np.clip(told, _LEAST, 1 - _LEAST))[:, first:]

    def _standardize(self, columns):
        return ((columns - self.center_) / self.scale_).astype(np.float32)

    @available_if(_names_itself)
    def get_feature_names_out(self, input_features=None):
        """Return a name for each column.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str of shape (n_outputs_,)
        """
        kind = type(self.estimator).__name__.lower()
        return np.array([f"{kind}{i}" for i in range(self.n_outputs_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = tags.input_tags.allow_nan = True
        return tags
