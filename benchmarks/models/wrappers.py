"""What other packages' classifiers need to take any table and any classes."""

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
    category_param : str, default=None
        The parameter of its `fit` that lists the columns of categories, if it has one.
    """

    def __init__(self, classifier, category_param=None):
        self.classifier = classifier
        self.category_param = category_param

    def fit(self, X, y):
        """Fit the classifier.

        Parameters
        ----------
        X : DataFrame
        y : array of shape (n_rows,)
        """
        encoder = LabelEncoder()
        params = {}
        if self.category_param is not None:
            params[self.category_param] = list(X.select_dtypes("category"))
        self.classifier.fit(X, encoder.fit_transform(y), **params)
        self.classes_ = encoder.classes_
        return self

    def predict_proba(self, X):
        """Return the classifier's probabilities."""
        return np.asarray(self.classifier.predict_proba(X))


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
