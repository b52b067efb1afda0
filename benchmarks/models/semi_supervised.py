"""Classifiers that learn from rows without labels, too: those whose label is -1."""

from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from skmixup import MixupClassifier, PseudoLabels, TabularEncoder
from skmixup.training import Plan, Table

from .preprocessing import one_hot

UNLABELED = -1
_DEFAULT = PseudoLabels()


class PseudoLabeledMixup(MixupClassifier):
    """A MixupClassifier whose members learn rows without labels by pseudo-labels.

    All that is learned before the training (classes, encoding, folds) is learned of the
    rows with a label.

    Parameters
    ----------
    pseudo_labels : PseudoLabels, default=PseudoLabels()
    n_estimators : int, default=8
    random_state : int, RandomState or None, default=None
    """

    def __init__(self, pseudo_labels=_DEFAULT, *, n_estimators=8, random_state=None):
        super().__init__(n_estimators=n_estimators, random_state=random_state)
        self.pseudo_labels = pseudo_labels

    def _make_table(self, X, y, sample_weight, again=False, **validation):
        is_known = np.asarray(y) != UNLABELED
        known = super()._make_table(X[is_known], y[is_known], sample_weight)
        self._n_known = len(known.y)
        rest = self._check_X(X[~is_known], reset=False)
        any_class = np.full(len(rest), self.classes_[0])
        rest = self._prepare(rest, any_class, np.ones(len(rest)), first=False)
        return Table(
            np.concatenate([known.X, rest.X]),
            np.concatenate([known.y, np.full(len(rest.y), UNLABELED)]),
            np.concatenate([known.weight, rest.weight]),
        )

    def _plan(self, table, net=None, is_piece=False):
        n = self._n_known
        known = Table(table.X[:n], table.y[:n], table.weight[:n])
        plan = super()._plan(known, net, is_piece)
        # Where its copies are visited one by one, they are in its splits.
        weight = np.ones(n) if plan.weight is None else plan.weight
        table = replace(table, weight=np.concatenate([weight, table.weight[n:]]))
        rest = np.arange(n, len(table.y))
        return Plan(
            table,
            plan.members,
            replace(
                plan.shared,
                pseudo_labels=self.pseudo_labels,
                batch_size=self._batch_size(np.ones(2 * n)),  # half of each kind
            ),
            [(np.concatenate([train, rest]), valid) for train, valid in plan.splits],
        )


class Supervised(ClassifierMixin, BaseEstimator):
    """A classifier that is given the rows with a label alone.

    Parameters
    ----------
    classifier : estimator
        Fitted itself, not a clone.
    """

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, y):
        """Fit the classifier.

        Parameters
        ----------
        X : DataFrame
        y : array of int of shape (n_rows,)
        """
        is_known = y != UNLABELED
        self.classifier.fit(X[is_known], y[is_known])
        self.classes_ = np.asarray(self.classifier.classes_)
        return self

    def predict_proba(self, X):
        """Return the classifier's probabilities."""
        return self.classifier.predict_proba(X)


class Averaged(ClassifierMixin, BaseEstimator):
    """Several classifiers, averaged in probability.

    Parameters
    ----------
    classifiers : list of estimators
    """

    def __init__(self, classifiers):
        self.classifiers = classifiers

    def fit(self, X, y):
        """Fit clones of all.

        Parameters
        ----------
        X : DataFrame
        y : array of int of shape (n_rows,)
        """
        self.fitted_ = [clone(one).fit(X, y) for one in self.classifiers]
        self.classes_ = self.fitted_[0].classes_
        return self

    def predict_proba(self, X):
        """Return the mean of the probabilities."""
        return np.mean([one.predict_proba(X) for one in self.fitted_], axis=0)


def self_training(seed):
    """Make scikit-learn's self-training of the default, on rows encoded beforehand."""
    encoder = TabularEncoder(n_bins=4, max_one_hot_levels=None)
    inner = MixupClassifier(preprocess=None, random_state=seed)
    return make_pipeline(encoder, SelfTrainingClassifier(inner))


class _SpreadLabels(LabelSpreading):
    """Label spreading that gives rows which no label reaches the shares of labels."""

    def fit(self, X, y):
        """Fit on rows of which those without a label have the class -1."""
        super().fit(X, y)
        self.shares_ = (y[y != UNLABELED, None] == self.classes_).mean(axis=0)
        return self

    def predict_proba(self, X):
        """Return probabilities: scikit-learn's are NaN where no neighbor has any."""
        with np.errstate(invalid="ignore"):
            proba = super().predict_proba(X)
        return np.where(np.isfinite(proba), proba, self.shares_)


def label_spreading():
    """Make scikit-learn's label spreading, over nearest neighbors."""
    return one_hot(_SpreadLabels(kernel="knn", n_neighbors=7, max_iter=100))
