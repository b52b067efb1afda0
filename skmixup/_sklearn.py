"""scikit-learn's private names: all that this package uses, and nowhere else.

They may change with any version. There is no public name for what they do: to check
parameters, targets and weights with scikit-learn's own words, to split and to score as
its searches do. Tested with scikit-learn 1.7 and 1.9.
"""

from collections.abc import Callable
from typing import Any

from sklearn.base import _fit_context
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.model_selection._validation import (
    _fit_and_score as fit_and_score,
)
from sklearn.model_selection._validation import (
    _insert_error_scores as insert_error_scores,
)
from sklearn.model_selection._validation import _score as score_estimator
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as warn_or_raise_about_fit_failures,
)
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._set_output import _get_output_config as get_output_config
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call as check_partial_fit_first_call,
)
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _check_y as check_y
from sklearn.utils.validation import _num_samples as num_samples

from ._typing import Method

__all__ = [
    "HasMethods",
    "Interval",
    "MultimetricScorer",
    "StrOptions",
    "available_if",
    "check_feature_names_in",
    "check_matplotlib_support",
    "check_method_params",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "check_y",
    "fit_and_score",
    "fit_context",
    "get_output_config",
    "insert_error_scores",
    "num_samples",
    "safe_indexing",
    "safe_split",
    "score_estimator",
    "warn_or_raise_about_fit_failures",
]


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator, which leaves a method's type as it is."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator, which leaves a method's type as it is."""
    return _available_if(check)
