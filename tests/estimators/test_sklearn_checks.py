"""scikit-learn's own checks, with no expected failure."""

import re

import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmixup import (
    MixupClassifier,
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
    MixupRandomizedSearchCV,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
)
from skmixup.encoding import SmoothClipScaler

# All checks are for these: each has code of its own for what any of them looks at.
DEFAULTS = [
    MixupClassifier(),
    MixupRegressor(),
    TabularEncoder(),
    TabularEncoder(n_tree_bins=8),
    SmoothClipScaler(),
]
SEARCHES = [
    MixupSearchCV(
        MixupClassifier(n_estimators=1, max_epochs=30, random_state=0),
        {"alpha": [0, 0.2]},
        cv=2,
        error_score="raise",
    ),
    MixupSearchCV(
        MixupRegressor(n_estimators=2, max_epochs=30, random_state=0),
        {"alpha": [0, 0.2]},
        cv=2,
        error_score="raise",
        keep_folds=True,
    ),
    MixupEnsembleClassifier(
        MixupClassifier(n_estimators=2, max_epochs=30),
        candidates=[{}, {"alpha": 0.0}],
    ),
    MixupEnsembleRegressor(
        MixupRegressor(n_estimators=2, max_epochs=30),
        candidates=[{}, {"alpha": 0.0}],
    ),
]

# Each setting takes a fit another way.
SETTINGS = [
    MixupClassifier(preprocess=None, max_epochs=30),
    MixupClassifier(alpha=0, n_estimators=1, early_stopping=False),
    MixupClassifier(n_estimators=3, early_stopping=False, max_epochs=30),
    MixupClassifier(n_estimators=1, early_stopping=True),
    MixupRandomizedSearchCV(
        MixupClassifier(n_estimators=2, max_epochs=30, random_state=0),
        {"alpha": [0, 0.2, 0.4]},
        n_iter=2,
        cv=2,
        error_score="raise",
        keep_folds=True,
    ),
    MixupRegressor(alpha=0.4, n_estimators=1, early_stopping=False, max_epochs=30),
    MixupRegressor(alpha=1, partner="target", max_epochs=30),
    MixupRegressor(loss="absolute_error", max_epochs=30),
    MixupRegressor(loss="quantile", max_epochs=30),
]
# What a setting can break: how X and y are read (with no encoder, in other types), how
# rows are split, weighed, drawn and mixed (few of them, copies, the same fit again),
# and what is kept to predict with. How an estimator is made, cloned, shown and tagged,
# and how it refuses what it is given, no setting changes.
OF_A_SETTING = {
    "check_class_weight_classifiers",
    "check_classifiers_classes",
    "check_classifiers_multilabel_representation_invariance",
    "check_classifiers_one_label",
    "check_classifiers_one_label_sample_weights",
    "check_classifiers_train",
    "check_dict_unchanged",
    "check_dtype_object",
    "check_estimator_sparse_array",
    "check_estimators_dtypes",
    "check_estimators_partial_fit_n_features",
    "check_estimators_pickle",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in_after_fitting",
    "check_non_transformer_estimators_n_iter",
    "check_regressor_multioutput",
    "check_regressors_int",
    "check_regressors_train",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_supervised_y_2d",
}

# The fast tier has all checks of the defaults but these: most fit many times, some do
# nearly what another does that is fast ...
NOT_FAST = {
    "check_class_weight_classifiers",
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_multilabel_representation_invariance",
    "check_classifiers_train",
    "check_dtype_object",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimators_dtypes",
    "check_estimators_overwrite_params",
    "check_f_contiguous_array_estimator",
    "check_fit_check_is_fitted",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_regressor_data_not_an_array",
    "check_regressors_no_decision_function",
    "check_regressors_train",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_sample_weights_list",
    "check_sample_weights_not_an_array",
    "check_supervised_y_2d",
}
# ... and of searches and settings these: a fit on few rows, weights as copies, rows
# predicted alone or among others, and what a pickle and the names of columns keep.
MOST_TELLING = {
    "check_estimators_pickle",
    "check_fit2d_1sample",
    "check_methods_subset_invariance",
    "check_n_features_in_after_fitting",
    "check_sample_weight_equivalence_on_dense_data",
}


def name_of(check):
    return getattr(check, "func", check).__name__


def id_of(value):
    """As scikit-learn's own: an estimator without blanks, a check with its options."""
    if hasattr(value, "get_params"):
        return re.sub(r"\s", "", str(value))
    options = [f"{k}={v}" for k, v in getattr(value, "keywords", {}).items()]
    return name_of(value) + (f"({','.join(options)})" if options else "")


def checks():
    """Yield each estimator with its checks, marked where they are slow."""
    for estimator in [*DEFAULTS, *SEARCHES, *SETTINGS]:
        for _, check in estimator_checks_generator(estimator):
            name = name_of(check)
            if estimator in SETTINGS and name not in OF_A_SETTING:
                continue
            is_default = estimator in DEFAULTS
            fast = name not in NOT_FAST if is_default else name in MOST_TELLING
            marks = [] if fast else [pytest.mark.slow]
            yield pytest.param(estimator, check, marks=marks)


# What a check calls wrong it fails; what it only warns of (weights and the like) is
# its own noise.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), [*checks()], ids=id_of)
def test_estimator_check(estimator, check):
    check(estimator)


def test_checks_that_are_named_are_there():
    """Else one that scikit-learn renames would be run no more."""
    there = {name_of(c) for e in DEFAULTS for _, c in estimator_checks_generator(e)}
    assert there >= OF_A_SETTING | NOT_FAST | MOST_TELLING


ALL = [*DEFAULTS, *SEARCHES, *SETTINGS]


@pytest.mark.parametrize(
    "estimator", [e for e in ALL if "MixupClassifier(" in str(e)], ids=id_of
)
def test_is_a_classifier(estimator):
    assert is_classifier(estimator)
    assert repr(clone(estimator)) == repr(estimator)
    assert type(estimator).__name__ in estimator._repr_html_()


@pytest.mark.parametrize(
    "estimator", [e for e in ALL if "MixupRegressor(" in str(e)], ids=id_of
)
def test_is_a_regressor(estimator):
    assert is_regressor(estimator)
    assert not is_classifier(estimator)
    assert repr(clone(estimator)) == repr(estimator)
