"""The UCI benchmark: tables, jobs, results that survive a kill, the command line."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import brier_score_loss

from benchmarks import uci
from benchmarks.compare.summary import against_erm, as_text, label_rows, summarize
from benchmarks.data.suites import SUITES
from benchmarks.data.tables import Table, load_all
from benchmarks.models import registry
from benchmarks.models.registry import make_model
from benchmarks.models.scoring import over_all_classes
from benchmarks.run.folds import rare_classes, rows_of, split
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.metrics import calibration_error, evaluate, majority_error
from benchmarks.run.results import Results, read_rows
from benchmarks.run.runner import run_units
from benchmarks.run.unit import Interrupted, Unit, make_units, run_unit

from ..conftest import NO_NETWORK, contents
from .conftest import pretend

ROOT = Path(__file__).resolve().parents[2]
ONE_FOLD = {"protocol": "paper", "folds": 3, "repeats": 1, "seed": 0}


@pytest.fixture(scope="module")
def iris():
    ((table,), _) = load_all(["iris"])
    return table


@pytest.fixture
def failing(monkeypatch):
    """Models named "logistic" that fail in `fit` until told otherwise."""

    class Failing(registry.DummyClassifier):
        def fit(self, X, y):
            raise RuntimeError("no luck\ntoday")

    pretend(monkeypatch, "logistic", Failing)


def run_job(table, job):
    (outcome,) = run_unit(Unit(table, (job,)))
    return outcome.row


def read_lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def command_line(arguments, tmp_path, **kwargs):
    environment = {
        **os.environ,
        **NO_NETWORK,
        "OPENML_CACHE_DIR": str(tmp_path / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHONIOENCODING": "utf-8",
    }
    settings = tmp_path / "openml"
    settings.mkdir(exist_ok=True)
    (settings / "config").write_text("connection_n_retries = 1\n")
    command = [sys.executable, "-m", "benchmarks.uci", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        **kwargs,
    )


# Folds and jobs


def test_folds_are_stratified_and_shared_by_all_models(iris):
    jobs = make_jobs(iris, ["mixup", "dummy"], [0.0, 0.5], **ONE_FOLD)
    assert len(jobs) == len(set(jobs)) == 9
    y = np.asarray(iris.y)
    folds, again = split(y, 3, seed=1), split(y, 3, seed=1)
    for (train, test), (_, same) in zip(folds, again, strict=True):
        assert list(test) == list(same)
        assert set(train).isdisjoint(test)
        assert set(np.bincount(y[test])) <= {16, 17}
    assert list(folds[0][1]) != list(split(y, 3, seed=2)[0][1])


def test_models_of_a_fold_share_their_rows_and_seed(iris, monkeypatch):
    """One fold is one split and one seed, whatever the model; other folds, others."""
    seen = {}

    class Spy(registry.DummyClassifier):
        def fit(self, X, y):
            key = (tuple(X.index), self.random_state)
            seen.setdefault(key, []).append(self.name)
            return super().fit(X, y)

    def spy_for(name):
        def spy(seed, **_):
            model = Spy(random_state=seed)
            model.name = name
            return model

        return spy

    models = ["mlp", "forest"]
    for name in models:
        pretend(monkeypatch, name, spy_for(name))
    for job in make_jobs(iris, models, [], **ONE_FOLD | {"repeats": 2}):
        assert run_job(iris, job)["status"] == "ok"
    assert len(seen) == len({seed for _, seed in seen}) == 6
    assert all(names == models for names in seen.values())


def alone(table, job):
    """What the job's model predicts when it is fitted by itself."""
    train, test = rows_of(table, job)
    model = make_model(
        job.model, alpha=job.alpha, protocol=job.protocol, seed=job.fold_seed
    )
    model.fit(table.X.iloc[train], np.asarray(table.y)[train])
    return model, model.predict_proba(table.X.iloc[test])


@pytest.mark.parametrize(
    ("models", "alphas"),
    [
        (["mixup"], [0.0, 0.5]),
        (["cutmix"], [0.2, 0.5]),
        (["mixup_search", "mixup_folds"], [0.0]),
    ],
)
def test_a_unit_predicts_what_separate_fits_predict(iris, models, alphas):
    jobs = make_jobs(iris, models, alphas, **ONE_FOLD)
    if len(models) == 2:
        jobs = jobs[:2]
    (unit,) = make_units(iris, jobs)
    assert sorted(unit.jobs, key=jobs.index) == jobs
    for job, outcome in zip(unit.jobs, run_unit(unit, True), strict=True):
        assert Job.of(outcome.row) == job
        model, expected = alone(iris, job)
        found = np.column_stack([outcome.predictions[f"p_{i}"] for i in range(3)])
        assert_allclose(found, expected, atol=1e-5)
        assert list(outcome.predictions["row"]) == list(rows_of(iris, job)[1])
        assert outcome.row["stack_size"] == (len(jobs) if len(models) == 1 else 1)
        chosen = getattr(model, "best_params_", {}).get("alpha")
        assert outcome.row["chosen_alpha"] == chosen


def test_erm_is_run_once_whatever_the_variants(iris):
    jobs = make_jobs(iris, ["mixup", "manifold", "cutmix"], [0.0, 0.5], **ONE_FOLD)
    found = sorted({(job.model, job.alpha) for job in jobs})
    assert found == [("cutmix", 0.5), ("manifold", 0.5), ("mixup", 0.0), ("mixup", 0.5)]
    for alphas in ([0.0], [0.0, 0.5]):
        jobs = make_jobs(iris, ["cutmix"], alphas, **ONE_FOLD)
        found = [(job.model, job.alpha) for job in jobs if job.fold == 0]
        assert found == [("mixup", 0.0), ("cutmix", 0.5)][: len(alphas)]


def test_only_networks_have_a_protocol(iris):
    """So that two protocols in one folder share the other models' rows."""
    jobs = make_jobs(iris, ["mlp", "forest"], [], **ONE_FOLD)
    assert {(job.model, job.protocol) for job in jobs} == {
        ("mlp", "paper"),
        ("forest", None),
    }


@pytest.mark.parametrize(
    ("n_rows", "repeats"), [(1, 10), (500, 10), (501, 10), (1000, 5), (9999, 1)]
)
def test_small_tables_are_repeated_more_often(n_rows, repeats):
    table = Table("t", pd.DataFrame({"x": np.zeros(n_rows)}), pd.Series([0] * n_rows))
    jobs = make_jobs(table, ["dummy"], [], **ONE_FOLD | {"repeats": "auto"})
    assert len(jobs) == 3 * repeats


def test_stacks_are_whole_folds_and_not_too_large(iris):
    cross_validation = ONE_FOLD | {"folds": 10, "repeats": 2}
    jobs = make_jobs(iris, ["mixup", "mlp"], list(range(8)), **cross_validation)
    units = make_units(iris, jobs)
    stacks = [unit for unit in units if unit.jobs[0].model == "mixup"]
    assert sorted(len(unit.jobs) for unit in stacks) == [8, 8, *[24] * 6]
    for unit in stacks:
        assert len({job.repeat for job in unit.jobs}) == 1
        assert len(unit.jobs) == 8 * len({job.fold for job in unit.jobs})
    assert sorted(job.name for unit in units for job in unit.jobs) == sorted(
        job.name for job in jobs
    )


@pytest.mark.parametrize("counts", [(9, 2, 1), (2, 2, 2)])
def test_rare_classes_neither_crash_nor_get_lost(counts):
    y = np.repeat(["a", "b", "c"], counts)
    folds = split(y, 3, seed=0)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    assert rare_classes(y, 3).endswith("b, c")
    table = Table("rare", pd.DataFrame({"x": np.arange(len(y))}), pd.Series(y))
    for job in make_jobs(table, ["dummy"], [], **ONE_FOLD):
        row = run_job(table, job)
        assert row["status"] == "ok"
        assert np.isfinite(row["log_loss"])


def test_no_warning_where_no_class_is_rare():
    assert rare_classes(np.repeat(["a", "b"], 3), 3) is None


@pytest.mark.parametrize("name", [*filter(registry.is_installed, registry.MODELS)])
def test_every_model_takes_raw_tables(name):
    """Numbers, strings, categories, booleans, missing, all missing, and unseen."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "number": np.where(rng.random(60) < 0.2, np.nan, rng.normal(size=60)),
            "string": rng.choice(["u", "v", None], 60),
            "category": pd.Categorical(rng.choice(["p", "q"], 60), ["p", "q", "r"]),
            "bool": rng.random(60) < 0.5,
            "byte": rng.integers(0, 255, 60).astype(np.uint8),
            "empty": pd.Series([None] * 60, dtype=object),
        }
    )
    X.loc[0, "string"] = "once"
    table = Table("mixed", X, pd.Series(rng.choice(["no", "yes"], 60)))
    alphas = [0.5]
    for job in make_jobs(table, [name], alphas, **ONE_FOLD):
        row = run_job(table, job)
        assert row["status"] == "ok", row["message"]
        assert 0 <= row["error"] <= 1
        assert 0 <= row["train_error"] <= 1
        assert row["n_train"] + row["n_test"] == row["n_rows"] == 60
        assert sum(n_rows for _, _, n_rows, _ in row["reliability"]) == row["n_test"]


def test_row_says_all_that_is_needed(iris):
    (job, *_) = make_jobs(iris, ["dummy"], [], **ONE_FOLD)
    row = run_job(iris, job)
    assert Job.of(json.loads(json.dumps(row))) == job
    assert row["table"] == "iris"
    assert (row["n_rows"], row["n_classes"]) == (150, 3)
    assert row["error"] == row["majority_error"]
    assert_allclose(row["log_loss"], np.log(3), rtol=1e-3)
    assert row["fit_seconds"] > 0
    assert set(row["versions"]) == {"python", "numpy", "scikit-learn"}


# Metrics


def test_class_absent_from_training_gets_almost_nothing():
    classes = np.array(["a", "b", "c"])
    proba = over_all_classes(np.array([[0.25, 0.75]]), classes[[0, 2]], classes)
    assert_allclose(proba, [[0.25, 1e-7, 0.75]], rtol=1e-6)
    scores = evaluate(np.array(["b"]), proba, classes)
    assert_allclose(scores["log_loss"], -np.log(1e-7), rtol=1e-6)
    assert scores["error"] == 1


def test_two_classes_and_many_have_one_scale_of_brier():
    y, p = np.array(["no", "yes", "yes"]), np.array([0.25, 0.5, 1.0])
    scores = evaluate(y, np.column_stack([1 - p, p]), np.array(["no", "yes"]))
    assert_allclose(scores["brier"], brier_score_loss(y, p, pos_label="yes"))


def test_calibration_error_by_hand():
    assert calibration_error(np.full(4, 0.75), np.array([1, 1, 1, 0])) == 0
    confidence, correct = np.repeat([0.5, 1.0], 10), np.repeat([True, False], 10)
    assert_allclose(calibration_error(confidence, correct), 0.75)


def test_majority_is_the_training_folds():
    assert majority_error(np.array([0, 0, 1]), np.array([0, 1, 1, 1])) == 0.75


# Results


@pytest.fixture
def rows(iris):
    jobs = make_jobs(iris, ["dummy"], [], **ONE_FOLD)
    return [run_job(iris, job) for job in jobs]


def test_results_come_back(tmp_path, rows):
    results = Results(tmp_path / "new" / "folder")
    results.append(rows)
    again = Results(tmp_path / "new" / "folder")
    assert again.rows(Job.of(row) for row in rows) == rows
    assert again.n_unreadable == 0


@pytest.mark.parametrize("n_lost", [1, 2, 40])
def test_truncated_last_line_costs_that_line_only(tmp_path, rows, n_lost):
    results = Results(tmp_path)
    results.append(rows)
    content = results.path.read_bytes()
    results.path.write_bytes(content[:-n_lost])
    again = Results(tmp_path)
    finished = [again.is_finished(Job.of(row)) for row in rows]
    assert finished == [True, True, n_lost == 1]
    again.append(rows[-1:])
    assert results.path.read_bytes().startswith(content[:-n_lost])
    last = Results(tmp_path)
    assert last.rows(Job.of(row) for row in rows) == rows
    assert last.n_unreadable == (n_lost > 1)


def test_other_settings_in_the_same_folder_are_other_jobs(tmp_path, rows):
    results = Results(tmp_path)
    results.append(rows[:1])
    job = Job.of(rows[0])
    assert results.is_finished(job)
    for change in ({"seed": 1}, {"folds": 4}, {"protocol": "default"}):
        assert not results.is_finished(Job.of(rows[0] | change))


def test_infinite_alpha_is_strict_json_and_comes_back(tmp_path, rows):
    row = rows[0] | {"model": "mixup", "alpha": np.inf}
    results = Results(tmp_path)
    results.append([row])

    def refuse(constant):
        raise ValueError(constant)

    json.loads(results.path.read_text(), parse_constant=refuse)
    assert Results(tmp_path).is_finished(Job.of(row))
    assert read_rows(tmp_path) == [row]


def test_row_that_is_no_number_is_refused_before_it_is_written(tmp_path, rows):
    results = Results(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.append([rows[0] | {"log_loss": np.nan}])
    assert results.path.read_bytes() == b""


def test_a_job_that_another_process_has_finished_gets_no_second_row(tmp_path, rows):
    first, second = Results(tmp_path), Results(tmp_path)
    assert first.append(rows[:1]) == rows[:1]
    assert second.append(rows[:2]) == rows[1:2]
    assert second.rows([Job.of(rows[0])]) == rows[:1]
    assert first.append(rows[1:2]) == []
    assert read_rows(tmp_path) == rows[:2]


WRITER = """
import json, sys
from benchmarks.run.results import Results
row, folder, start = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
results = Results(folder)
for seed in range(start, start + 200):
    results.append([row | {"seed": seed, "message": "x" * 5000}])
"""


def test_processes_that_share_a_folder_neither_mix_nor_double_lines(tmp_path, rows):
    """Three processes write 200 rows each, of which half overlap the next one's."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, json.dumps(rows[0]), tmp_path, str(start)],
            cwd=ROOT,
        )
        for start in (0, 100, 200)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    seeds = [row["seed"] for row in read_lines(tmp_path / "results.jsonl")]
    assert sorted(seeds) == list(range(400))


@pytest.mark.parametrize(
    "change",
    [
        *({"status": "maybe"}, {"model": "gone"}, {"fold": None}, {"error": "a"}),
        *({"error": None}, {"n_rows": "many"}, {"fit_seconds": None}),
    ],
    ids=str,
)
def test_a_line_that_is_no_whole_row_is_passed_over(tmp_path, rows, change):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(rows[0] | change) + "\n[]\n3\n")
    results = Results(tmp_path)
    assert results.n_unreadable == 3
    assert not results.is_finished(Job.of(rows[0]))
    assert read_rows(tmp_path) == []


# Summary


def test_each_way_to_split_a_table_is_a_table_of_its_own():
    row = {"table": "iris", "table_id": 61, "model": "mixup", "alpha": 0.2}
    row |= {"folds": 5, "seed": 0, "task_id": None}
    many = [{}, {"seed": 1}, {"folds": 10}, {"task_id": 59}, {"alpha": 0.2 + 1e-9}]
    frame = label_rows([row | change for change in many], 23)
    assert list(frame["title"]) == [
        "i (61, 5 folds, seed 0)",
        "i (61, 5 folds, seed 1)",
        "i (61, 10 folds, seed 0)",
        "iris (61, task 59)",
        "i (61, 5 folds, seed 0)",
    ]
    assert list(label_rows([row])["title"]) == ["iris (61)"]
    assert list(frame["label"].unique()) == ["mixup α=0.2", "mixup α=0.200000001"]


def fake_rows(errors, failed=()):
    """Rows of three folds of table "t": {(model, alpha): error}."""
    return [
        {
            **{"table": "t", "table_id": 3, "model": model, "alpha": alpha},
            **{"n_rows": 9, "n_classes": 2, "majority_error": 0.5},
            **{"error": error, "log_loss": error},
            **{"folds": 3, "repeat": 0, "fold": fold},
            "status": "failed" if (model, fold) in failed else "ok",
        }
        for (model, alpha), error in errors.items()
        for fold in range(3)
    ]


def test_best_is_starred_and_counted():
    errors = {("mixup", 0.0): 0.2, ("mixup", 0.5): 0.1, ("mlp", None): 0.3}
    summary = summarize(label_rows(fake_rows(errors)))
    assert list(summary["error_best"]) == [False, True, False]
    text = as_text(summary)
    assert max(map(len, text.splitlines())) <= 100
    assert "t (3)" in text
    assert text.count("*") == 2
    _, *lines = against_erm(fake_rows(errors)).splitlines()
    assert [line.split() for line in lines] == [
        [*model, score, counts, clear, effect, "-", "-"]
        for score in ("error", "log_loss")
        for model, counts, clear, effect in (
            (("mixup", "α=0.5"), "1/0/0", "1/0", "+1.00"),
            (("mlp",), "0/0/1", "0/1", "-1.00"),
        )
    ]


def test_model_with_a_failed_fold_is_never_best():
    errors = {("mlp", None): 0.1, ("forest", None): 0.2}
    summary = summarize(label_rows(fake_rows(errors, failed={("mlp", 1)})))
    assert list(summary["error_best"]) == [False, True]
    assert "mlp [2/3 ok]" in as_text(summary)


def test_table_with_a_failed_fold_is_not_compared():
    errors = {("mixup", 0.0): 0.2, ("mlp", None): 0.1}
    assert against_erm(fake_rows(errors, failed={("mlp", 1)})) == ""


# Command line


def test_failed_job_is_a_row_and_is_tried_again(tmp_path, failing, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "logistic", "--folds", "2", "--n-jobs", "1"]
    arguments += ["--out", str(tmp_path)]
    assert uci.main(arguments) == 0
    rows = read_lines(tmp_path / "results.jsonl")
    messages = [row["message"] for row in rows if row["status"] == "failed"]
    assert messages == ["RuntimeError: no luck\ntoday"] * 2
    assert "RuntimeError: no luck" in capsys.readouterr().out

    monkeypatch.undo()
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    assert uci.main(arguments) == 0
    again = read_lines(tmp_path / "results.jsonl")
    assert again[:4] == rows
    assert [(row["model"], row["status"]) for row in again[4:]] == [
        ("logistic", "ok")
    ] * 2
    out = capsys.readouterr()
    assert "failed" not in out.out.lower()
    assert "2 of 4 jobs were finished before" in out.err


def test_rows_of_mixup_say_which_torch(iris):
    (job, *_) = make_jobs(iris, ["mixup"], [0.5], **ONE_FOLD)
    assert {"skmixup", "torch"} <= set(run_job(iris, job)["versions"])


def test_a_job_has_one_thread(iris, monkeypatch):
    import torch

    seen = []

    class Spy(registry.DummyClassifier):
        def fit(self, X, y):
            seen.append(torch.get_num_threads())
            return super().fit(X, y)

    pretend(monkeypatch, "dummy", Spy)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_job(iris, make_jobs(iris, ["dummy"], [], **ONE_FOLD)[0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1]


def test_erm_is_always_run_and_the_table_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "mixup", "--alphas", "0.5", "--protocol", "paper"]
    assert uci.main([*arguments, "--folds", "2", "--n-jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "iris" in out
    compared = out.split("Against ERM (α=0):")[1]
    assert "mixup α=0.5            error" in compared


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--alphas", "-1"], ["--folds", "1"], ["--models", "svm"]),
        *(["--n-jobs", "0"], ["--repeats", "often"], ["--suite", "none"]),
        *(["--alphas", "x"], ["--scheduler", "foo", "--backend", "dask"]),
    ],
)
def test_bad_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        uci.main(arguments)
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, capsys):
    (tmp_path / "file").touch()
    arguments = ["--models", "dummy", "--out", str(tmp_path / "file")]
    assert uci.main(arguments) == 2
    assert "Cannot write to --out" in capsys.readouterr().err


def test_a_full_disk_is_an_error(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    monkeypatch.setattr(Results, "append", refuse)
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 2
    assert f"Cannot write to --out {tmp_path}: No space" in capsys.readouterr().err


def test_predictions_that_are_missing_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 0
    rows = read_lines(tmp_path / "results.jsonl")
    assert uci.main([*arguments, "--predictions"]) == 0
    assert "finished before" not in capsys.readouterr().err
    assert len(list((tmp_path / "predictions").iterdir())) == 5
    assert read_lines(tmp_path / "results.jsonl") == rows
    assert uci.main([*arguments, "--predictions"]) == 0
    assert "5 of 5 jobs were finished before" in capsys.readouterr().err


def test_more_folds_than_rows_are_said_once(monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    assert uci.main(["--models", "dummy", "--folds", "200"]) == 1
    out = capsys.readouterr()
    assert "iris has fewer rows (150) than 200 folds: left out" in out.err
    assert "Failed" not in out.out


def test_all_models_and_one_more(monkeypatch):
    monkeypatch.setattr(uci, "is_installed", lambda name: name != "xgboost")
    chosen = uci._parse(["--models", "all", "mixup_search"]).models
    assert {"mixup_search", "mixup", "forest"} <= set(chosen)
    assert not {"xgboost", "mixup_folds"} & set(chosen)
    with pytest.raises(SystemExit):
        uci._parse(["--models", "all", "xgboost"])


def test_an_interrupt_while_tables_load(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(uci, "load_all", interrupt)
    assert uci.main(["--models", "dummy"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_nothing_loaded_is_an_error(cache, capsys):
    assert uci.main(["--datasets", "99999999", "--models", "dummy"]) == 1
    assert "Not loaded: table 99999999" in capsys.readouterr().out


def test_command_line_prints_a_table_and_names_what_failed(cache, tmp_path):
    before = contents(cache)
    arguments = ["--datasets", 61, 99999999, "--models", "dummy", "logistic"]
    process = command_line([*arguments, "--folds", 2, "--n-jobs", 2], tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "iris (61)" in out
    assert "66.7" in out
    assert "Not loaded: table 99999999" in out
    assert contents(cache).items() >= before.items()


def test_killed_again_and_again_a_run_ends_with_the_rows_of_an_undisturbed_one(
    tmp_path, monkeypatch, capsys
):
    """SIGKILL with a stack, a search and others half done; all but times is equal."""
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    models = ["mixup", "mixup_folds", "dummy", "logistic", "forest"]
    arguments = ["--models", *models, "--alphas", "0.5", "--repeats", "3", "--folds"]
    arguments += ["3", "--protocol", "paper", "--predictions", "--n-jobs", "1"]
    code = (
        "import sys; from benchmarks import uci;"
        "from benchmarks.data.tables import SUITES;"
        "SUITES['embedded'] = ('iris',); sys.exit(uci.main(sys.argv[1:]))"
    )
    disturbed, calm = tmp_path / "disturbed", tmp_path / "calm"
    path = disturbed / "results.jsonl"
    for n_rows in (4, 40):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments, "--out", str(disturbed)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for_rows(process, path, n_rows)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with path.open("ab") as file:  # as if in the middle of a line
            file.write(b'{"table": "ir')
        content = path.read_bytes()
    assert uci.main([*arguments, "--out", str(disturbed)]) == 0
    assert "of 54 jobs were finished before" in capsys.readouterr().err
    assert path.read_bytes().startswith(content)
    assert uci.main([*arguments, "--out", str(calm)]) == 0

    timings = dict.fromkeys(["fit_seconds", "predict_seconds"])
    found, expected = (
        sorted(
            (row | timings for row in read_lines_that_are_whole(folder)),
            key=lambda row: Job.of(row).name,
        )
        for folder in (disturbed, calm)
    )
    assert len(found) == 54
    assert found == expected
    for file in (calm / "predictions").iterdir():
        same = pd.read_parquet(disturbed / "predictions" / file.name)
        pd.testing.assert_frame_equal(same, pd.read_parquet(file))


def wait_for_rows(process, path, n_rows):
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_bytes().count(b"\n") >= n_rows):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def read_lines_that_are_whole(folder):
    lines = (folder / "results.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def test_an_interrupt_ends_the_run_and_leaves_no_half_trained_model():
    """scikit-learn's MLPClassifier, interrupted, returns what it has."""
    ((table,), _) = load_all(["digits"])
    jobs = make_jobs(
        table, ["mlp"], [0.0], protocol="default", folds=2, repeats=1, seed=0
    )
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(Interrupted):
        list(run_units(make_units(table, jobs), n_jobs=1))
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    arguments = ["--models", "logistic", "--repeats", 50, "--n-jobs", 1]
    process = command_line([*arguments, "--out", tmp_path / "run"], tmp_path)
    path = tmp_path / "run" / "results.jsonl"
    wait_for_rows(process, path, 1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted; the same command goes on from" in said
    assert "Traceback" not in said
    assert read_lines(path)
