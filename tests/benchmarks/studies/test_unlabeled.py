"""The study of rows without labels: which rows those are, and what is learned."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.compare.pairing import NothingToCompare
from benchmarks.compare.summary import label_rows
from benchmarks.models.semi_supervised import (
    UNLABELED,
    Averaged,
    PseudoLabeledMixup,
    Supervised,
    label_spreading,
)
from benchmarks.run.fit import Fit
from benchmarks.run.results import read_rows
from benchmarks.studies import unlabeled
from benchmarks.studies.study import parse_options, run_study
from skmixup import MixupClassifier

from ..helpers import KEPT


@given(st.sampled_from(unlabeled.SHARES), st.integers(0, 9))
def test_each_class_keeps_its_share_but_at_least_five(share, seed):
    y = np.repeat([0, 1, 2], [300, 80, 7])
    partly = unlabeled.partly_labeled(y, share, seed)
    is_known = partly != UNLABELED
    np.testing.assert_array_equal(partly[is_known], y[is_known])
    wanted = np.maximum(np.round(share * np.array([300, 80, 7])), 5)
    np.testing.assert_array_equal(np.bincount(partly[is_known]), wanted)
    more = unlabeled.partly_labeled(y, min(2 * share, 1), seed) != UNLABELED
    assert (more >= is_known).all()


def test_tables_have_numbered_classes_of_enough_rows(iris):
    y = np.where(np.arange(150) < 10, "rare", iris.y.astype(str))
    table = unlabeled.as_numbers(replace(iris, y=pd.Series(y)))
    assert len(table.X) == len(table.y) == 140
    assert sorted(set(table.y)) == [0, 1, 2]
    assert table.X.index.equals(table.y.index)


def partly(table, share=0.1):
    return unlabeled.partly_labeled(np.asarray(table.y), share, 0)


def test_pseudo_labels_learn_classes_folds_and_encoding_of_labels(iris):
    X, y = iris.X.assign(kind="plain"), partly(iris)
    X.loc[y == UNLABELED, "kind"] = "new"
    known = y != UNLABELED
    with pytest.warns(UserWarning, match="levels that"):
        clf = PseudoLabeledMixup(n_estimators=2, random_state=0).fit(X, y)
        proba = clf.predict_proba(X)
    plain = MixupClassifier(n_estimators=2, random_state=0).fit(X[known], y[known])
    assert clf.classes_.tolist() == [0, 1, 2]
    names = [one.encoder_.get_feature_names_out() for one in (clf, plain)]
    np.testing.assert_array_equal(*names)
    assert (proba.argmax(1) == iris.y).mean() > 0.8
    assert clf.net_.pseudo_labels is not None


def test_copies_of_rows_count_as_often(iris):
    """A row that stands twice is learned as one of weight 2 is, labeled or not."""
    y = partly(iris, 0.25)
    twice = np.r_[np.arange(150), np.flatnonzero(y != UNLABELED)[:3], [140, 141]]
    X = iris.X.iloc[twice].reset_index(drop=True)
    clf = PseudoLabeledMixup(n_estimators=2, random_state=0)
    clf.fit(X, y[twice])
    found = clf._plan(clf._make_table(X, y[twice], None))
    n_labeled = int((y[twice] != UNLABELED).sum())
    for train, valid in found.splits:
        assert (found.table.y[valid] != UNLABELED).all()
        is_known = found.table.y[train] != UNLABELED
        assert is_known.sum() + len(valid) == n_labeled
        assert (~is_known).sum() == len(twice) - n_labeled


def test_a_supervised_model_sees_labels_alone_and_a_mean_is_one(iris):
    y = partly(iris)
    known = y != UNLABELED

    def made(seed):
        return MixupClassifier(n_estimators=2, max_epochs=5, random_state=seed)

    plain = [made(s).fit(iris.X[known], y[known]).predict_proba(iris.X) for s in (0, 1)]
    both = Averaged([Supervised(made(s)) for s in (0, 1)]).fit(iris.X, y)
    np.testing.assert_allclose(both.predict_proba(iris.X), np.mean(plain, axis=0))
    assert both.classes_.tolist() == [0, 1, 2]


def test_test_rows_are_neither_trained_on_nor_encoded_by(iris):
    table = unlabeled.as_numbers(iris)
    options = parse_options(
        unlabeled.STUDY, ["--shares", "0.25", "--models", "supervised"]
    )
    job = unlabeled.list_jobs(table, options)[0]
    train, test = unlabeled.rows_of(table, job)
    found = []
    for change in (0, 1e3):
        X = table.X.copy()
        X.iloc[test] += change
        other = replace(table, X=X, splits={(0, 0): (train, test)})
        (fit,) = unlabeled.fit(other, [job])
        found.append(fit.model.predict_proba(table.X))
    np.testing.assert_array_equal(*found)


def test_rows_that_no_label_reaches_get_the_shares_of_labels():
    X = pd.DataFrame({"x": np.r_[np.arange(20.0), 1e6 + np.arange(20.0)]})
    y = np.full(40, UNLABELED)
    y[:4] = [0, 0, 0, 1]
    proba = label_spreading().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba[20:], np.tile([0.75, 0.25], (20, 1)))
    assert (proba[0] != proba[20]).any()


def rows(ratios, losses=(0.2, 0.4, 0.8)):
    """Rows of tables, of which each has one log-loss, times a model's ratio."""
    return pd.DataFrame(
        [
            {
                "protocol": "5 % labels",
                "table": f"table {i}",
                "model": name,
                "repeat": 0,
                "fold": fold,
                "log_loss": loss * ratio,
                "error": loss * ratio / 2,
                "fit_seconds": 1.0,
                "n_labeled": 30,
            }
            for i, loss in enumerate(losses)
            for name, ratio in ratios.items()
            for fold in range(1 if name == "self-training" else 2)
        ]
    )


def test_models_are_compared_on_the_folds_that_both_have():
    frame = rows({unlabeled.SUPERVISED: 1.0, unlabeled.SHARPENED: 0.5})
    slow = rows({"self-training": 2.0})
    text, figures = unlabeled.report(pd.concat([frame, slow], ignore_index=True))
    assert set(figures) == {"unlabeled"}
    sharpened = next(line for line in text.splitlines() if "| sharpened" in line)
    assert "| 2 | 0.233 | 0.500 | 0.500 | 3, 0 (" in sharpened
    trained = next(line for line in text.splitlines() if "| self-training" in line)
    assert "| 1 | 0.933 | 2.000 | 2.000 | 0, 3 (" in trained
    assert "“sharpened guesses”, 3 of 3 at 5 % labels" in text


def test_without_a_result_to_compare_there_is_no_report():
    with pytest.raises(NothingToCompare):
        unlabeled.report(rows({unlabeled.SHARPENED: 1.0}))
    with pytest.raises(NothingToCompare):
        unlabeled.report(rows({unlabeled.SUPERVISED: 1.0}))


def test_the_study_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(unlabeled.HALVES, "meta-train", ())
    small = ["--models", "supervised", "label spreading", "--shares", "0.1"]

    def fit(table, jobs):
        for job in jobs:
            model = unlabeled.MODELS["label spreading"].make(seed=0)
            partly = unlabeled.partly_labeled(np.asarray(table.y), 0.1, job.fold)
            model.fit(table.X, partly)
            yield Fit(job, model, 1.0, measures={"n_labeled": int((partly >= 0).sum())})

    study = replace(unlabeled.STUDY, fit=fit)
    assert run_study(study, [*small, "--n-jobs", "1", "--out", str(tmp_path)]) == 0
    frame = pd.DataFrame(read_rows(tmp_path, unlabeled.STUDY.schema))
    assert set(frame["table"]) == {"iris", "wine", "breast cancer", "digits"}
    assert "| label spreading | 2 |" in capsys.readouterr().out


def test_the_kept_report_follows_from_its_rows():
    folder = KEPT / "unlabeled"
    kept = read_rows(folder, unlabeled.STUDY.schema)
    text, _ = unlabeled.report(label_rows([r for r in kept if r["status"] == "ok"]))
    assert text == (folder / "unlabeled.md").read_text(encoding="utf-8")
