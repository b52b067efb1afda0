"""Studies of what mixup claims: they run, resume, pair, and say what they found."""

import importlib
import re
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.compare.pairing import against
from benchmarks.data.suites import SUITES
from benchmarks.data.tables import Table, load_all
from benchmarks.models.protocols import PROTOCOLS
from benchmarks.report import __main__ as report
from benchmarks.report import readme_figure
from benchmarks.run.cli import add_alphas, add_how, parse
from benchmarks.run.fit import Fit
from benchmarks.run.folds import labels_of, rows_of
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.measure import measure
from benchmarks.run.results import read_rows
from benchmarks.run.unit import make_units, run_unit
from benchmarks.studies import alpha as widths
from benchmarks.studies import convnets, sequences
from benchmarks.studies.adversarial import __main__ as adversarial
from benchmarks.studies.adversarial import attacks
from benchmarks.studies.compare_alphas import against_erm, sentence
from benchmarks.studies.gan import __main__ as gan
from benchmarks.studies.gan import training
from benchmarks.studies.gan.toy_sets import TOY_SETS
from benchmarks.studies.gan.training import train
from benchmarks.studies.label_noise import __main__ as label_noise
from benchmarks.studies.label_noise import epoch_curves

TINY = {
    "label_noise": ["--alphas", "8", "--noises", "0", "0.5", "--folds", "2"],
    "adversarial": ["--alphas", "1", "--folds", "2"],
    "alpha": ["--alphas", "1", "inf", "--widths", "8", "32", "--folds", "2"],
    "gan": ["--seeds", "2", "--sets", "ring of 8"],
    "images": ["--alphas", "1", "--repeats", "1"],
    "sequences": ["--alphas", "1", "--repeats", "1"],
}
N_ROWS = {"label_noise": 28, "adversarial": 4, "alpha": 12, "gan": 6}


def load_study(name):
    """The module of a study, be it a file or a folder."""
    module = importlib.import_module(f"benchmarks.studies.{name}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"benchmarks.studies.{name}.__main__")
    return module


@pytest.fixture(scope="module")
def iris():
    return load_all(["iris"])[0][0]


@pytest.fixture
def quick(monkeypatch):
    """Train for a moment only."""
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    for params in epoch_curves.WATCHED.values():
        monkeypatch.setitem(params, "max_epochs", 3)
    short = [widths.PARAMS[f"2 x {width}, to the end"] for width in (8, 32)]
    for params in (*short, attacks.PARAMS, PROTOCOLS["default"].mixup):
        monkeypatch.setitem(params, "max_epochs", 2)
    short = {"checkpoints": (2, 4), "n_samples": 50}
    monkeypatch.setattr(
        training.train, "__kwdefaults__", training.train.__kwdefaults__ | short
    )
    monkeypatch.setattr(gan, "CHECKPOINTS", (2, 4))
    net = convnets.MixupNet
    monkeypatch.setattr(
        convnets, "MixupNet", lambda *a, **k: net(*a, **k | {"max_epochs": 1})
    )
    monkeypatch.setattr(sequences, "N_ROWS", 200)


def without_times(rows):
    """Leave out what differs from run to run: times, and who trained beside."""
    differs = ("fit_seconds", "predict_seconds", "environment", "stack_size")
    return [{k: v for k, v in row.items() if k not in differs} for row in rows]


@pytest.mark.parametrize("name", TINY)
def test_a_study_runs_to_the_end_and_resumes(name, tmp_path, quick, capsys):
    """Killed in the middle of a line, it ends with the same rows and the same text."""
    study = load_study(name)
    arguments = [*TINY[name], "--n-jobs", "1", "--out", str(tmp_path)]
    assert study.main(arguments) == 0
    text = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert text.count("|") > 10 and text.strip().endswith(".")
    pictures = list(tmp_path.glob("*.png"))
    assert pictures
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
    rows = read_rows(tmp_path)
    assert len(rows) == N_ROWS.get(name, 4)
    assert all(row["status"] == "ok" for row in rows)

    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    assert study.main(arguments) == 0
    err = capsys.readouterr().err
    assert f"{len(rows) - 1} of {len(rows)} jobs were finished before" in err
    assert without_times(read_rows(tmp_path)) == without_times(rows)
    assert (tmp_path / f"{name}.md").read_text(encoding="utf-8") == text

    path.unlink()  # the exported rows will do
    assert study.main(arguments) == 0
    assert f"{len(rows)} of {len(rows)}" in capsys.readouterr().err
    assert (tmp_path / f"{name}.md").read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_written_to(tmp_path, quick, capsys):
    (tmp_path / "file").touch()
    study = load_study("alpha")
    assert study.main(["--out", str(tmp_path / "file")]) == 2
    assert "Cannot write to --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("label_noise", ["--noises", "50"], r"'50' is no number in \[0, 1\]"),
        ("label_noise", ["--alphas", "-1"], r"'-1' is no number in \[0, inf\]"),
        ("alpha", ["--widths", "7"], "invalid choice: 7"),
        ("gan", ["--sets", "square"], "invalid choice: 'square'"),
        ("gan", ["--folds", "3"], "unrecognized arguments"),
        ("images", ["--suite", "paper"], "unrecognized arguments"),
        ("images", ["--alphas", "0"], "none above 0 to compare"),
        ("gan", ["--seed", str(2**32)], "is more than 4294967295"),
        ("alpha", ["--out", ""], "names no folder"),
    ],
)
def test_wrong_arguments_are_named(name, arguments, message, capsys):
    study = load_study(name)
    with pytest.raises(SystemExit):
        study.main(arguments)
    assert re.search(message, capsys.readouterr().err)


def test_alphas_are_told_apart_in_six_digits():
    parser = ArgumentParser()
    add_alphas(parser, [1.0])
    add_how(parser)
    options = parse(parser, ["--alphas", "inf", "0.2", "0.20000001"])
    assert options.alphas == [0.0, 0.2, float("inf")]


def test_more_folds_than_rows_are_refused(tmp_path, capsys):
    study = load_study("images")
    assert study.main(["--folds", "2000", "--out", str(tmp_path)]) == 1
    assert "fewer rows (1797) than 2000 folds" in capsys.readouterr().err
    assert not read_rows(tmp_path)


def test_a_broken_export_is_named(tmp_path, capsys):
    (tmp_path / "results.parquet").write_bytes(b"PAR1 and no more")
    study = load_study("alpha")
    assert study.main(["--out", str(tmp_path)]) == 2
    assert "results.parquet is no whole Parquet file" in capsys.readouterr().err


def test_gans_are_no_part_of_a_report(tmp_path, quick, capsys):
    assert gan.main([*TINY["gan"], "--n-jobs", "1", "--out", str(tmp_path)]) == 0
    assert report.main([str(tmp_path)]) == 1
    assert "No result of a classifier" in capsys.readouterr().err
    assert readme_figure.main(["--results", str(tmp_path)]) == 1
    assert "No results of mixup and mlp" in capsys.readouterr().err


def test_tables_without_numbers_are_left_out(tmp_path, quick, monkeypatch, capsys):
    words = Table("words", pd.DataFrame({"a": list("abab")}), pd.Series([0, 1, 0, 1]))
    monkeypatch.setattr(adversarial, "load_tables", lambda _: ([words], {}))
    assert adversarial.main(["--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "words has no columns of numbers" in told.err
    assert "There is no result" in told.err


# ---- wrong labels


def noisy_job(table, noise, **other):
    return Job(table.name, None, "mixup", 0.0, None, 2, 0, 0, 0, noise=noise, **other)


def test_labels_are_replaced_by_any_class(iris):
    y = np.asarray(iris.y)
    shares = {}
    for noise in (0.0, 0.2, 0.5, 1.0):
        given = labels_of(iris, noisy_job(iris, noise))
        shares[noise] = (given != y).mean()
        assert set(given) <= set(y)
    assert shares[0.0] == 0
    # A third of the labels drawn are right.
    assert shares[1.0] == pytest.approx(2 / 3, abs=0.1)
    assert shares[0.2] < 0.2 and shares[0.2] < shares[0.5] < shares[1.0]
    assert np.array_equal(np.asarray(iris.y), y)  # the table's own are untouched


def test_more_noise_adds_wrong_labels_and_keeps_the_old(iris):
    some, more = (labels_of(iris, noisy_job(iris, noise)) for noise in (0.2, 0.5))
    wrong = some != np.asarray(iris.y)
    assert wrong.any()
    assert np.array_equal(some[wrong], more[wrong])


class Parrot:
    """Predicts what it was told about each row."""

    def __init__(self, labels, classes):
        self.labels, self.classes_ = labels, classes

    def predict_proba(self, X):
        return np.eye(len(self.classes_))[self.labels[X.index]]


def test_memorized_labels_are_counted(iris):
    job, classes = noisy_job(iris, 0.5), np.unique(iris.y)
    given, y = labels_of(iris, job), np.asarray(iris.y)
    learned, _ = measure(iris, Fit(job, Parrot(given, classes)))
    assert learned["wrong_error"] == 0 and learned["train_error"] == 0
    test = rows_of(iris, job)[1]
    assert learned["error"] == pytest.approx((given[test] != y[test]).mean())
    right, _ = measure(iris, Fit(job, Parrot(y, classes)))
    assert right["wrong_error"] == 1 and right["error"] == 0
    assert (
        "wrong_error"
        not in measure(iris, Fit(noisy_job(iris, 0.0), Parrot(y, classes)))[0]
    )


def test_forests_learn_the_wrong_labels_too(iris):
    jobs = make_jobs(iris, ["forest"], [], protocol=None, folds=2, noise=0.5)
    (outcome,) = run_unit(make_units(iris, jobs)[0])
    assert outcome.row["noise"] == 0.5
    assert outcome.row["wrong_error"] < 0.1 < outcome.row["error"]


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


# ---- adversarial rows


@pytest.fixture(scope="module")
def attacked():
    """A target, its rows, and which of its columns may be moved."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    X["b"] = X["a"] + 0.01 * X["b"]  # no data off this line
    X["word"] = rng.choice(["yes", "no"], len(X))
    y = (X["a"] + X["c"] > 0).to_numpy().astype(int)
    job = Job("made", None, "mixup", 0.0, "attacked", 2, 0, 0, 0)
    estimator = attacks._model(job, 0.0, 0).set_params(max_epochs=20).fit(X, y)
    target = attacks._Target(estimator)
    return target, target.encode(X), y, np.float32([1, 1, 1, 1, 0, 0])


def test_attacks_move_numbers_alone_and_no_farther_than_epsilon(attacked):
    target, X, y, moves = attacked
    clean = target.error(X, y)
    worst = {}
    for name, epsilon, moved in attacks.attacked(target, X, y, moves):
        assert np.abs(moved - X).max() <= epsilon * (1 + 1e-4)
        assert np.array_equal(moved[:, 4:], X[:, 4:])
        worst[name, epsilon] = target.error(moved, y)
    assert len(worst) == 10
    assert worst["FGSM", 0.5] > clean
    assert worst["I-FGSM", 0.5] >= worst["FGSM", 0.25]


def test_moves_in_the_span_and_off_it_are_as_long_as_fgsm(attacked):
    target, X, y, moves = attacked
    parts = {}
    for name, epsilon, moved in attacks.within_span(target, X, y, moves, X):
        length = np.linalg.norm(moved - X, axis=1)
        np.testing.assert_allclose(length, 2 * epsilon, rtol=1e-3)  # four columns
        assert np.array_equal(moved[:, 4:], X[:, 4:])
        parts[name, epsilon] = moved - X
    inside, outside = parts["in the span", 0.5], parts["off the span", 0.5]
    assert np.abs((inside * outside).sum(1)).max() < 1e-3
    # a and b are one: off the span they part.
    assert np.abs(inside[:, 0] - inside[:, 1]).max() < 0.1
    assert np.abs(outside[:, 0] + outside[:, 1]).max() < 0.1


def test_a_line_is_measured_at_its_ends_as_the_rows_are(attacked):
    target, X, y, _ = attacked
    line = np.array(attacks.between(target, X, y, seed=0))
    assert line.shape == (11, 3)
    assert line[[0, -1], 0].tolist() == [0, 1]
    assert (line[:, 2] > 0).all()
    assert line[[0, -1], 1].max() <= target.error(X, y) + 0.1


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


def test_in_the_black_box_rows_are_made_against_another_network(iris, quick):
    jobs = make_jobs(iris, ["mixup"], [0.0, 1.0], protocol="attacked", folds=2)[:2]
    (train, test), y = rows_of(iris, jobs[0]), np.asarray(iris.y)
    X, moves = iris.X.iloc[test], np.ones(4, dtype=np.float32)
    source = attacks._model(jobs[0], 0.0, jobs[0].fold_seed + 1)
    source = attacks._Target(source.fit(iris.X.iloc[train], y[train]))
    for fit in attacks.fit_attacked(iris, jobs):
        target = attacks._Target(fit.model)
        for box, made_against in (("black", source), ("white", target)):
            rows = made_against.encode(X)
            expected = [
                [box, name, epsilon, target.error(moved, y[test])]
                for name, epsilon, moved in attacks.attacked(
                    made_against, rows, y[test], moves
                )
            ]
            kinds = [a for a in fit.measures["attacks"] if a[0] == box]
            assert kinds[: len(expected)] == expected
        weights = (t.scores.mlp.layers[0].weight for t in (source, target))
        assert not torch.equal(*weights)


def test_constant_columns_are_not_moved(iris, quick, monkeypatch):
    seen = []
    attacked = attacks.attacked

    def watch(target, X, y, moves):
        seen.append(moves.tolist())
        return attacked(target, X, y, moves)

    monkeypatch.setattr(attacks, "attacked", watch)
    table = replace(iris, X=iris.X.assign(same=3.0))
    job = make_jobs(table, ["mixup"], [0.0], protocol="attacked", folds=2)[0]
    (fit,) = attacks.fit_attacked(table, [job])
    assert fit.error is None
    assert seen == [[1, 1, 1, 1, 0]] * 2  # in both boxes


def test_a_third_class_between_rows_of_two_is_a_miss():
    class Bands(torch.nn.Module):
        """Class 0 below -1/2, 2 above 1/2, 1 between."""

        def forward(self, X):
            x = X[:, :1].double()
            return 10 * torch.cat([-x - 0.5, 0.5 - x.abs(), x - 0.5], dim=1)

    target = SimpleNamespace(
        estimator=SimpleNamespace(classes_=np.arange(3)), scores=Bands()
    )
    X = np.float32([[-1], [1]])
    line = np.array(attacks.between(target, X, np.array([0, 2]), seed=0))
    assert line[[0, -1], 1].tolist() == [0, 0]
    # Half of the pairs are of unlike rows, and these pass through the middle.
    assert line[5, 1] == pytest.approx(0.5, abs=0.1)


# ---- what is said


def test_a_comparison_says_which_way_it_went():
    errors = pd.DataFrame({"ERM": [10.0, 20.0], "mixup α=1": [8.0, 21.0]})
    assert against(errors, "mixup α=1", ["ERM"]) == (
        "mixup α=1 (14.5 %) is below ERM (15.0 %; lower on 1 of 2 tables)"
    )
    assert "ERM (15.0 %) is not below mixup" in against(errors, "ERM", ["mixup α=1"])


def test_the_widest_network_may_suffer_more():
    at = pd.MultiIndex.from_product([[8, 32], [0.0, 1.0]], names=["width", "alpha"])
    means = pd.DataFrame({"train_error": 0.0, "gap": 0.0}, index=at)
    means["error"] = [0.10, 0.12, 0.10, 0.11]
    assert widths.sentence(means).endswith("suffers less from the largest α.")
    means["error"] = [0.10, 0.11, 0.10, 0.12]
    assert widths.sentence(means).endswith("suffers no less from the largest α.")


def gan_rows(distances):
    """Rows of GANs: a distance for each kind and seed."""
    return pd.DataFrame(
        [
            {"table": "ring of 8", "label": label, "fold": seed, "distance": distance}
            | {"covered": 1.0, "near": 1 - distance}
            for label, some in distances.items()
            for seed, distance in enumerate(some)
        ]
    )


def test_gans_are_compared_seed_by_seed():
    seeds = np.linspace(0.2, 0.3, 8)
    rows = gan_rows(
        {
            gan.PLAIN: seeds,
            gan.CONTROL: seeds + 0.01 * np.array([1, -2] * 4),
            "mixup α=0.2": seeds - 0.1,
        }
    )
    found = gan.compare(rows.sample(frac=1, random_state=0))
    assert len(found) == 6
    by = found.set_index(["measure", "other"])
    assert by.loc[("distance", gan.PLAIN), ["better", "worse"]].tolist() == [8, 0]
    assert by.loc[("distance", gan.PLAIN), "gain"] == pytest.approx(0.1)
    assert by.loc[("covered", gan.PLAIN), "p"] == 1
    # Two comparisons: Holm doubles the least p-value, 2 / 2 ** 8.
    assert by.loc[("near", gan.PLAIN), "p"] == pytest.approx(2 * 2 / 2**8)
    text = gan.sentence(found)
    assert text.startswith("Ring of 8: the samples of mixup α=0.2 are closer than with")
    assert "closer for 8 of 8 seeds" in text
    worse = rows.assign(distance=-rows["distance"])
    assert "farther than with no mixup, as usual" in gan.sentence(gan.compare(worse))
    few = gan.compare(rows[rows["fold"] < 3])
    assert "about as close as with no mixup, as usual" in gan.sentence(few)


def test_kinds_of_gans_have_their_names():
    names = {
        gan.name_of({"alpha": alpha, "protocol": protocol})
        for alpha, protocol in ((0.0, "two batches"), (0.0, "one batch"))
    }
    assert names == {gan.PLAIN, gan.CONTROL}
    assert gan.name_of({"alpha": 0.0, "protocol": "two batches"}) == gan.PLAIN
    assert gan.name_of({"alpha": 0.5, "protocol": "one batch"}) == "mixup α=0.5"


def test_each_gan_is_of_its_alpha_its_seed_and_its_kind(quick):
    options = Namespace(sets=["ring of 8"], seeds=3, seed=0, alphas=[0.0, 0.2])
    ((table,), _) = gan.load(options)
    jobs = gan.jobs_of(table, options)
    how = {"fit": training.fit_gans, "schema": training.SCHEMA}
    units = make_units(table, jobs, **how)
    rows = [o.row for unit in units for o in run_unit(unit)]
    assert len(rows) == len({row["distance"] for row in rows}) == 9
    # A row is what the last samples of such a GAN are measured as.
    for job, alpha in ((jobs[0], 0.0), (jobs[-1], 0.2)):
        samples = training.train(
            table.X.to_numpy(),
            [alpha],
            [job.fold_seed >> 1],
            two_batches=job.protocol == "two batches",
        )
        rng = np.random.default_rng(job.fold_seed)
        found = training.measure(samples[-1, 0], training.TOY_SETS["ring of 8"], rng)
        (row,) = (row for row in rows if Job.of(row) == job)
        assert row["distance"] == pytest.approx(found["distance"], rel=1e-4)


def test_more_seeds_leave_the_first_as_they_are(tmp_path, quick, capsys):
    arguments = ["--sets", "ring of 8", "--n-jobs", "1", "--out", str(tmp_path)]
    assert gan.main([*arguments, "--seeds", "2"]) == 0
    rows = read_rows(tmp_path)
    assert gan.main([*arguments, "--seeds", "3"]) == 0
    assert "6 of 9 jobs were finished before" in capsys.readouterr().err
    assert read_rows(tmp_path)[:6] == rows


def test_a_gan_with_two_batches_is_another(quick):
    real = TOY_SETS["ring of 8"].draw(100, np.random.default_rng(0))[0]
    one, two = (train(real, [0.0], [1], two_batches=both) for both in (False, True))
    assert one.shape == two.shape == (2, 1, 50, 2)
    assert not np.array_equal(one, two)


# ---- images and sequences


@pytest.mark.parametrize("study", ["images", "sequences"])
def test_nets_learn_from_their_training_rows_alone(study, quick):
    ((table,), _) = load_study(study).load()
    jobs = make_jobs(table, ["mixup"], [0.0, 1.0], protocol=study, folds=2)[:2]
    train, test = rows_of(table, jobs[0])
    X, y = table.X.copy(), table.y.copy()
    X.iloc[test], y.iloc[test] = 0.0, y.iloc[train[0]]
    other = replace(table, X=X, y=y, splits={(0, 0): (train, test)})
    found = [
        [
            fit.model.predict_proba(table.X.iloc[test])
            for fit in convnets.fit_nets(t, jobs)
        ]
        for t in (table, other)
    ]
    np.testing.assert_array_equal(*found)  # of both α's
    plain, mixed = found[0]
    assert np.abs(plain - mixed).max() > 1e-3


def rows_with(errors):
    """Rows of four folds: an error for each α and fold."""
    return pd.DataFrame(
        [
            {"alpha": alpha, "repeat": fold // 2, "fold": fold % 2, "folds": 2}
            | {"error": error, "log_loss": 1 - error, "n_train": 50, "n_test": 50}
            for alpha, some in errors.items()
            for fold, error in enumerate(some)
        ]
    )


def test_the_sentence_says_which_way_it_went():
    base = np.array([0.30, 0.31, 0.29, 0.30])
    wobble = np.array([0.0, 1e-3, 0.0, -1e-3])
    rows = rows_with(
        {0.0: base, 0.1: base, 0.4: base - 0.1 + wobble, 1.0: base + wobble}
    )
    assert sentence(rows, "dots") == (
        "On dots, mixup's error is lower at α = 0.4 (p < 0.05) and level at α = 0.1 "
        "and 1 (p ≥ 0.05), and its log-loss is level at α = 0.1 and 1 (p ≥ 0.05) and "
        "higher at α = 0.4 (p < 0.05), each against plain training on the same 4 folds "
        "and seeds."
    )


def test_differences_pair_by_fold_in_any_order():
    base = np.array([0.1, 0.2, 0.3, 0.4])
    rows = rows_with({0.0: base, 1.0: base + 0.01}).sample(frac=1, random_state=0)
    ((difference, p),) = against_erm(rows, "error").values()
    assert difference.mean == pytest.approx(0.01)
    assert p == pytest.approx(0)


def test_waveforms_are_the_books():
    """The best rule's error is 14 % by the book; here by integration over the share."""
    X, y = sequences.waveforms(5000, seed=1)
    at = np.arange(1, 22)
    low, high, middle = (np.maximum(6 - abs(at - peak), 0) for peak in (7, 15, 11))
    share = (np.arange(40)[:, None] + 0.5) / 40
    likelihood = []
    for first, second in ((low, high), (low, middle), (high, middle)):
        clean = share * first + (1 - share) * second
        distance = ((X[:, None] - clean) ** 2).sum(-1)
        likelihood.append(np.exp(-distance / 2).sum(1))
    assert np.mean(np.argmax(likelihood, axis=0) != y) == pytest.approx(0.14, abs=0.015)
    assert X.shape == (5000, 21) and X.dtype == np.float32
    assert np.bincount(y).min() > 1500
