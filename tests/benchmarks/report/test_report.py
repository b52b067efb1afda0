"""The report: one page from result files, read in a real browser."""

import shutil

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("scikit_posthocs")
pytest.importorskip("jinja2")

from benchmarks.data.tables import Table, load_all
from benchmarks.report import __main__ as report
from benchmarks.run.jobs import make_jobs
from benchmarks.run.results import Results, read_rows
from benchmarks.run.runner import run_units
from benchmarks.run.unit import make_units

WIDTHS = (1280, 400)


def six_tables():
    """Iris and five parts of it: as few as a diagram of ranks needs."""
    ((iris,), _) = load_all(["iris"])
    for i in range(6):
        X = iris.X.iloc[i::2].reset_index(drop=True)
        y = iris.y.iloc[i::2].reset_index(drop=True)
        yield Table(f"iris <{i}>", X, y, id=61 if i == 0 else None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of a run, with a failed job, and the report on them."""
    folder = tmp_path_factory.mktemp("run")
    results = Results(folder)
    models = ["mixup", "mlp", "logistic", "dummy"]
    settings = {"protocol": "paper", "folds": 2, "repeats": 1, "seed": 0}
    units = [
        unit
        for table in six_tables()
        for unit in make_units(
            table, make_jobs(table, models, [0.0, 0.2, np.inf], **settings)
        )
    ]
    for outcomes in run_units(units, n_jobs=1):
        for outcome in outcomes:
            results.add_environment(outcome.stamp)
        results.append([outcome.row for outcome in outcomes])
    failed = outcomes[0].row | {"repeat": 1, "status": "failed", "error": None}
    results.append([failed])
    assert report.main([str(folder)]) == 0
    return folder


def test_all_is_written_and_nothing_half(folder):
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<strong>1 fits failed</strong>" in html
    assert "iris &lt;3&gt;" in html
    assert "processor" in html
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert {"paper-ranks-error", "paper-ranks-log-loss", "paper-times"} <= names
    assert {f"paper-iris-{i}-reliability" for i in range(1, 6)} <= names
    assert not list(folder.glob("*.part"))
    rows = pd.read_parquet(folder / "results.parquet")
    assert len(rows) == 6 * 2 * 6 + 1
    assert np.isinf(rows["alpha"]).sum() == 6 * 2


def test_the_tables_are_markdown_too(folder):
    text = (folder / "report.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if "|" in line]
    heads = next(line for line in lines if "paper: ERM" in line)
    iris = lines[lines.index(heads) + 2]
    assert len(iris) == len(heads)
    assert dict(zip(heads, iris, strict=True))["paper: mixup"] == "17.3"

    frame = pd.read_parquet(folder / "results.parquet")
    frame = frame[(frame["table"] == "iris <3>") & (frame["status"] == "ok")]
    errors = frame.groupby("model")["error"].mean()
    heads = next(line for line in lines if "logistic" in line)
    cells = [line for line in lines if line[0] == "iris <3>"]
    error = dict(zip(heads, cells[0], strict=True))["logistic"]
    assert error.strip("*") == f"{100 * errors['logistic']:.1f}"
    assert ["mixup α=0.2", "error"] in [line[:2] for line in lines]


def test_the_export_is_as_good_as_the_rows(folder, tmp_path):
    shutil.copyfile(folder / "results.parquet", tmp_path / "results.parquet")
    assert read_rows(tmp_path) == read_rows(folder)
    assert report.main([str(tmp_path)]) == 0


def test_the_page_needs_no_other_file(folder):
    html = (folder / "report.html").read_text(encoding="utf-8")
    for mark in ('src="', "@import", 'href="http'):
        assert mark not in html
    ids = [part.split('"')[0] for part in html.split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_nothing_to_report_is_an_error(tmp_path, capsys):
    with pytest.raises(SystemExit):
        report.main([str(tmp_path)])
    assert "holds no results.jsonl" in capsys.readouterr().err
    (tmp_path / "results.jsonl").touch()
    assert report.main([str(tmp_path)]) == 1
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_from_disk_without_a_word_and_fits(browser, folder, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((folder / "report.html").as_uri())
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    measure = "all => all.map(it => it.getBoundingClientRect().toJSON())"
    boxes = page.locator("figure").evaluate_all(measure)
    assert len(boxes) == 3 + 6 * 3
    assert all(box["left"] >= 0 and box["right"] <= width for box in boxes)
    drawn = page.locator("figure svg").evaluate_all(measure)
    assert all(box["width"] >= 250 for box in drawn)
    assert sum(box["right"] > width for box in drawn) <= 3  # these scroll
    sizes = page.locator("td, p").evaluate_all(
        "all => all.map(cell => parseFloat(getComputedStyle(cell).fontSize))"
    )
    assert min(sizes) >= 13
    page.close()


def test_scores_are_sorted_by_a_click(browser, folder):
    page = browser.new_page()
    page.goto((folder / "report.html").as_uri())
    table = page.locator("table.sortable")
    heads = table.locator("th")
    names = [name.strip() for name in heads.all_inner_texts()]

    def column(name):
        cells = table.locator(f"tbody td:nth-child({names.index(name) + 1})")
        return cells.evaluate_all("all => all.map(cell => cell.dataset.value)")

    before = column("log-loss")
    heads.nth(names.index("log-loss")).locator("button").click()
    assert column("log-loss") == sorted(before, key=float)
    heads.nth(names.index("log-loss")).locator("button").press("Enter")
    assert column("log-loss") == sorted(before, key=float, reverse=True)
    heads.nth(names.index("model")).locator("button").click()
    assert column("model") == sorted(column("model"))
    assert heads.nth(names.index("model")).get_attribute("aria-sort") == "ascending"
    assert heads.nth(names.index("log-loss")).get_attribute("aria-sort") == "none"
    page.close()


def test_a_run_of_nothing_but_tables_with_failures_is_reported(tmp_path):
    ((iris,), _) = load_all(["iris"])
    settings = {"protocol": "paper", "folds": 2, "repeats": 1, "seed": 0}
    (unit, *_) = make_units(iris, make_jobs(iris, ["dummy"], [], **settings))
    (row,) = [outcome.row for outcome in next(iter(run_units([unit])))]
    failed = row | {"fold": 1, "status": "failed", "error": None, "message": "no"}
    Results(tmp_path).append([row, failed])
    assert report.main([str(tmp_path)]) == 0
    assert "1/2 ok" in (tmp_path / "report.md").read_text()


def test_a_folder_that_cannot_be_written_to(tmp_path, folder, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_report", refuse)
    with pytest.raises(SystemExit):
        report.main([str(folder)])
    assert "cannot write to" in capsys.readouterr().err
