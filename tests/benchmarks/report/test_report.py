"""The report: one page from result files, read in a real browser."""

import json
import re
import shutil

import matplotlib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks import speed, uci
from benchmarks.compare.summary import label_rows
from benchmarks.data.tables import Table, load_all
from benchmarks.output.files import write_figure
from benchmarks.output.text import (
    plain,
)
from benchmarks.report import __main__ as report
from benchmarks.report import figures, readme_figure
from benchmarks.report import readme_figure as figure
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.parquet import write_parquet
from benchmarks.run.results import Results, read_rows
from benchmarks.run.runner import run_units
from benchmarks.run.unit import make_units
from benchmarks.studies.gan import __main__ as gan
from benchmarks.studies.gan import figures as gan_figures
from tests.benchmarks.conftest import link
from tests.benchmarks.helpers import (
    DAMAGE,
    GOOD,
    HOSTILE,
    KEPT,
    TINY,
    N,
    half_saved,
    hostile_rows,
    is_seen,
    line_of,
    write,
)
from tests.conftest import DATASETS


@pytest.mark.slow
def test_all_at_once_are_reported_and_none_of_them_crashes(tmp_path, lines, capsys):
    bad = [damage(GOOD[0]) for damage in DAMAGE.values()]
    write(tmp_path, [*bad, *lines, *bad], end=b"")
    before = (tmp_path / "results.jsonl").read_bytes()
    assert report.main([str(tmp_path)]) == 0
    assert figure.main(["--results", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert f"passed over {2 * len(bad)} unreadable lines" in said
    assert f"and {2 * len(bad) - 5} more" in said
    assert (tmp_path / "results.jsonl").read_bytes() == before
    assert pq.read_table(tmp_path / "results.parquet").num_rows == N
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_passes_the_reader_is_reported(tmp_path, seed):
    """Odd values that are no damage: names, and numbers at the ends of their range."""
    rng = np.random.default_rng(seed)
    odd = {
        "table": ["", " ", "x" * 300, "a/b", "..", "\x00", "CON", "$\\frac{", "{0}"],
        "alpha": [0.0, 0.1, 0.10000000000000002, 1e-300, 1e300, np.inf],
        "error": [0.0, 1.0],
        "log_loss": [0.0, 1e9],
        "train_error": [None, 0.0, 1.0],
        "reliability": [None, [[0, 0.0, 1, 0]], [[9, 1e9, 1e9, 1e9]]],
        "fit_seconds": [1e-9, 1e9],
        "n_rows": [1, 2**53],
        "table_id": [None, 1, 2**53],
        "task_id": [None, 3],
        "noise": [None, 0.5],
        "protocol": ["default", "x" * 300, "environment", "</a>"],
        "brier": [None, 0.0],
        "n_test": [None, 1, 2**53],
        "seed": [0, 2**32 - 1],
    }
    rows = [
        row | {name: values[rng.integers(len(values))] for name, values in odd.items()}
        for row in GOOD[:8]
    ]
    rows = [row | {"alpha": None} if row["model"] == "mlp" else row for row in rows]
    Results(tmp_path).append(rows)
    assert len(read_rows(tmp_path)) == len({Job.of(row) for row in rows})
    assert report.main([str(tmp_path)]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["n_train", "n_test", "ece", "brier", "train_error"])
@pytest.mark.parametrize("which", ["all", "one table", "none there"])
def test_a_report_of_rows_that_lack_a_number(tmp_path, name, which):
    rows = [row | {"protocol": "paper"} for row in GOOD if row["model"] == "mixup"]
    table = rows[0]["table"]
    for row in rows:
        if which == "none there":
            del row[name]
        elif which == "all" or row["table"] == table:
            row[name] = None
    Results(tmp_path).append(rows)
    assert report.main([str(tmp_path)]) == 0


@pytest.mark.slow
def test_a_report_of_parquet_alone_leaves_it_as_it_is(tmp_path):
    path = tmp_path / "results.parquet"
    write_parquet(GOOD, path)
    before = path.read_bytes()
    assert report.main([str(tmp_path)]) == 0
    assert path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("n_exports", [1, 2])
def test_a_report_exports_what_it_does_not_show(tmp_path, lines, n_exports):
    """Rows of GANs were lost."""
    gans = read_rows(KEPT / "gan")[:2]
    write(tmp_path, [*map(line_of, gans), *lines])
    for _ in range(n_exports):
        assert report.main([str(tmp_path)]) == 0
    (tmp_path / "results.jsonl").unlink()
    found = [{k: v for k, v in r.items() if v is not None} for r in read_rows(tmp_path)]
    wanted = [{k: v for k, v in r.items() if v is not None} for r in [*gans, *GOOD]]
    assert found == wanted


@pytest.mark.slow
@pytest.mark.parametrize("which", ["all", "one model", "one table"])
def test_fits_that_took_no_time_are_drawn(tmp_path, which):
    """Matplotlib warned that a logarithm can't show them."""
    table, model = GOOD[0]["table"], GOOD[0]["model"]
    told = {"all": {}, "one model": {"model": model}, "one table": {"table": table}}
    rows = [
        row | {"fit_seconds": 0.0} if told[which].items() <= row.items() else row
        for row in GOOD
    ]
    Results(tmp_path).append(rows)
    assert report.main([str(tmp_path)]) == 0


@pytest.mark.parametrize("kind", ["folder", "nothing"])
def test_a_report_writes_no_figure_through_a_link(tmp_path, lines, capsys, kind):
    write(tmp_path / "out", lines)
    folder, outside = tmp_path / "out", tmp_path / "outside"
    link(folder / "figures", outside, kind)
    with pytest.raises(SystemExit):
        report.main([str(folder)])
    assert f"{folder / 'figures'} is a link" in capsys.readouterr().err
    assert not outside.exists() or not list(outside.iterdir())


def test_every_script_writes_its_figures_whole(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "results.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in hostile_rows(HOSTILE[:1]))
    )
    row = {"section": "members", "value": 1.0, "repeat": 0, "unit": "s"}
    row |= {"run": "2026-01-01T00:00:00"}
    row |= {"setting": "a", "competitor": "mixup"}
    (folder / "speed.jsonl").write_text(json.dumps(row) + "\n")
    before = set(folder.iterdir())
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", half_saved)
    monkeypatch.setattr(speed, "measure", lambda *_: None)
    for script, arguments in ((report, []), (figure, ["--results"])):
        with pytest.raises(SystemExit):
            script.main([*arguments, str(folder)])
    assert speed.main(["--out", str(folder)]) == 2
    found = {path for path in folder.rglob("*") if path.is_file()}
    assert found == before | {folder / "speed.md", folder / ".results.lock"}
    figures.plt.close("all")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A folder with a report on hostile results."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = hostile_rows(HOSTILE)
    rows += hostile_rows(HOSTILE[:2], protocol=HOSTILE[1] + HOSTILE[10], seed=1)
    results = Results(folder)
    results.append(rows)
    stamps = [{"id": str(i), name: name} for i, name in enumerate(HOSTILE)]
    for stamp in stamps:
        results.add_environment(stamp)
    assert report.main([str(folder), "--title", HOSTILE[0] + "\udcff" + "x" * 300]) == 0
    return folder


@pytest.mark.slow
def test_the_report_has_all_tables_and_a_figure_for_each(page):
    frame = label_rows(hostile_rows(HOSTILE))
    assert frame["title"].nunique() == len(HOSTILE)
    names = [path.name for path in (page / "figures").iterdir()]
    assert len(names) == 3 * (len(HOSTILE) + 2) + 3 + 1
    assert all(re.fullmatch(r"[a-z0-9_-]+\.png", name) for name in names)
    assert max(map(len, names)) < 130
    assert not list(page.rglob("*.part"))


@pytest.mark.slow
def test_its_markdown_is_of_tables_only(page):
    text = (page / "report.md").read_text(encoding="utf-8")
    assert is_seen(text.replace("\n", ""))
    assert not re.search(r"<[A-Za-z/!?]|\]\(", text)
    assert "\n# head" not in text
    widths = {}
    for line in text.splitlines():
        if line.startswith("|"):
            n_cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
            widths.setdefault(n_cells, []).append(line)
    assert all("---" in lines[1] for lines in widths.values())


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_of_a_name_runs_in_the_page(browser, page, width):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    said = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: said.append(dialog.message))
    tab.on("request", lambda request: said.append(request.url))
    tab.goto((page / "report.html").as_uri())
    asked_for = [what for what in said if not what.startswith("data:")]
    assert asked_for == [(page / "report.html").as_uri()]
    assert tab.evaluate("window.hit === undefined")
    assert tab.evaluate("document.scripts.length") == 1
    attributes = tab.evaluate(
        "[...document.querySelectorAll('*')].flatMap(it => it.getAttributeNames())"
    )
    assert not [name for name in attributes if name.startswith("on")]
    assert not tab.locator("img, iframe, b, image, object, embed").count()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    first = tab.locator("table.sortable tr.group strong").all_inner_texts()
    assert {" ".join(text.split()) for text in first} == {
        " ".join(plain(name).split()) for name in HOSTILE
    }
    labels = tab.locator("svg").evaluate_all(
        "all => all.map(svg => svg.getAttribute('aria-label'))"
    )
    assert {plain(name) for name in HOSTILE} <= set(labels)
    tab.close()


@pytest.mark.slow
def test_the_page_is_safe_to_read_without_a_browser(page):
    html = (page / "report.html").read_text(encoding="utf-8")
    assert html.count("<script>") == 1
    assert not re.search(r"<(img|b|iframe)\b|onerror=\"|javascript:[^a]", html)
    assert is_seen(html.replace("\n", ""))
    assert 'aria-label="&lt;script&gt;' in html


def test_figures_of_hostile_names_are_drawn(tmp_path):
    rows = label_rows(hostile_rows(HOSTILE))
    rows["label"] = np.resize(HOSTILE, len(rows))
    frame = pd.DataFrame(hostile_rows(HOSTILE[:3]))
    labels = [name[:20] for name in HOSTILE]  # as long as a model's
    means = np.random.default_rng(0).random((8, len(labels)))
    means = pd.DataFrame(means, columns=labels)
    gans = pd.DataFrame({"table": HOSTILE[:3], "label": HOSTILE[3:6]})
    gans = gans.assign(**dict.fromkeys(gan_figures.MEASURES, 0.5))
    drawn = [
        figures.reliability_diagram(rows, HOSTILE),
        figures.fit_times(rows),
        figures.critical_difference(means, HOSTILE[5]),
        gan_figures.spread_over_seeds(gans),
        figure.draw(frame),
    ]
    for number, one in enumerate(drawn):
        path = tmp_path / f"{number}.png"
        write_figure(path, one)
        figures.plt.close(one)
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_name_in_a_cache_goes_all_the_way(cache, tmp_path, capsys):
    path = cache / DATASETS / "61" / "description.xml"
    name = (
        "&lt;script>window.hit = 1&lt;/script>&#x202e;&#x9b;31m/../$\\frac{" + 300 * "x"
    )
    path.write_text(path.read_text().replace("<oml:name>iris<", f"<oml:name>{name}<"))
    arguments = ["--datasets", "61", "--models", "mixup", "dummy", "--predictions"]
    arguments += ["--protocol", "paper", "--n-jobs", "1", "--folds", "2"]
    assert uci.main([*arguments, "--out", str(tmp_path / "run")]) == 0
    assert report.main([str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert not {"\u202e", "\x9b"} & {*said.out, *said.err}
    text = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert is_seen(text.replace("\n", "")) and "<script" not in text
    html = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert html.count("<script>") == 1
    assert len(list((tmp_path / "run" / "predictions").iterdir())) == 10
    capsys.readouterr()
    assert uci.main([*arguments, "--out", str(tmp_path / "run")]) == 0
    assert "10 of 10 jobs were finished before" in capsys.readouterr().err


@pytest.mark.slow
def test_gans_are_no_part_of_a_report(tmp_path, quick, capsys):
    assert gan.main([*TINY["gan"], "--n-jobs", "1", "--out", str(tmp_path)]) == 0
    assert report.main([str(tmp_path)]) == 1
    assert "No result of a classifier" in capsys.readouterr().err
    assert readme_figure.main(["--results", str(tmp_path)]) == 1
    assert "No results of mixup and mlp" in capsys.readouterr().err


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


@pytest.mark.slow
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
    heads = table.locator("thead th")
    names = [name.strip() for name in heads.all_inner_texts()]
    groups = table.locator("tbody")

    def columns(name):
        """Return a column of each table's group, whose first row names the table."""
        at = names.index(name) + 1
        read = f"""all => all.map(body => [...body.querySelectorAll(
            "td:nth-child({at})")].map(cell => cell.dataset.value))"""
        return groups.evaluate_all(read)

    before, titles = columns("log-loss"), groups.locator("strong").all_inner_texts()
    assert len(before) == len(titles) == 6
    heads.nth(names.index("log-loss")).locator("button").click()
    assert columns("log-loss") == [sorted(group, key=float) for group in before]
    heads.nth(names.index("log-loss")).locator("button").press("Enter")
    back = {"key": float, "reverse": True}
    assert columns("log-loss") == [sorted(group, **back) for group in before]
    heads.nth(names.index("model")).locator("button").click()
    assert columns("model") == [sorted(group) for group in columns("model")]
    assert groups.locator("tr:first-child strong").all_inner_texts() == titles
    assert heads.nth(names.index("model")).get_attribute("aria-sort") == "ascending"
    assert heads.nth(names.index("log-loss")).get_attribute("aria-sort") == "none"
    page.close()


@pytest.fixture(scope="module")
def first_page(tmp_path_factory):
    """What the README's first command made, as it is kept, and the report on it."""
    folder = tmp_path_factory.mktemp("first")
    for path in (KEPT / "embedded").glob("*.jsonl"):
        shutil.copy(path, folder)
    assert report.main([str(folder)]) == 0
    return folder


def opened(browser, folder, width=1280, scheme="light"):
    view = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = browser.new_page(**view)
    page.goto((folder / "report.html").as_uri())
    return page


def tops(page, selector):
    return page.locator(selector).evaluate_all(
        "all => all.map(it => it.getBoundingClientRect().top)"
    )


def test_the_page_starts_with_what_was_found(browser, first_page):
    """Then scores, then wins, then figures; all of the first in the first screen."""
    page = opened(browser, first_page)
    found = page.locator("p.found")
    assert found.all_inner_texts()[1].startswith(
        "Against plain training, mixup α=0.1 has the lower log-loss on 4 of 4 tables"
    )
    tables, shown = tops(page, "table"), tops(page, "figure")
    assert max(tops(page, "p.found")) < tables[0] < 800
    assert tables[0] < tables[1] < min(shown)
    assert page.locator("table").first.get_attribute("class") == "sortable"
    page.close()


def test_scores_have_their_spread_and_all_that_are_best_are_bold(browser, first_page):
    page = opened(browser, first_page)
    group = page.locator("table.sortable tbody").first
    about = " ".join(group.locator("tr.group").inner_text().split())
    assert (
        about == "iris 150 rows, 3 classes; guessing the majority class: 66.7 % error"
    )
    errors = group.locator("td:nth-child(2)")
    assert errors.all_inner_texts() == [
        *("4.7 ± 3.8", "4.7 ± 3.8", "4.0 ± 3.7", "4.0 ± 3.7", "4.0 ± 4.3")
    ]
    weights = errors.evaluate_all(
        "all => all.map(it => getComputedStyle(it).fontWeight)"
    )
    assert weights == ["400", "400", "700", "700", "700"]
    page.close()


def test_no_column_is_of_dashes(browser, first_page):
    """Four tables are too few for a test over tables: it has no columns then."""
    page = opened(browser, first_page)
    columns = page.locator("table").evaluate_all(
        """all => all.flatMap(table => {
            const rows = [...table.rows].filter(row => !row.matches(".group"));
            const column = i => rows.map(row => row.cells[i].innerText);
            return [...rows[0].cells].map((_, i) => column(i));
        })"""
    )
    assert len(columns) > 10
    assert not [column for column in columns if set(column[1:]) <= {"-", ""}]
    assert "A test over tables takes 6 tables" in page.locator("body").inner_text()
    page.close()


def test_the_majority_is_an_error_only(first_page):
    """Its log-loss would be another number, which nobody has computed."""
    text = (first_page / "report.md").read_text(encoding="utf-8")
    error, log_loss = text.split("### Test error in %")[1].split("### Test log-loss")
    assert "| table | majority | ERM" in error
    assert "majority" not in log_loss
    html = (first_page / "report.html").read_text(encoding="utf-8")
    told = re.findall("majority[^<]*", html)
    assert len(told) == 4
    assert all(re.fullmatch(r"majority class: [\d.]+ % error", one) for one in told)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_shows_each_model_and_its_scores(browser, first_page, scheme):
    page = opened(browser, first_page, 400, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    cells = page.locator("table.sortable tr:not(.group) > :nth-child(-n + 3)")
    measure = "all => all.map(it => it.getBoundingClientRect().toJSON())"
    boxes = cells.evaluate_all(measure)
    assert len(boxes) == 3 * (1 + 4 * 5)
    assert all(box["left"] >= 0 and box["right"] <= 400 for box in boxes)
    page.evaluate("document.querySelector('.wide').scrollLeft = 999")
    names = page.locator("table.sortable td:first-child").evaluate_all(measure)
    assert all(box["left"] >= 0 for box in names)  # a model stays beside its scores
    abouts = page.locator("tr.group .stay").evaluate_all(measure)
    assert all(box["left"] >= 0 and box["right"] <= 400 for box in abouts)
    page.close()


CONTRASTS = """() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = numbers(color).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = it => {
    for (; it; it = it.parentElement) {
      const color = getComputedStyle(it).backgroundColor;
      if ((numbers(color)[3] ?? 1) > 0) return color;
    }
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  for (const it of document.querySelectorAll("body *")) {
    const style = getComputedStyle(it), is_drawn = it.closest("svg");
    if (it.matches("script, style, metadata *")) continue;
    const says = [...it.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (says) {
      const color = is_drawn ? style.fill : style.color;
      found.push(["text", it.textContent.trim(), contrast(color, behind(it))]);
    } else if (is_drawn && it.matches("path, use") && style.stroke.startsWith("rgb")
               && numbers(style.stroke).join() !== "176,176,176") {
      found.push(["line", it.outerHTML, contrast(style.stroke, behind(it))]);
    }
  }
  return found;
}"""


@pytest.mark.parametrize("run", ["first_page", "folder"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_can_be_told_from_what_is_behind_it(browser, request, run, scheme):
    """As WCAG asks: 4.5 for text, 3 for lines; but for a grid's."""
    page = opened(browser, request.getfixturevalue(run), scheme=scheme)
    found = page.evaluate(CONTRASTS)
    page.close()
    assert {kind for kind, *_ in found} == {"text", "line"}
    least = {"text": 4.5, "line": 3}
    assert not [what for kind, *what in found if what[-1] < least[kind]]
    assert len(found) > 500


def test_a_dark_page_is_dark(browser, first_page):
    colors = {}
    for scheme in ("light", "dark"):
        page = opened(browser, first_page, scheme=scheme)
        colors[scheme] = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        page.close()
    assert max(colors["dark"]) < 40 and min(colors["light"]) > 240


def test_a_color_means_the_same_in_all_figures(browser, first_page):
    """ERM's name has the color of its line, and no other model's has."""
    page = opened(browser, first_page)
    drawn = page.locator("figure").evaluate_all(
        """all => all.map(it => [it.querySelector("figcaption").innerText,
            Object.fromEntries([...it.querySelectorAll("svg text")].map(
                text => [text.textContent, getComputedStyle(text).fill]))])"""
    )
    curves = [
        texts for title, texts in drawn if re.search(": (error|log-loss)$", title)
    ]
    assert len(curves) == 8
    ((erm, mixup),) = {(texts["ERM"], texts["mixup"]) for texts in curves}
    assert erm != mixup
    strokes = page.locator("figure").evaluate_all(
        """all => all.map(it => [...it.querySelectorAll("svg path, svg use")].flatMap(
            it => [getComputedStyle(it).stroke, getComputedStyle(it).fill]))"""
    )
    assert all({erm, mixup} <= set(colors) for colors in strokes)
    assert figures.color_of("mixup α=0.1") == figures.color_of("mixup α=1")
    assert figures.color_of("mlp") != figures.color_of("mixup_search")
    page.close()


def test_reliability_is_of_bins_of_ten_rows_or_more():
    frame = pd.DataFrame(
        {
            "label": ["mlp", "mlp", "forest"],
            "reliability": [
                [[5, 3.0, 5, 3], [7, 6.9, 9, 9], [9, 19.0, 20, 19]],
                [[5, 3.0, 5, 2], [9, 9.6, 10, 9]],
                [[5, 5.5, 9, 5], [9, 9.6, 10, 9]],
            ],
        }
    )
    drawn = figures.reliability_diagram(frame, ["mlp", "forest"])
    (mlp, forest) = drawn.axes[0].collections
    np.testing.assert_allclose(mlp.get_offsets(), [[0.6, 0.5], [28.6 / 30, 28 / 30]])
    np.testing.assert_allclose(forest.get_offsets(), [[0.96, 0.9]])
    (legend,) = drawn.legends
    drawn.draw_without_rendering()
    assert not legend.get_window_extent().overlaps(drawn.axes[0].get_window_extent())
    figures.plt.close(drawn)
    assert figures.reliability_diagram(frame, ["forest"]) is None


def test_an_interval_that_does_not_reach_plain_training_is_a_clear_difference():
    """On folds that differ much, by as much in each: only pairs can tell."""
    rng = np.random.default_rng(0)
    folds = np.linspace(0.2, 0.8, 5)
    frame = pd.DataFrame(
        [
            {"alpha": alpha, "log_loss": score, "folds": 5, "repeat": 0, "fold": i}
            for alpha, less in ((0.0, 0.0), (0.1, 0.1), (1.0, 0.0))
            for i, score in enumerate(folds - less + 0.01 * rng.normal(size=5))
        ]
    )
    drawn = figures.alpha_curve(frame, "log_loss")
    (ax,) = drawn.axes
    (bars,) = (box for box in ax.containers if box.has_yerr)
    clear, unclear = bars.lines[2][0].get_segments()
    level = ax.lines[0].get_ydata()[0]
    assert level == pytest.approx(frame.loc[frame["alpha"] == 0, "log_loss"].mean())
    assert clear[:, 1].max() < level
    assert unclear[:, 1].min() < level < unclear[:, 1].max()
    names = [text for text in ax.texts if text.get_text() in ("ERM", "mixup")]
    drawn.draw_without_rendering()
    first, second = (text.get_window_extent() for text in names)
    assert not first.overlaps(second)
    assert min(first.x0, second.x0) > ax.get_window_extent().x1  # beside the data
    figures.plt.close(drawn)


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
