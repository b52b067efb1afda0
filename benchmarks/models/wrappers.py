"""What other packages' estimators need to take any table and any classes."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.preprocessing import LabelEncoder


class NumberedClasses(ClassifierMixin, BaseEstimator):
    """A classifier that is given classes as 0, 1, 2, ... and gives them back as found.

    Parameters
    ----------
    classifier : estimator
        Fitted itself, not a clone: a benchmark's model is fitted once.
    """

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, y):
        """Fit the classifier.

        Parameters
        ----------
        X : DataFrame
        y : array of shape (n_rows,)
        """
        encoder = LabelEncoder()
        self.classifier.fit(X, encoder.fit_transform(y))
        self.classes_ = encoder.classes_
        return self

    def predict_proba(self, X):
        """Return the classifier's probabilities."""
        return np.asarray(self.classifier.predict_proba(X))


class ListedCategories(BaseEstimator):
    """An estimator whose `fit` is told which columns are pandas' categories.

    Parameters
    ----------
    estimator : estimator
        Fitted itself, not a clone.
    param : str
        The parameter of its `fit` that lists them.
    """

    def __init__(self, estimator, param):
        self.estimator = estimator
        self.param = param

    def fit(self, X, y):
        """Fit the estimator.

        Parameters
        ----------
        X : DataFrame
        y : array of shape (n_rows,)
        """
        params = {self.param: list(X.select_dtypes("category"))}
        self.estimator_ = self.estimator.fit(X, y, **params)
        return self

    def predict(self, X):
        """Return the estimator's predictions."""
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        """Return the estimator's probabilities."""
        return self.estimator_.predict_proba(X)


class AsCategories(TransformerMixin, BaseEstimator):
    """Codes become columns of pandas' categories, those seen in `fit`."""

    def fit(self, X, y=None):
        """Learn the codes.

        Parameters
        ----------
        X : DataFrame
            Of codes, with or without NaN.
        y : ignored
        """
        self.dtypes_ = {
            name: pd.CategoricalDtype(sorted({-1, *column.dropna().astype(int)}))
            for name, column in X.items()
        }
        return self

    def transform(self, X):
        """Return a DataFrame of the same shape."""
        return X.astype("Int64").astype(self.dtypes_)

    def set_output(self, *, transform=None):
        """Pandas is all there is."""
        return self

    def get_feature_names_out(self, names=None):
        """Columns keep their names."""
        return np.asarray(names)
