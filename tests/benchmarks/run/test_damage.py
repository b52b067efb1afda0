"""Files of results that are damaged: nothing crashes, and nothing is lost."""

import io
import json
import math
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("scikit_posthocs")
pytest.importorskip("jinja2")

from benchmarks import uci
from benchmarks.compare.pairing import NothingToCompare
from benchmarks.compare.summary import against_erm, as_text, label_rows, summarize
from benchmarks.data.suites import SUITES
from benchmarks.data.tables import load_all
from benchmarks.output.files import keep_aside
from benchmarks.report import __main__ as report
from benchmarks.report import readme_figure as figure
from benchmarks.report.figures import plt
from benchmarks.run.fit import Fit
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.measure import measure
from benchmarks.run.parquet import UnreadableResults, write_parquet
from benchmarks.run.results import Results, read_rows
from benchmarks.run.row_file import read_environments
from benchmarks.run.schema import CLASSIFIERS, read_all
from benchmarks.run.unit import make_units, run_unit
from benchmarks.studies import alpha, images, regression, sequences
from benchmarks.studies.adversarial import __main__ as adversarial
from benchmarks.studies.defaults import __main__ as defaults
from benchmarks.studies.gan.training import SCHEMA as GANS
from benchmarks.studies.label_noise import __main__ as label_noise

from ...conftest import contents
from ..conftest import link

KEPT = Path(__file__).resolve().parents[3] / "benchmarks" / "results"
GOOD = read_rows(KEPT / "embedded")[::7]  # of all four tables, mixup and mlp
N = len(GOOD)
AT = {"first": 0, "middle": N // 2, "last": N - 1}


def line_of(row):
    return json.dumps(row).encode()


def change(**values):
    return lambda row: line_of(row | values)


def cut(row):
    return line_of(row)[:-40]


def raw(row, number):
    """Write a number for the alpha chosen as it is."""
    return line_of(row | {"chosen_alpha": 0.123}).replace(b"0.123", number)


DAMAGE = {
    "deep": lambda row: b"[" * 100_000,
    "deep in a field": lambda row: line_of(row)[:-1] + b',"x":' + b"[" * 10**5 + b"}",
    "deep, whole": lambda row: b"[" * 600 + b"]" * 600,
    "cut": cut,
    "no text": lambda row: b"\xff\xfe\x00\x01",
    "zeros": lambda row: b"\x00" * 4096,
    "a list": lambda row: line_of([row]),
    "null": lambda row: b"null",
    "a number": lambda row: b"3",
    "two rows": lambda row: line_of(row) + line_of(row),
    "no field": lambda row: b"{}",
    "null name": change(table=None),
    "number name": change(table=7),
    "list name": change(table=["a"]),
    "surrogate name": change(table="a\ud800"),
    "surrogate message": change(message="\udfff"),
    "surrogate field": lambda row: line_of(row | {"\ud800": 1}),
    "huge fold": change(fold=10**30),
    "huge digits": lambda row: line_of(row)[:-1] + b',"n_test":' + b"9" * 5000 + b"}",
    "huge score": change(log_loss=10**400),
    "huge rows": change(n_rows=2**63),
    "negative fold": change(fold=-1),
    "fold of others": change(fold=5),
    "fractional fold": change(fold=0.5),
    "true fold": change(fold=True),
    "text for a fold": change(fold="0"),
    "text for a score": change(error="0.1"),
    "list for a score": change(error=[0.1]),
    "NaN": change(error=math.nan),
    "Infinity": change(log_loss=math.inf),
    "-Infinity": change(fit_seconds=-math.inf),
    "1e999": lambda row: line_of(row | {"log_loss": 0.123}).replace(b"0.123", b"1e999"),
    "error above 1": change(error=1.5),
    "no alpha": change(model="mixup", alpha=None),
    "an alpha of none": change(model="mlp", alpha=0.1),
    "NaN alpha": change(alpha=math.nan),
    "text alpha": change(alpha="0.1"),
    "huge alpha": change(model="mixup", alpha=10**400),
    "large alpha": change(model="mixup", alpha=10**30),
    "alpha beyond all": change(model="mixup", alpha=2**53 + 1),
    "huge chosen alpha": change(chosen_alpha=10**400),
    "large chosen alpha": change(chosen_alpha=10**30),
    "negative chosen alpha": change(chosen_alpha=-(10**400)),
    "1e999 alpha": lambda row: raw(row, b"1e999"),
    "-1e999 alpha": lambda row: raw(row, b"-1e999"),
    "huge in bins": change(reliability=[[1, 10**400, 3, 4]]),
    "negative alpha": change(alpha=-1),
    "number protocol": change(protocol=3),
    "unknown model": change(model="gone"),
    "unhashable model": change(model=["mixup"]),
    "unknown status": change(status="maybe"),
    "unhashable seed": change(seed=[0]),
    "object for a task": change(task_id={}),
    "bins of text": change(reliability="many"),
    "bins of none": change(reliability=[[None] * 4]),
    "bins too short": change(reliability=[[1, 2]]),
    "ragged bins": change(reliability=[[1, 2, 3, 4], [1]]),
    "bins of NaN": change(reliability=[[1, math.nan, 3, 4]]),
    "no bins": change(reliability=[]),
    "empty bins": change(reliability=[[0, 0, 0, 0]]),
    "versions of lists": change(versions={"python": ["3"]}),
    "a name twice": lambda row: line_of(row)[:-1] + b',"error":0.5}',
    "the same twice": lambda row: b'{"fold":%d,' % row["fold"] + line_of(row)[1:],
    "twice, escaped": lambda row: line_of(row)[:-1] + b',"err\\u006fr":0.5}',
    "twice, deep": lambda row: line_of(row).replace(b'"numpy"', b'"python"'),
    "unknown field": change(extra=[{}]),
}


def write(folder, lines, end=b"\n"):
    folder.mkdir(exist_ok=True)
    (folder / "results.jsonl").write_bytes(b"\n".join(lines) + end)


@pytest.fixture(scope="module")
def lines():
    return [line_of(row) for row in GOOD]


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_line_costs_its_own_job_alone(tmp_path, capsys, lines, kind, at):
    at = AT[at]
    damaged = [*lines]
    damaged[at] = DAMAGE[kind](GOOD[at])
    write(tmp_path, damaged)
    before = (tmp_path / "results.jsonl").read_bytes()
    results = Results(tmp_path)
    said = capsys.readouterr().err
    assert results.n_unreadable == 1
    assert f"{tmp_path / 'results.jsonl'}: line {at + 1} (" in said
    assert said.count("\n") == 1 and len(said) < 1000
    finished = [results.is_finished(Job.of(row)) for row in GOOD]
    assert finished == [i != at for i in range(N)]
    assert read_rows(tmp_path) == [*GOOD[:at], *GOOD[at + 1 :]]
    assert f"line {at + 1} (" in capsys.readouterr().err
    # The job is run again, and the line stays.
    assert results.append(GOOD) == [GOOD[at]]
    assert (tmp_path / "results.jsonl").read_bytes().startswith(before)
    again = Results(tmp_path)
    assert again.n_unreadable == 1
    assert again.rows(map(Job.of, GOOD)) == GOOD


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


def test_lines_of_others_are_numbered_too(tmp_path, lines, capsys):
    """A second process reads on where it has stopped."""
    write(tmp_path, lines[:3])
    first, second = Results(tmp_path), Results(tmp_path)
    first.append(GOOD[3:5])
    with first.path.open("ab") as file:
        file.write(b"[3]\n" + lines[5][:50])
    second.refresh()
    assert "line 6 (of type list is no row), line 7 (" in capsys.readouterr().err
    second.append(GOOD[5:6])
    first.refresh()
    assert "line 6 (" in capsys.readouterr().err
    assert first.rows(map(Job.of, GOOD[:6])) == GOOD[:6]
    assert Results(tmp_path).n_unreadable == 2


def test_a_resumed_run_runs_what_is_damaged_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 0
    path = tmp_path / "results.jsonl"
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    kinds = ["NaN", "deep", "null name", "cut"]
    bad = [DAMAGE[kind](row) for kind, row in zip(kinds, rows, strict=False)]
    write(tmp_path, [*bad, line_of(rows[4])])
    capsys.readouterr()
    assert uci.main(arguments) == 0
    said = capsys.readouterr()
    assert "passed over 4 unreadable lines" in said.err
    assert "1 of 5 jobs were finished before" in said.err
    assert "dummy" in said.out
    times = dict.fromkeys(["fit_seconds", "predict_seconds"])
    found = sorted(read_rows(tmp_path), key=lambda row: row["fold"])
    assert [row | times for row in found] == [row | times for row in rows]


def flip(content):
    """Change a byte of what is compressed."""
    return content[:40] + bytes([content[40] ^ 1]) + content[41:]


@pytest.mark.parametrize("which", ["first", "last", "all"])
@pytest.mark.parametrize(
    "damage",
    [
        *(lambda c: b"", lambda c: c[:-9], lambda c: b"\x00" * len(c), flip),
        *(lambda c: c[: len(c) // 2], lambda c: KEPT_PARQUET.read_bytes()),
        lambda c: altered(c, lambda frame: frame[1:]),
        lambda c: altered(c, lambda frame: frame.drop(columns="y")),
        lambda c: altered(c, lambda frame: frame.iloc[:, :-1]),
        lambda c: altered(c, lambda frame: frame.rename(columns={"row": "p_x"})),
    ],
)
def test_damaged_predictions_are_made_again(
    tmp_path, monkeypatch, capsys, damage, which
):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main([*arguments, "--predictions"]) == 0
    files = sorted((tmp_path / "predictions").iterdir())
    before = contents(tmp_path)
    files = {"first": files[:1], "last": files[-1:], "all": files}[which]
    for file in files:
        file.write_bytes(damage(before[file]))
    capsys.readouterr()
    assert uci.main([*arguments, "--predictions"]) == 0
    said = capsys.readouterr().err
    assert all(said.count(f"Warning: {file} ") == 1 for file in files)
    assert contents(tmp_path) == before
    assert uci.main([*arguments, "--predictions"]) == 0
    assert "5 of 5 jobs were finished before" in capsys.readouterr().err


KEPT_PARQUET = KEPT / "alpha" / "results.parquet"


def altered(content, change):
    """Change what a Parquet file holds."""
    buffer = io.BytesIO()
    change(pd.read_parquet(io.BytesIO(content))).to_parquet(buffer, index=False)
    return buffer.getvalue()


# Any value in any field

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "x" * 300, "../..", "inf", "nan", "", "ok", "failed"]),
    lambda some: (
        st.lists(some, max_size=4)
        | st.dictionaries(st.text(max_size=3), some, max_size=3)
    ),
    max_leaves=6,
)


FEW = GOOD[:2] + GOOD[-2:]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.sampled_from(FEW),
    field=st.sampled_from([*GOOD[0], "curve", "samples", "attacks", "line", "other"]),
    value=VALUES,
)
def test_what_passes_the_reader_crashes_nothing(tmp_path, row, field, value):
    write(tmp_path, [json.dumps(row | {field: value}).encode(), *map(line_of, FEW)])
    results = Results(tmp_path)
    rows = [*results._rows.values()]
    assert len(rows) + results.n_unreadable in (4, 5)
    assert all(results.is_finished(Job.of(good)) for good in FEW if good != row)
    frame = label_rows(rows)
    as_text(summarize(frame))
    against_erm(rows)
    write_parquet(rows, tmp_path / "results.parquet")
    (tmp_path / "results.jsonl").unlink()
    assert [Job.of(row) for row in read_rows(tmp_path)] == [Job.of(row) for row in rows]


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


# What the studies read

STUDIED = {
    "adversarial": ("attacks", "line"),
    "alpha": ("train_error",),
    "label_noise": ("best_error", "curve", "noise"),
    "images": ("train_error", "ece", "n_train", "n_test"),
    "sequences": ("train_error", "ece", "n_train", "n_test"),
    "defaults": ("ece",),
}
SCHEMAS = {
    study.STUDY.name: study.STUDY.schema
    for study in (adversarial, alpha, label_noise, images, sequences, defaults)
} | {"gan": GANS, "regression": regression.STUDY.schema}


def studied_row(folder):
    """The fullest row that went well of what a study is about."""
    rows = read_rows(KEPT / folder, SCHEMAS[folder])
    rows = [row for row in rows if row["status"] == "ok"]
    names = STUDIED[folder]
    rows = [row for row in rows if row["protocol"] and None not in map(row.get, names)]
    return max(rows, key=lambda row: len(row.get("attacks") or ()))


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize(
    ("folder", "name"), [(folder, n) for folder in STUDIED for n in STUDIED[folder]]
)
def test_a_row_has_what_its_study_reads(folder, name, is_there):
    """It was taken, and the study's report ended in a traceback."""
    row, check = studied_row(folder), SCHEMAS[folder].check
    assert check(row)
    row |= {name: None}
    if not is_there:
        del row[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        check(row)
    assert check(row | {"status": "failed"})


ATTACKED = studied_row("adversarial")
ATTACKS = ATTACKED["attacks"]


@pytest.mark.parametrize(
    "attacks",
    [
        ATTACKS[1:],
        ATTACKS[:-1],
        [*ATTACKS, ATTACKS[0]],
        [*ATTACKS, ["white", "other", 0.25, 0.5]],
        [*ATTACKS, ["black", "in the span", 0.25, 0.5]],
        [[box, name, 2 * e, error] for box, name, e, error in ATTACKS],
        [line for line in ATTACKS if line[2] != 0.25],
        [line for line in ATTACKS if line[0] != "black"],
        [line for line in ATTACKS if line[1] != "in the span"],
    ],
)
def test_attacks_are_those_that_are_compared(attacks):
    with pytest.raises(ValueError, match="attacks is of type list, not attacks"):
        SCHEMAS["adversarial"].check(ATTACKED | {"attacks": attacks})


@pytest.mark.parametrize("lacks", [["off the span"], ["off the span", "in the span"]])
@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_rows_of_attacks_that_differ_are_reported(lacks, every):
    rows = read_rows(KEPT / "adversarial", SCHEMAS["adversarial"])
    few = [line for line in ATTACKS if line[1] not in lacks]
    rows = [r | {"attacks": few} if i % every == 0 else r for i, r in enumerate(rows)]
    assert all(map(SCHEMAS["adversarial"].check, rows))
    text, figures = adversarial.report(label_rows(rows))
    assert "FGSM, black box" in text
    for drawn in figures.values():
        plt.close(drawn)


@pytest.mark.parametrize(
    "study", [adversarial, label_noise, images, sequences], ids=lambda s: s.STUDY.name
)
@pytest.mark.parametrize("kept", ["none", "most"])
def test_a_study_without_plain_training(study, kept):
    """All of that has failed, or been damaged."""
    rows = read_rows(KEPT / study.STUDY.name, study.STUDY.schema)
    gone = [row for row in rows if row["alpha"] == 0]
    gone = gone if kept == "none" else gone[:1]
    frame = label_rows([row for row in rows if row not in gone])
    if kept == "none":
        with pytest.raises(NothingToCompare, match="There is no result with"):
            study.STUDY.report(frame)
    else:
        _, figures = study.STUDY.report(frame)
        for drawn in figures.values():
            plt.close(drawn)


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


# Parquet


def parquet(path, rows):
    """Write rows as Arrow can, each column of one type."""
    write_parquet(rows, path)
    return pq.read_table(path)


PARQUET_DAMAGE = {
    "NaN": ("error", math.nan, pa.float64()),
    "Infinity": ("log_loss", math.inf, pa.float64()),
    "null score": ("error", None, pa.float64()),
    "null name": ("table", None, pa.string()),
    "null fold": ("fold", None, pa.int64()),
    "negative fold": ("fold", -1, pa.int64()),
    "cut JSON": ("reliability", "[[1, 2", pa.string()),
    "deep JSON": ("reliability", "[" * 10**5, pa.string()),
    "NaN in JSON": ("reliability", "[[1, NaN, 3, 4]]", pa.string()),
    "twice in JSON": ("versions", '{"a": "1", "a": "2"}', pa.string()),
    "other JSON": ("versions", "[]", pa.string()),
    "unknown model": ("model", "gone", pa.string()),
}


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("kind", PARQUET_DAMAGE)
def test_a_damaged_row_of_parquet_costs_its_own_job(tmp_path, capsys, kind, at):
    at = AT[at]
    name, value, type_ = PARQUET_DAMAGE[kind]
    path = tmp_path / "results.parquet"
    table = parquet(path, GOOD)
    column = table[name].to_pylist()
    column[at] = value
    number = table.column_names.index(name)
    table = table.set_column(number, name, pa.array(column, type_))
    pq.write_table(table, path)
    before = contents(tmp_path)
    assert read_rows(tmp_path) == [*GOOD[:at], *GOOD[at + 1 :]]
    assert f"{path}: row {at + 1} (" in capsys.readouterr().err
    assert contents(tmp_path) == before

    results = Results(tmp_path)
    assert results.append(GOOD) == [GOOD[at]]
    results.export()
    assert sorted(read_rows(tmp_path), key=GOOD.index) == GOOD
    kept = pq.read_table(tmp_path / "results.refused.parquet")
    assert kept.num_rows == N


@pytest.mark.parametrize("name", ["alpha", "chosen_alpha"])
@pytest.mark.parametrize("value", [0, 1, 2**53, 1e300, math.inf])
def test_an_alpha_of_any_size_goes_from_file_to_file(tmp_path, name, value):
    row = next(row for row in GOOD if row["model"] == "mixup") | {name: value}
    Results(tmp_path).append([row])
    assert read_rows(tmp_path) == [row]
    Results(tmp_path).export()
    (tmp_path / "results.jsonl").unlink()
    results = Results(tmp_path)
    assert results.n_unreadable == 0
    assert read_rows(tmp_path) == [row]


def test_arithmetic_that_fails_is_a_line_refused():
    rows, refused = read_all([1, 0, 2], lambda n: math.exp(800 * (n == 2)) / n)
    assert rows == [1.0] and list(refused) == [2, 3]


def test_a_column_of_another_type_is_said_for_every_row(tmp_path, capsys):
    path = tmp_path / "results.parquet"
    table = parquet(path, GOOD)
    number = table.column_names.index("error")
    pq.write_table(table.set_column(number, "error", pa.array(["0.1"] * N)), path)
    assert read_rows(tmp_path) == []
    assert f"passed over {N} unreadable rows" in capsys.readouterr().err
    before = path.read_bytes()
    assert report.main([str(tmp_path)]) == 1
    assert path.read_bytes() == before


@pytest.mark.parametrize("seed", range(20))
def test_bytes_of_a_parquet_file_that_changed_are_no_crash(tmp_path, seed, capsys):
    rng = np.random.default_rng(seed)
    path = tmp_path / "results.parquet"
    write_parquet(GOOD, path)
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=3):
        content[place] ^= 1 << rng.integers(8)
    if seed % 4 == 0:
        del content[rng.integers(1, len(content)) :]
    path.write_bytes(content)
    try:
        read_rows(tmp_path)
    except UnreadableResults as error:
        assert str(path) in str(error)
    assert path.read_bytes()


def test_a_report_of_parquet_alone_leaves_it_as_it_is(tmp_path):
    path = tmp_path / "results.parquet"
    write_parquet(GOOD, path)
    before = path.read_bytes()
    assert report.main([str(tmp_path)]) == 0
    assert path.read_bytes() == before


def test_a_folder_named_like_a_partition_is_no_column(tmp_path):
    folder = tmp_path / "alpha=7"
    folder.mkdir()
    write_parquet(GOOD, folder / "results.parquet")
    assert read_rows(folder) == GOOD


@contextmanager
def small_disk(size):
    """Let no file grow beyond a size, as a full disk does."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("size", [0, 1, 3000, 10_000])
def test_an_import_that_fails_is_made_again(tmp_path, size, touched):
    """Half of it was taken for all, and the next export lost the others."""
    write_parquet(GOOD, tmp_path / "results.parquet")
    if touched:
        (tmp_path / "results.jsonl").touch()
    before = contents(tmp_path)
    with small_disk(size), pytest.raises(OSError):
        Results(tmp_path)
    lock = tmp_path / ".results.lock"
    assert contents(tmp_path) == before | {lock: b""}
    results = Results(tmp_path)
    assert results.rows(map(Job.of, GOOD)) == GOOD
    results.export()
    assert sorted(read_rows(tmp_path), key=GOOD.index) == GOOD


@pytest.mark.parametrize("size", [0, 5000])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_figure_that_does_not_fit_on_a_disk(tmp_path, lines, capfd, size, old):
    write(tmp_path, lines)
    if old:
        (tmp_path / "alpha.png").write_bytes(old)
    before = contents(tmp_path)
    with small_disk(size + 10**4 * (size > 0)), pytest.raises(SystemExit) as ended:
        figure.main(["--results", str(tmp_path)])
    assert ended.value.code == 2
    assert contents(tmp_path) == before


def exported(folder):
    """The rows of a Parquet file alone, in the order of `GOOD`."""
    alone = folder / "alone"
    alone.mkdir()
    shutil.copyfile(folder / "results.parquet", alone / "results.parquet")
    return sorted(read_rows(alone), key=lambda row: GOOD.index(row))


@pytest.mark.parametrize("by", ["export", "report"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [*lines[:2], b"\xff", *lines[3:]],
        lambda lines: [b"\x00" * len(line) for line in lines[:-1]] + lines[-1:],
        lambda lines: lines[: N // 2],
        lambda lines: [lines[-1][:-5], lines[0]],
        lambda lines: [line_of(GOOD[0] | {"status": "failed"}), *lines[1:]],
    ],
    ids=["a line", "all but one", "cut", "two", "failed anew"],
)
def test_an_export_keeps_what_the_lines_have_lost(tmp_path, capsys, lines, by, damage):
    write_parquet(GOOD, tmp_path / "results.parquet")
    write(tmp_path, damage(lines))
    if by == "export":
        Results(tmp_path).export()
    else:
        assert report.main([str(tmp_path)]) == 0
    assert f"results of {tmp_path / 'results.parquet'} that" in capsys.readouterr().err
    assert exported(tmp_path) == GOOD


@pytest.mark.parametrize("by", ["export", "report"])
def test_an_export_takes_the_lines_for_what_they_have(tmp_path, capsys, lines, by):
    old = [row | {"log_loss": 0.75} for row in GOOD[: N // 2]]
    write_parquet(old, tmp_path / "results.parquet")
    write(tmp_path, lines)
    if by == "export":
        Results(tmp_path).export()
    else:
        assert report.main([str(tmp_path)]) == 0
    assert "Kept" not in capsys.readouterr().err
    assert exported(tmp_path) == GOOD


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


def test_a_parquet_file_that_cannot_be_read_is_kept_by_an_export(tmp_path, lines):
    write(tmp_path, lines)
    path = tmp_path / "results.parquet"
    kept = []
    for text in (b"", b"PAR1", b"PAR1"):
        path.write_bytes(text)
        Results(tmp_path).export()
        kept.append(sorted(p.name for p in tmp_path.glob("*.refused*")))
        assert pq.read_table(path).num_rows == N
    first, second = "results.refused.parquet", "results.refused-2.parquet"
    assert kept == [[first], [second, first], [second, first]]
    assert (tmp_path / first).read_bytes() == b""


@pytest.mark.parametrize("name", ["a.b.csv", "results.parquet", "plain"])
def test_what_is_kept_aside_is_never_replaced(tmp_path, name):
    path = tmp_path / name
    for content in (b"1", b"2", b"1", b"3", b"3"):
        path.write_bytes(content)
        keep_aside(path)
    copies = {p: c for p, c in contents(tmp_path).items() if p != path}
    assert sorted(copies.values()) == [b"1", b"2", b"3"]
    assert {p.suffix for p in copies} <= {
        path.suffix,
        ".refused",
        ".refused-2",
        ".refused-3",
    }


def with_column(path, name, column):
    """Write a Parquet file again, with another column, or one in the place of its."""
    table = pq.read_table(path)
    if name in table.column_names:
        table = table.drop_columns(name)
    pq.write_table(table.append_column(name, column), path)


@pytest.mark.parametrize("type_", [pa.null(), pa.string(), pa.float64()])
@pytest.mark.parametrize("name", ["__index_level_0__", "a b", ""])
def test_a_column_of_nothing_costs_no_row(tmp_path, capsys, name, type_):
    path = tmp_path / "results.parquet"
    write_parquet(GOOD, path)
    with_column(path, name, pa.nulls(N, type_))
    assert read_rows(tmp_path) == GOOD
    assert capsys.readouterr().err == ""
    some = [None] * N
    some[3] = "x"
    with_column(path, name, pa.array(some))
    assert read_rows(tmp_path) == [*GOOD[:3], *GOOD[4:]]


INTEGERS = ("fold", "repeat", "folds", "seed", "n_rows", "n_classes", "n_train")


@pytest.mark.parametrize("name", [*INTEGERS, "stack_size", "table_id", "task_id"])
def test_whole_floats_are_integers(tmp_path, capsys, name):
    """As pandas makes them of a column that has gaps."""
    path = tmp_path / "results.parquet"
    rows = [row | {"table_id": 61, "task_id": 59} for row in GOOD]
    write_parquet(rows, path)
    values = [float(row[name]) for row in rows]
    with_column(path, name, pa.array(values))
    assert read_rows(tmp_path) == rows
    assert {type(row[name]) for row in read_rows(tmp_path)} == {int}
    for bad in (0.5, math.nan, math.inf, 1e300, -1.0):
        with_column(path, name, pa.array([bad, *values[1:]]))
        assert read_rows(tmp_path) == rows[1:]
        assert "row 1 (" in capsys.readouterr().err


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


def test_a_leaderboard_of_fits_that_took_no_time():
    rows = [row | {"fit_seconds": 0.0, "protocol": "default"} for row in GOOD]
    assert "| 0 |" in defaults.report(label_rows(rows))[0]


# Environments

STAMPS = [{"id": "abc", "cores": 2, "commit": None}, {"id": "def", "python": "3"}]
BAD_STAMPS = [
    *(b"[" * 100_000, b"null", b"3", b'{"id": 3}', b'{"cores": 2}', b"\xff"),
    *(b'{"id": "x", "a": [[]]}', b'{"id": "\\ud800"}', b'{"id": "x", "a": NaN}'),
    *(b'{"id": "abc", "cores": 2, "cores": 4}', b'{"id": "x", "id": "x"}'),
    *(b'{"id": "x", "a": {"b": 1}}', b'{"id": "abc"'),
]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("bad", BAD_STAMPS, ids=lambda bad: repr(bad[:20]))
def test_a_damaged_stamp_costs_itself_alone(tmp_path, capsys, bad, at):
    content = [*map(line_of, STAMPS)]
    content.insert(at, bad)
    path = tmp_path / "environments.jsonl"
    path.write_bytes(b"\n".join(content) + b"\n")
    assert read_environments(tmp_path) == STAMPS
    assert f"{path}: line {at + 1} (" in capsys.readouterr().err
    results = Results(tmp_path)
    for stamp in STAMPS:
        results.add_environment(stamp)
    assert path.read_bytes() == b"\n".join(content) + b"\n"


def test_a_stamp_that_was_cut_off_is_written_again(tmp_path):
    path = tmp_path / "environments.jsonl"
    path.write_bytes(b'{"id": "abc", "cor')
    Results(tmp_path).add_environment(STAMPS[0])
    assert read_environments(tmp_path) == STAMPS[:1]


# What is written can be read


@pytest.mark.parametrize("score", [math.nan, math.inf, -1.0, None])
def test_a_score_that_is_no_number_is_a_failure(tmp_path, monkeypatch, score):
    """It ended the whole run, since no file could hold it."""

    def spoil(table, fit: Fit):
        measures, predictions = measure(table, fit)
        return measures | {"log_loss": score}, predictions

    ((iris,), _) = load_all(["iris"])
    jobs = make_jobs(iris, ["dummy"], [], protocol="paper", folds=2)
    outcomes = run_unit(make_units(iris, jobs, measure=spoil)[0])
    rows = [outcome.row for outcome in outcomes]
    assert all(row["status"] == "failed" for row in rows)
    assert "log_loss is" in rows[0]["message"]
    Results(tmp_path).append(rows)
    assert read_rows(tmp_path) == rows


@pytest.mark.parametrize(
    "folder", [path.parent.name for path in sorted(KEPT.glob("*/results.*"))]
)
def test_the_results_that_are_kept_are_read_in_full(folder, capsys, tmp_path):
    schema = SCHEMAS.get(folder, CLASSIFIERS)
    rows = read_rows(KEPT / folder, schema)
    read_environments(KEPT / folder)
    assert len(read_rows(KEPT / folder)) == len(rows)  # whoever reads them
    assert capsys.readouterr().err == ""
    for file in (KEPT / folder).glob("results.*"):
        shutil.copyfile(file, tmp_path / file.name)
    results = Results(tmp_path, schema)
    assert results.n_unreadable == 0
    assert all(results.is_finished(Job.of(r)) for r in rows if r["status"] == "ok")
    for row in rows[:: max(1, len(rows) // 50)]:
        packed = json.loads(json.dumps({n: row[n] for n in schema.nested if n in row}))
        assert schema.check(row | packed) == row


# Links out of a folder

RESULTS_FILES = ("results.jsonl", "environments.jsonl", ".results.lock", "predictions")


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
@pytest.mark.parametrize("name", RESULTS_FILES)
def test_a_link_in_a_folder_is_not_written_through(
    tmp_path, monkeypatch, capsys, name, kind
):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    folder, outside = tmp_path / "out", tmp_path / "outside"
    folder.mkdir()
    link(folder / name, outside, kind)
    before = contents(tmp_path), outside.exists()
    arguments = ["--models", "dummy", "--n-jobs", "1", "--predictions"]
    assert uci.main([*arguments, "--out", str(folder)]) == 2
    assert f"{folder / name} is a link" in capsys.readouterr().err
    assert (contents(tmp_path), outside.exists()) == before
    assert not outside.is_dir() or not list(outside.iterdir())


@pytest.mark.parametrize("kind", ["folder", "nothing"])
def test_a_report_writes_no_figure_through_a_link(tmp_path, lines, capsys, kind):
    write(tmp_path / "out", lines)
    folder, outside = tmp_path / "out", tmp_path / "outside"
    link(folder / "figures", outside, kind)
    with pytest.raises(SystemExit):
        report.main([str(folder)])
    assert f"{folder / 'figures'} is a link" in capsys.readouterr().err
    assert not outside.exists() or not list(outside.iterdir())


def test_a_folder_that_is_a_link_itself_will_do(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    Results(tmp_path / "link").append(GOOD)
    assert read_rows(tmp_path / "real") == GOOD


@pytest.mark.parametrize("name", RESULTS_FILES[:3])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    (tmp_path / name).mkdir()
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 2
    assert f"{tmp_path / name}" in capsys.readouterr().err
