"""The study of the defaults: its halves, recipes, command line."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.compare.pairing import NothingToCompare
from benchmarks.compare.summary import label_rows
from benchmarks.data import suites
from benchmarks.data.suites import PAPER
from benchmarks.data.tables import load_all
from benchmarks.models.protocols import DEFAULT
from benchmarks.models.registry import MODELS, make_model
from benchmarks.run.results import Results, read_rows
from benchmarks.studies import study
from benchmarks.studies.defaults import __main__ as defaults
from benchmarks.studies.defaults.recipes import RECIPES, params_of
from skmixup import MixupClassifier
from tests.benchmarks.helpers import HOSTILE, KEPT, hostile_rows, is_seen
from tests.conftest import SHARED


def test_the_study_of_defaults_names_tables_as_they_are():
    rows = hostile_rows(HOSTILE)
    rows = [row | {"ece": 0.1} for row in rows if row["model"] != "mixup"]
    rows += [row | {"model": "forest"} for row in rows[:2]]
    text, _ = defaults.report(label_rows(rows))
    assert "Left out" in text
    assert is_seen(text.replace("\n", ""))
    assert not re.search(r"<[A-Za-z/!?]|\]\(", text)


def test_the_first_halves_are_one_random_split():
    train, test = suites.FIRST_HALVES.values()
    together = sorted([*train, *test])
    assert len(set(together)) == len(together) == 61
    assert not set(PAPER) & set(together)
    order = np.random.default_rng(0).permutation(61)
    assert sorted(np.array(together)[order[:30]]) == list(train)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared OpenML cache")
def test_the_halves_are_a_random_split_of_each_band():
    index = pd.read_csv(SHARED.parent / "INDEX.tsv", sep="\t", index_col="id")["rows"]
    train, test = map(set, suites.HALVES.values())
    assert train | test == set(index.index) and not train & test
    rng = np.random.default_rng(1)
    for low, high in suites.BANDS.values():
        ids = rng.permutation(sorted(index.index[index.between(low, high)]))
        n_train = (len(ids) + 1) // 2
        assert set(ids[:n_train]) <= train and set(ids[n_train:]) <= test


def test_every_band_is_ranked_by_itself():
    scores = {"error": 0.5, "log_loss": 0.4, "ece": 0.1, "fit_seconds": 1.0}
    models = ({"model": "forest", "log_loss": 0.2}, {"model": "mixup"})
    rows = [
        {"table": f"of {n_rows}", "table_id": None, "alpha": None, "n_rows": n_rows}
        | {"protocol": DEFAULT, "seed": 0, "repeat": 0, "fold": 0, "folds": 5}
        | {"status": "ok", "message": None, **scores, **model}
        for n_rows in (399, 400, 1600, 1601, 2000)
        for model in models
    ]
    whole, *bands = defaults.report(label_rows(rows))[0].split("## Tables of ")
    assert whole.startswith("5 tables, 10 fits")
    assert "| forest | 0.500 | 5, 0 |" in whole
    assert [part.split("\n")[0] for part in bands] == list(suites.BANDS)
    counts = [part.split("\n\n")[1].split(" tables")[0] for part in bands]
    assert counts == ["1", "2", "2"]
    alone = defaults.report(label_rows(rows[:2]))[0]
    assert "## " not in alone


@pytest.mark.parametrize("name", [*RECIPES, "paper"])
def test_every_recipe_is_a_classifier(name):
    recipe = RECIPES.get(name, RECIPES[DEFAULT])
    how = {"protocol": name, "params_of": params_of}
    clf = make_model(recipe.model, alpha=recipe.alpha, seed=0, **how)
    clf.set_params(max_epochs=1)
    X = pd.DataFrame({"number": np.arange(60.0), "word": np.tile(["a", "b", None], 20)})
    clf.fit(X, np.arange(60) % 2)
    assert clf.predict(X).shape == (60,)
    changed = set(recipe.params) - {"max_epochs"}
    assert all(getattr(clf, k) == recipe.params[k] for k in changed)


def test_the_recipe_named_default_is_the_default():
    recipe = RECIPES[DEFAULT]
    assert recipe.params == {}
    assert MixupClassifier().alpha == recipe.alpha
    assert all(
        MixupClassifier().get_params()[name] != value
        for other in RECIPES.values()
        for name, value in other.params.items()
    )


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared OpenML cache")
def test_the_study_runs_resumes_and_reports(tmp_path, monkeypatch, cache, capsys):
    monkeypatch.setitem(defaults.HALVES, "meta-test", (61,))
    arguments = ["--half", "meta-test", "--models", "logistic", "mlp", "--first", "1"]
    arguments += ["--n-jobs", "1", "--out", str(tmp_path / "run")]
    assert defaults.main(arguments) == 0
    text = (tmp_path / "run" / "meta-test-first-1-part.md").read_text()
    assert capsys.readouterr().out.startswith(text)
    assert "1 tables, 4 fits" in text
    assert all(f"| {name} |" in text for name in ("default", "alpha 0", "mlp"))
    rows = read_rows(tmp_path / "run")
    # From what is kept in the repository alone, nothing is run again.
    (tmp_path / "run" / "results.jsonl").unlink()
    assert defaults.main(arguments) == 0
    assert "4 of 4 jobs were finished before" in capsys.readouterr().err
    assert read_rows(tmp_path / "run") == rows
    assert len(Results(tmp_path / "run").rows([])) == 0
    # With a peer that is not installed, what it did elsewhere is still shown.
    monkeypatch.setitem(MODELS, "mlp", replace(MODELS["mlp"], packages=("gone",)))
    assert defaults.main(arguments) == 0
    text = (tmp_path / "run" / "meta-test-first-1-part.md").read_text()
    assert "| mlp |" in text


@pytest.mark.parametrize("bound", [["--max-rows", "100"], ["--min-rows", "151"]])
def test_tables_beyond_bounds_are_left_out(bound, monkeypatch, cache, capsys):
    monkeypatch.setitem(defaults.HALVES, "meta-train", (61,))
    assert defaults.main(bound) == 1
    assert "rows is there" in capsys.readouterr().err


def test_bounds_that_cross_are_refused(capsys):
    with pytest.raises(SystemExit):
        defaults.main(["--min-rows", "2", "--max-rows", "1"])
    assert "--min-rows: must not be above --max-rows" in capsys.readouterr().err


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared OpenML cache")
def test_a_recipe_alone_named_twice_is_run_once(monkeypatch, cache, capsys):
    monkeypatch.setitem(defaults.HALVES, "meta-train", (61,))
    run = ["--recipes", DEFAULT, DEFAULT, "--first", "1", "--n-jobs", "1"]
    assert defaults.main(run) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 tables, 1 fits") and "| default | 1.00" in out
    assert "Left out" not in out and "lower" not in out


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared OpenML cache")
def test_a_model_with_part_of_the_folds_is_ranked_where_all_have_them(
    tmp_path, monkeypatch, cache
):
    monkeypatch.setitem(defaults.HALVES, "meta-test", (61,))
    run = ["--half", "meta-test", "--min-rows", "150", "--recipes", "alpha 0"]
    run += ["--n-jobs", "1", "--out", str(tmp_path)]
    assert defaults.main([*run, "--models", "logistic", "mlp", "--first", "1"]) == 0
    first = (tmp_path / "meta-test-min-rows-150-first-1-part.md").read_text()
    assert "| mlp |" in first and "left out" not in first.lower()
    assert defaults.main([*run, "--models", "logistic"]) == 0
    monkeypatch.setitem(MODELS, "mlp", replace(MODELS["mlp"], packages=("gone",)))
    assert defaults.main([*run, "--models", "logistic", "mlp"]) == 0
    text = (tmp_path / "meta-test-min-rows-150-part.md").read_text()
    assert "Left out, since no table has all of its folds: mlp." in text
    assert "| logistic |" in text and "| mlp |" not in text


def test_no_table_that_all_have_results_of_is_said(tmp_path, monkeypatch, capsys):
    """Where one model failed on some tables, one on the others; it ended in NaN."""
    scores = dict.fromkeys(["error", "log_loss", "ece", "fit_seconds"], 0.5)
    rows = [
        {"table": table, "table_id": None, "model": model, "alpha": None, "folds": 2}
        | {"protocol": None, "seed": 0, "repeat": 0, "fold": fold, "status": status}
        | scores
        for table, failing in (("a", "mlp"), ("b", "forest"))
        for model in ("mlp", "forest")
        for fold, status in enumerate(["ok", "failed" if model == failing else "ok"])
    ]
    with pytest.raises(NothingToCompare):
        defaults.report(label_rows(rows))
    monkeypatch.setattr(defaults, "load_all", lambda *_: load_all(["iris"]))
    monkeypatch.setattr(Results, "rows", lambda *_: rows)
    monkeypatch.setattr(study, "run_jobs", lambda *_, **__: None)
    assert defaults.main(["--out", str(tmp_path)]) == 1
    assert "No table has results of all models." in capsys.readouterr().err


QUICK_PEERS = ("logistic", "mlp", "forest", "hist_gradient_boosting")
OURS = [DEFAULT, "no waves", "no tree bins", "alpha 0"]
REPORTS = {
    f"meta-{half}-{name}-part": (f"meta-{half}", *how)
    for half in ("train", "test")
    for name, how in {
        "min-rows-1601-first-2": ((1601, np.inf), 2, OURS, ()),
        "max-rows-1600-first-3": ((0, 1600), 3, [DEFAULT, "alpha 0"], ()),
    }.items()
} | {
    "meta-test-first-2-part": (
        *("meta-test", (0, np.inf), 2, [DEFAULT]),
        (*QUICK_PEERS, "xgboost", "lightgbm", "catboost"),
    )
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REPORTS)
def test_the_rows_that_are_kept_make_the_reports_that_are_kept(name):
    half, (least, most), first, recipes, peers = REPORTS[name]
    rows = [
        row
        for row in read_rows(KEPT / "defaults")
        if row["table_id"] in suites.HALVES[half]
        and least <= row["n_rows"] <= most
        and row["fold"] < first
        and (row["protocol"] in recipes if row["model"] == "mixup" else True)
        and row["model"] in ("mixup", *peers)
    ]
    text, figures = defaults.report(label_rows(rows))
    assert text == (KEPT / "defaults" / f"{name}.md").read_text() and figures == {}
