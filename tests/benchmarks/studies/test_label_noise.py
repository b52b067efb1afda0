"""mixup against wrong labels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.run.folds import rows_of
from benchmarks.run.jobs import make_jobs
from benchmarks.run.unit import make_units, run_unit
from benchmarks.studies.adversarial import attacks
from benchmarks.studies.label_noise import __main__ as label_noise
from benchmarks.studies.label_noise import epoch_curves


def watched_rows(table, alphas, quick):
    jobs = make_jobs(table, ["mixup"], alphas, protocol="watched", folds=2, noise=0.5)
    how = {"fit": epoch_curves.fit_watched, "schema": label_noise.STUDY.schema}
    (unit,) = make_units(table, jobs, **how)
    return [outcome.row for outcome in run_unit(unit)]


def test_a_watched_member_is_the_same_in_any_company(iris, quick):
    # Some categories are in one fold only: encoded rows differ in width.
    words = [f"word {i}" if i % 20 == 0 else "word" for i in range(150)]
    table = replace(iris, X=iris.X.assign(word=words))
    how = {"protocol": "watched", "folds": 3, "noise": 0.5}
    jobs = make_jobs(table, ["mixup"], [0.0, 1.0], **how)
    encoders = [epoch_curves._fit_encoder(table, job) for job in jobs]
    assert len({len(e.get_feature_names_out()) for e in encoders}) > 1
    together = list(epoch_curves.fit_watched(table, jobs))
    assert len(together) == 6
    for fit in together:
        (alone,) = epoch_curves.fit_watched(table, [fit.job])
        assert fit.measures == alone.measures
        found = (f.model.predict_proba(table.X) for f in (fit, alone))
        np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-6)


def test_the_curve_ends_with_the_last_error_and_holds_the_best(iris, quick):
    for row in watched_rows(iris, [0.0, 8.0], quick):
        epochs, errors = np.array(row["curve"]).T
        assert epochs.tolist() == [1, 2, 3]
        assert errors[-1] == pytest.approx(row["error"])
        assert errors.min() == pytest.approx(row["best_error"])
        assert errors[row["best_epoch"] - 1] == pytest.approx(row["best_error"])


def test_watching_counts_each_test_row_once():
    """Folds of unlike sizes are padded with rows that are not to count."""

    class Net:
        module_ = torch.nn.Identity()

    X = np.eye(3, dtype=np.float32)
    watch = epoch_curves._Watch(X, np.array([0, 1, 0]), [np.array([2]), np.arange(3)])
    watch.on_epoch_end(Net())
    np.testing.assert_allclose(watch.errors[0], [1, 1 / 3])


def shown_other_test_rows(table, job):
    """The table with nonsense in a job's test rows, and the same split."""
    train, test = rows_of(table, job)
    X, y = table.X.copy(), table.y.copy()
    X.iloc[test], y.iloc[test] = 1e3, y.iloc[train[0]]
    return replace(table, X=X, y=y, splits={(0, 0): (train, test)})


FITS = {"watched": epoch_curves.fit_watched, "attacked": attacks.fit_attacked}


@pytest.mark.parametrize("protocol", FITS)
def test_test_rows_are_neither_trained_on_nor_encoded_by(protocol, iris, quick):
    job = make_jobs(iris, ["mixup"], [0.0], protocol=protocol, folds=2)[0]
    found = []
    for table in (iris, shown_other_test_rows(iris, job)):
        (fit,) = FITS[protocol](table, [job])
        found.append(fit.model.predict_proba(iris.X))
    np.testing.assert_array_equal(*found)


def noisy_rows():
    """Rows of two tables: error is noise times a number, plus 0 or 0.2."""
    ways = {
        "ERM": ("mixup", 0.0, "watched"),
        "dropout": ("mixup", 0.0, "watched, dropout"),
        "mixup α=8": ("mixup", 8.0, "watched"),
        "random forest": ("forest", None, None),
    }
    errors = {
        "ERM": (0.4, 0.2, 0.1),
        "dropout": (0.2, 0.15, 0.5),
        "mixup α=8": (0.3, 0.25, 0.6),
        "random forest": (0.3, None, 0.2),
    }
    rows = []
    for name, (model, a, protocol) in ways.items():
        last, best, wrong = errors[name]
        for table, extra in (("a", 0.0), ("b", 0.2)):
            for noise in (0.2, 0.5):
                row = {"model": model, "alpha": a, "protocol": protocol}
                row |= {"table": table, "repeat": 0, "fold": 0, "noise": noise}
                row |= {"error": noise * last + extra, "wrong_error": wrong}
                row |= {"best_error": best and noise * best + extra}
                row |= {"curve": [[1, 0.5], [2, last]] if best else None}
                rows.append(row)
    return pd.DataFrame(rows)


def test_wrong_labels():
    text, figures = label_noise.report(noisy_rows())
    assert list(figures) == ["label_noise"]
    assert "| ERM | 18.0 | 14.0 | 10.0 | 30.0 | 20.0 | 10.0 |" in text
    assert "| dropout | 14.0 | 13.0 | 50.0 | 20.0 | 17.5 | 50.0 |" in text
    assert "| random forest | 16.0 |  | 20.0 | 25.0 |  | 20.0 |" in text
    assert text.endswith(
        "At 50 % replaced labels, at the last epoch: mixup α=8 (25.0 %) is below ERM "
        "(30.0 %; lower on 2 of 2 tables) and not below dropout (20.0 %; lower on 0 of "
        "2 tables).\n"
    )


def test_one_noise_and_no_wrong_label():
    rows = noisy_rows().query("noise == 0.2").drop(columns="wrong_error")
    text, figures = label_noise.report(rows)
    assert "not memorized" not in text
    assert "At 20 % replaced labels" in text
    last, _, epochs = figures["label_noise"].axes
    assert all(line.get_marker() == "." for line in last.lines)
    assert epochs.get_title() == "20 % replaced"
    assert len(epochs.lines) == 3


def test_curves_of_several_lengths_are_averaged_epoch_by_epoch():
    """As of a run with other epochs in the same folder; it ended the report."""
    rows = noisy_rows()
    longer = [[1, 0.3], [2, 0.2], [3, 0.1]]
    at = rows.index[(rows["table"] == "b") & (rows["model"] == "mixup")]
    rows["curve"] = [longer if i in at else curve for i, curve in rows["curve"].items()]
    _, figures = label_noise.report(rows)
    epochs = figures["label_noise"].axes[2]
    assert list(epochs.lines[0].get_xdata()) == [1, 2, 3]
    np.testing.assert_allclose(epochs.lines[0].get_ydata()[0], 100 * (0.5 + 0.3) / 2)
