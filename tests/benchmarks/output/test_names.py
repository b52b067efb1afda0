"""Names, levels, labels and messages that attack what shows them."""

import json
import re
import unicodedata

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("scikit_posthocs")
pytest.importorskip("jinja2")

from benchmarks import speed, uci
from benchmarks.compare.pairing import NothingToCompare
from benchmarks.compare.summary import label_rows
from benchmarks.data.tables import Table
from benchmarks.models import registry
from benchmarks.output.files import LONGEST_NAME, file_name, write_figure
from benchmarks.output.text import (
    LONGEST,
    Marked,
    as_markdown,
    in_figure,
    in_markdown,
    in_terminal,
    plain,
)
from benchmarks.report import __main__ as report
from benchmarks.report import figures
from benchmarks.report import readme_figure as figure
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.results import Results
from benchmarks.studies import alpha, regression
from benchmarks.studies.defaults import __main__ as defaults
from benchmarks.studies.gan import figures as gan_figures
from benchmarks.studies.study import Study, run_study

from ...conftest import DATASETS
from ..conftest import pretend

HOSTILE = [
    "<script>window.hit = 1</script>",
    '"><img src=x onerror="window.hit = 2"><a b="',
    "'/onload='window.hit = 3'",
    "</svg></title><script>window.hit = 4</script>",
    "{{ 7 * 7 }}{% for x in y %}",
    "$\\frac{$ and $x_{$",
    "a | b\n| c | d |\n\n# head",
    "\x1b[31mred\x1b[0m\x07\x9b2J",
    "\u202egnp.exe\u2066\u200b\ufeff\x00\r",
    "[text](javascript:alert(1)) ![x](y) <b>&lt;*_**`~~",
    "../../" + "x" * 300,
    "CON",
    "_hidden",
    "日本 🙂 é",
    "a]]>--><!--",
]


def is_seen(text):
    kinds = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return not [c for c in text if unicodedata.category(c) in kinds]


# One function for each medium


@given(st.text() | st.sampled_from(HOSTILE))
@example("\ud800")
def test_plain_text_is_one_line_of_what_can_be_seen(text):
    shown = plain(text)
    assert is_seen(shown)
    assert plain(shown) == shown
    if is_seen(text):
        assert shown == text
    shown.encode()
    assert is_seen(in_terminal(text).replace("\n", ""))
    assert in_terminal("a\nb\x1b") == "a\nb\\x1b"


@given(st.text(alphabet="<>&|*_`[]()!\\$~#a1; \n", max_size=12))
@example("&lt;")
@example("\\|")
def test_markdown_has_no_mark_of_a_text(text):
    shown = in_markdown(text)
    assert in_markdown(shown) == shown  # once is enough
    bare = re.sub(r"\\[\\`*~$|(\[:_]", ".", shown)
    assert not re.search(r"[\\`*~$|\n]|<[A-Za-z/!?]|\]\(|\]\[", bare)
    assert not re.search(r"&(?!lt;|amp;)#?\w+;", bare)
    (line,) = as_markdown(["x", "y"], [[text, "1"]]).splitlines()[2:]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3


@given(st.text() | st.sampled_from(HOSTILE))
@example("\\$x\\$")
@example("\\\\$")
def test_matplotlib_draws_a_text_as_it_is(text):
    shown = in_figure(text)
    parsed, is_math = matplotlib.text.Text(0, 0, shown)._preprocess_math(shown)
    assert not is_math
    cut = plain(text)
    cut = cut if len(cut) <= LONGEST else cut[: LONGEST - 1] + "…"
    assert parsed.lstrip() == cut.lstrip()
    assert not shown.startswith("_")


# Names of files


@given(st.text() | st.sampled_from(HOSTILE))
@example("")
@example("..")
@example("nul.txt")
@example("\ud800")
def test_a_name_of_a_file_is_short_and_safe(text):
    name = file_name(text)
    assert re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]*", name)
    assert len(name) <= LONGEST_NAME and not name.endswith(".")
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)


@given(st.lists(st.text(max_size=8) | st.sampled_from(HOSTILE), unique=True))
def test_no_two_texts_share_a_file(texts):
    assert len({file_name(text) for text in texts}) == len(texts)


def test_names_that_will_do_are_kept():
    job = Job("page-blocks", 30, "mixup", 0.4, "default", 5, 0, 3, 0)
    assert job.name == "page-blocks-30-mixup-0.4-default-5-0-3-0"
    assert file_name("jungle_chess.v2") == "jungle_chess.v2"


def small_table(name):
    X = pd.DataFrame({"x": np.arange(12.0)})
    return Table(name, X, pd.Series(["no", "yes"] * 6))


def test_predictions_of_any_table_have_a_file_of_their_own(tmp_path):
    results = Results(tmp_path / "run")
    jobs = [
        make_jobs(small_table(name), ["dummy"], [], protocol="paper", folds=2)[0]
        for name in [*HOSTILE, *(name + "." for name in HOSTILE)]
    ]
    for number, job in enumerate(jobs):
        assert not results.has_predictions(job)
        results.keep_predictions(job, {"row": [number]})
    files = [results._predictions_of(job) for job in jobs]
    assert [pd.read_parquet(file)["row"][0] for file in files] == list(range(len(jobs)))
    assert {file.parent for file in files} == {tmp_path / "run" / "predictions"}
    assert set(tmp_path.iterdir()) == {tmp_path / "run"}


# Files appear whole, or not at all


def half_saved(self, file, **_):
    with open(file, "wb") as opened:
        opened.write(b"half")
    raise OSError(28, "No space left on device")


def test_a_figure_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "f.png"
    drawn, _ = figures.panels(1)
    write_figure(path, drawn)
    content = path.read_bytes()
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", half_saved)
    with pytest.raises(OSError):
        write_figure(path, drawn)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
    figures.plt.close(drawn)


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


# The report


def hostile_rows(names, protocol="paper", seed=0):
    """Rows of several models on tables of these names, one of which has failed."""
    rng = np.random.default_rng(seed)
    kinds = [("mixup", a) for a in (0.0, 0.2, 1.0)]
    kinds += [(model, None) for model in ("mlp", "logistic", "dummy")]
    rows = [
        {"table": name, "table_id": None, "model": model, "alpha": alpha}
        | {"protocol": protocol if registry.MODELS[model].has_protocol else None}
        | {"folds": 2, "repeat": 0, "fold": fold, "seed": 0, "n_rows": 100}
        | {"n_classes": 2, "n_train": 50, "n_test": 50, "status": "ok"}
        | dict(zip(("error", "log_loss", "majority_error"), rng.random(3), strict=True))
        | {"train_error": 0.1, "fit_seconds": 0.5, "message": None}
        | {"reliability": [[3, 2.0, 20, 10], [9, 27.0, 30, 25]]}
        for name in names
        for model, alpha in kinds
        for fold in range(2)
    ]
    rows[-1] |= {"status": "failed", "error": None, "message": names[0]}
    return rows


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


def test_the_report_has_all_tables_and_a_figure_for_each(page):
    frame = label_rows(hostile_rows(HOSTILE))
    assert frame["title"].nunique() == len(HOSTILE)
    names = [path.name for path in (page / "figures").iterdir()]
    assert len(names) == 3 * (len(HOSTILE) + 2) + 3 + 1
    assert all(re.fullmatch(r"[a-z0-9_-]+\.png", name) for name in names)
    assert max(map(len, names)) < 130
    assert not list(page.rglob("*.part"))


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
    first = tab.locator("table.sortable tbody tr td:first-child").all_inner_texts()
    assert {" ".join(text.split()) for text in first} == {
        " ".join(plain(name).split()) for name in HOSTILE
    }
    labels = tab.locator("svg").evaluate_all(
        "all => all.map(svg => svg.getAttribute('aria-label'))"
    )
    assert {plain(name) for name in HOSTILE} <= set(labels)
    tab.close()


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
        write_figure(tmp_path / f"{number}.png", one)
        figures.plt.close(one)


# Other reports


def test_the_speeds_report_shows_names_as_they_are(tmp_path, monkeypatch, capsys):
    path = tmp_path / "speed.jsonl"
    lines = [
        {"section": "members", "value": 1.0 + i, "repeat": 0}
        | {"run": "2026-01-01T00:00:00"}
        | {"setting": name, "competitor": name, "unit": name}
        for i, name in enumerate(HOSTILE)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(speed, "measure", lambda *_: None)
    speed.main(["--out", str(tmp_path)])
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert is_seen(text.replace("\n", ""))
    assert not re.search(r"<[A-Za-z/!?]|\]\(", text)
    assert is_seen(capsys.readouterr().out.replace("\n", ""))


def test_the_study_of_defaults_names_tables_as_they_are():
    rows = hostile_rows(HOSTILE)
    rows = [row | {"ece": 0.1} for row in rows if row["model"] != "mixup"]
    rows += [row | {"model": "forest"} for row in rows[:2]]
    text, _ = defaults.report(label_rows(rows))
    assert "Left out" in text
    assert is_seen(text.replace("\n", ""))
    assert not re.search(r"<[A-Za-z/!?]|\]\(", text)


# The terminal

STEERS = ("\x1b[31m", "\x07", "\u202e", "\x9b", "\x00")


@pytest.mark.parametrize("script", ["uci", "study"])
def test_no_name_or_message_steers_the_terminal(tmp_path, monkeypatch, capsys, script):
    name = "".join(STEERS) + "\nerror: all is lost"

    class Failing(registry.DummyClassifier):
        def fit(self, X, y):
            raise RuntimeError(name + "\ud800")

    pretend(monkeypatch, "logistic", Failing)
    tables = [small_table(name), small_table(HOSTILE[0])]
    unloaded = {7: f"ValueError: {name}"}
    arguments = ["--n-jobs", "1", "--folds", "2", "--out", str(tmp_path)]
    if script == "uci":
        monkeypatch.setattr(uci, "load_all", lambda *_: (tables, dict(unloaded)))
        assert uci.main([*arguments, "--models", "dummy", "logistic"]) == 0
    else:

        def give_up(frame):
            raise NothingToCompare(name)

        study = Study(
            "alpha",
            "about",
            lambda table, options: make_jobs(
                table, ["dummy", "logistic"], [], protocol="paper", folds=2
            ),
            give_up,
            load=lambda options: (tables, dict(unloaded)),
            add_options=lambda parser: parser.set_defaults(alphas=[0.5]),
        )
        assert run_study(study, arguments) == 1
    said = capsys.readouterr()
    for text in said:
        assert not [code for code in STEERS if code in text]
        assert "\nerror: all is lost" not in text
    assert "Not loaded: table 7" in said.out
    assert Results(tmp_path).n_unreadable == 0


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


def test_titles_tell_tables_apart_that_are_named_alike():
    row = {"model": "dummy", "alpha": None, "folds": 2, "seed": 0}
    names = [("t (3)", None), ("t", 3), ("x" * 300, None), ("x" * 301, None)]
    names += [("\x1b", None), ("\\x1b", None)]
    rows = [row | {"table": name, "table_id": number} for name, number in names]
    for width in (None, 23):
        frame = label_rows(rows * 2, width)
        assert frame["title"].nunique() == len(names)
        assert width is None or frame["title"].str.len().max() <= width
    assert list(frame["title"][:2]) == ["t (3)", "t (3) #2"]


def test_marked_text_is_left_as_it_is():
    assert as_markdown(["a"], [[Marked("**1**")], ["**1**"]]).splitlines()[2:] == [
        "| **1** |",
        r"| \*\*1\*\* |",
    ]


STEERING = ["a\x1b[31mb", "\u202ea", "a\x9b2J", "a\rb", "a\nb", "\udc9b"]


@pytest.mark.parametrize("name", STEERING)
@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (figure.main, ["--results", "NAME"]),
        (report.main, ["NAME"]),
        (uci.main, ["--suite", "NAME"]),
        (uci.main, ["--scheduler", "tcpNAME", "--backend", "dask"]),
        *((main, ["NAME", "--no-such"]) for main in (uci.main, defaults.main)),
        *((main, ["NAME"]) for main in (speed.main, regression.main, alpha.main)),
    ],
)
def test_what_is_wrong_with_a_command_line_steers_no_terminal(
    capsys, monkeypatch, tmp_path, main, arguments, name
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([argument.replace("NAME", name) for argument in arguments])
    assert ended.value.code == 2
    *_, last = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert "error: " in last and is_seen(last)
