"""How the models other than mixup get numbers, categories and missing values."""

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from .wrappers import AsCategories

NUMBERS = make_column_selector(dtype_include="number")
_OTHERS = make_column_selector(dtype_exclude="number")
# Histogram gradient boosting takes no more than 255.
_MAX_CATEGORIES = 250


def standardized():
    """Return what imputes and scales numbers, first, and makes all else one-hot."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    others = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((numbers, NUMBERS), (others, _OTHERS))


def one_hot(classifier):
    """Numbers imputed and scaled, all else one-hot; missing is a category."""
    return make_pipeline(standardized(), classifier)


def _coder(**params):
    """All that is no number as codes; missing and unseen are NaN."""
    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        **{"unknown_value": np.nan, "encoded_missing_value": np.nan} | params,
    )


def ordinal(classifier):
    """Numbers as they are, all else as codes."""
    columns = make_column_transformer(("passthrough", NUMBERS), (_coder(), _OTHERS))
    return make_pipeline(columns, classifier)


def categorical(classifier):
    """Numbers as they are, all else as pandas' categories; missing and unseen NaN."""
    codes = make_pipeline(_coder(max_categories=_MAX_CATEGORIES), AsCategories())
    columns = make_column_transformer(("passthrough", NUMBERS), (codes, _OTHERS))
    return make_pipeline(columns.set_output(transform="pandas"), classifier)


def filled(classifier, impute=False):
    """All but numbers as pandas' categories, of which missing and unseen is one."""
    coder = _coder(unknown_value=-1, encoded_missing_value=-1)
    codes = make_pipeline(coder, AsCategories())
    numbers = "passthrough"
    if impute:
        numbers = SimpleImputer(strategy="median", keep_empty_features=True)
    columns = make_column_transformer((numbers, NUMBERS), (codes, _OTHERS))
    return make_pipeline(columns.set_output(transform="pandas"), classifier)
