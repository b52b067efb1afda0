"""Speed, side by side in one run: ``python -m benchmarks.speed``.

Competitors take turns, several times over; what counts is the ratio of two of them
within a turn. Its median is printed with the lowest and the highest.
"""

import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from .output.files import atomic_write_text, write_figure
from .output.text import as_markdown, in_figure, in_markdown, say, show
from .run.cli import Parser, at_least, run_to_the_end
from .run.environment import describe
from .run.orphans import own_processes
from .run.row_file import RowFile
from .run.schema import COUNT, NOTHING, SCORE, TEXT, Field, check_fields
from .run.unit import interruptible, told
from .timing.workloads import SECTIONS

FILE_NAME = "speed.jsonl"
_STAMP = "%Y-%m-%dT%H:%M:%S"
_NAMES = ("setting", "competitor", "unit")


def _is_section(value):
    return TEXT.accepts(value) and value in SECTIONS


def _is_stamp(value):
    """Tell whether a value is a time as written here."""
    try:
        return time.strftime(_STAMP, time.strptime(value, _STAMP)) == value
    except (TypeError, ValueError):
        return False


_NEEDED = {
    "section": Field("a section", _is_section),
    "run": Field("the time of a run", _is_stamp),
    "repeat": COUNT,
    "value": SCORE | NOTHING,
}
_FIELDS = {
    **_NEEDED,
    **dict.fromkeys(_NAMES, TEXT),
    "status": Field("ok or failed", lambda value: value in ("ok", "failed")),
    "message": TEXT | NOTHING,
}


class Measurements:
    """What rows of measurements hold, as `benchmarks.run.schema.Schema` for results."""

    def check(self, row):
        """Return a row with all that it may have; raise ValueError if it is none."""
        check_fields(row, _FIELDS, _NEEDED, others=TEXT | COUNT)
        row = dict.fromkeys(_NAMES, "") | {"status": "ok", "message": None} | row
        if (row["value"] is None) is (row["status"] == "ok"):
            raise ValueError(f"value is {row['value']} where status is {row['status']}")
        return row

    @staticmethod
    def key(row):
        """Return what tells a row from all others."""
        names = ("section", "run", "setting", "competitor", "repeat")
        return tuple(row[name] for name in names)


# By what each competitor's cost is divided, for the tables of ratios.
REFERENCES = {
    "fit": ["MLPClassifier", "skorch", "ERM"],
    "members": ["products alone"],
    "search": ["MixupSearchCV, n_jobs=2"],
    "predict": ["MLPClassifier"],
    "memory": [],
    "growth": ["MLPClassifier"],
}
# The figure, its section and setting, the two competitors (or one), and the goal.
GOALS = [
    ("fit, batch 16, over MLPClassifier", "fit", "batch 16, 1 thread(s)",
     "mixup", "MLPClassifier", "<= 0.7"),
    ("fit, batch 16, over skorch", "fit", "batch 16, 1 thread(s)",
     "mixup", "skorch", "<= 0.35"),
    ("fit, batch 256, over MLPClassifier", "fit", "batch 256, 1 thread(s)",
     "mixup", "MLPClassifier", "<= 0.6"),
    ("fit, batch 256, over skorch", "fit", "batch 256, 1 thread(s)",
     "mixup", "skorch", "<= 0.25"),
    ("mixup over ERM, batch 16", "fit", "batch 16, 1 thread(s)",
     "mixup", "ERM", "<= 1.05"),
    ("mixup over ERM, batch 256", "fit", "batch 256, 1 thread(s)",
     "mixup", "ERM", "<= 1.05"),
    ("25 members, batch 16, over products", "members", "25 member(s), batch 16",
     "mixup", "products alone", "<= 1.6"),
    ("grid of MLPClassifier over search", "search", None,
     "GridSearchCV(MLPClassifier), n_jobs=2", "MixupSearchCV, n_jobs=2", ">= 6"),
    ("grid of MixupClassifier over search", "search", None,
     "GridSearchCV(MixupClassifier), n_jobs=2", "MixupSearchCV, n_jobs=2", ">= 5"),
    ("predict one row, over MLPClassifier", "predict", "1 row(s)",
     "mixup", "MLPClassifier", "<= 2"),
    ("predict 100,000 rows, over MLPClassifier", "predict", "100000 row(s)",
     "mixup", "MLPClassifier", "<= 1"),
    ("peak of the wide category, MiB", "memory",
     "200000 rows x (10 + a category of 10000 levels)", "mixup", None, "<= 500"),
]  # fmt: skip


def main(argv=None):
    """Measure, print and write the results.

    Parameters
    ----------
    argv : sequence of str, default=None
        By default the command line's.

    Returns
    -------
    status : int
        1 if there is no measurement at all, 2 if results can't be written, 130 if
        interrupted, otherwise 0.
    """
    options = _parse(argv)
    return run_to_the_end(partial(_run, options), options.out, goes_on=False)


def _run(options):
    results = RowFile(options.out, FILE_NAME, Measurements())
    with own_processes(), interruptible():
        measure(options.sections, options.repeats, options.quick, results)
    rows = latest(results.all_rows())
    for row in rows[rows["status"] == "failed"].to_dict("records"):
        what = f"{row['competitor']} at {row['section']}, {row['setting']}"
        say(f"Failed: {what}: {row['message']}")
    rows = rows[rows["status"] == "ok"].astype({"value": float})
    if rows.empty:
        say(f"There is no measurement in {results.path}")
        return 1
    report = make_report(rows)
    atomic_write_text(options.out / "speed.md", report)
    write_figure(options.out / "speed.png", draw(rows), dpi=120)
    show(report)
    return 0


def _parse(argv):
    parser = Parser(prog="python -m benchmarks.speed")
    add = parser.add_argument
    add(
        "--sections",
        nargs="+",
        choices=SECTIONS,
        default=list(SECTIONS),
        help="what to measure",
    )
    turns = "turns that each competitor has"
    add("--repeats", type=at_least(1), default=5, help=turns)
    add("--quick", action="store_true", help="small work, for a look")
    add(
        "--out",
        type=Path,
        default=Path("benchmarks/results/speed"),
        metavar="DIR",
        help="where speed.jsonl, speed.md and speed.png go",
    )
    return parser.parse_args(argv)


def measure(sections, repeats, quick, results):
    """Run the contests, and write each measurement down as soon as it is made.

    Parameters
    ----------
    sections : list of str
        Keys of `SECTIONS`.
    repeats : int
    quick : bool
    results : RowFile
        What a competitor that raises leaves is a row as well, and it has no more turns.
    """
    stamp, run = describe(), time.strftime(_STAMP)
    results.add_environment(stamp)
    for section in sections:
        contests = list(SECTIONS[section](quick))
        bar = tqdm(total=repeats * len(contests), desc=section)
        for contest in contests:
            about = {"section": section, "setting": contest.setting}
            about |= {"unit": contest.unit, "run": run, "environment": stamp["id"]}
            going = list(contest.competitors)
            for repeat in range(repeats):
                for name in [*going]:
                    row = about | {"competitor": name, "repeat": repeat}
                    row |= _turn(contest.competitors[name])
                    results.append([results.schema.check(row)])
                    if row["status"] == "failed":
                        going.remove(name)
                bar.update()
        bar.close()


def _turn(work):
    """Return what a turn cost, or why it failed."""
    try:
        value = float(work())
    except Exception as error:
        return {"value": None, "status": "failed", "message": told(error)}
    if not SCORE.accepts(value):
        message = f"value is {value}, not {SCORE.about}"
        return {"value": None, "status": "failed", "message": message}
    return {"value": value, "status": "ok", "message": None}


def latest(rows):
    """Return the measurements of each section's last run, which is last in the file.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    rows : DataFrame
        A row a measurement.
    """
    frame = pd.DataFrame(rows, columns=list(_FIELDS))
    return frame[frame["run"] == frame.groupby("section")["run"].transform("last")]


def ratios(rows, section, setting, above, below):
    """Return the ratio of two competitors in each repeat.

    Parameters
    ----------
    rows : DataFrame
    section : str
    setting : str or None
        None if the section has but one.
    above, below : str
        Competitors; `below` may be None for the value itself.

    Returns
    -------
    ratio : Series
        Empty if one of them was not measured.
    """
    here = rows[rows["section"] == section]
    if setting is not None:
        here = here[here["setting"] == setting]
    value = here.pivot_table("value", ["setting", "repeat"], "competitor")
    if not {above, below or above} <= set(value.columns):
        return pd.Series(dtype=float)
    return (value[above] if below is None else value[above] / value[below]).dropna()


def make_report(rows):
    """Return the tables as Markdown: costs, ratios, and goals.

    Parameters
    ----------
    rows : DataFrame
        From :func:`latest`, those that went well.

    Returns
    -------
    report : str
    """
    parts = ["# Speed", "Medians, with the lowest and the highest in brackets."]
    for section, here in rows.groupby("section", sort=False):
        names = list(here["competitor"].unique())
        settings = list(here["setting"].unique())
        cost = partial(ratios, rows, section, below=None)
        parts += [
            f"## {section}, in {in_markdown(here['unit'].iloc[0])}",
            _table(settings, names, lambda s, n, of=cost: _spread(of(s, above=n))),
        ]
        for reference in REFERENCES[section]:
            over = partial(ratios, rows, section, below=reference)
            others = [name for name in names if name != reference]
            parts += [
                f"Over {in_markdown(reference)}:",
                _table(settings, others, lambda s, n, of=over: _spread(of(s, above=n))),
            ]
    lines = []
    for figure, section, setting, above, below, goal in GOALS:
        ratio = ratios(rows, section, setting, above, below)
        if len(ratio):
            met = "yes" if meets(ratio, goal) else "no"
            lines.append([figure, goal, _spread(ratio), met])
    heads = ["figure", "goal", "measured", "met"]
    parts += ["## Goals", as_markdown(heads, lines, len(heads))]
    return "\n\n".join(parts) + "\n"


def meets(ratio, goal):
    """Tell whether the median meets a goal such as ``<= 0.7``."""
    relation, bound = goal.split()
    median = ratio.median()
    return median <= float(bound) if relation == "<=" else median >= float(bound)


def _spread(values):
    if not len(values):
        return ""
    return f"{values.median():.3g} [{values.min():.3g}, {values.max():.3g}]"


def _table(settings, names, cell):
    lines = [
        [setting, *(cell(setting, name) for name in names)] for setting in settings
    ]
    return as_markdown(["", *names], lines, 1 + len(names))


def draw(rows):
    """Draw the medians, a panel for each section.

    Parameters
    ----------
    rows : DataFrame
        From :func:`latest`, those that went well.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    names = list(_NAMES)
    rows = rows.assign(**rows[names].map(in_figure))
    sections = list(rows["section"].unique())
    figure = Figure(figsize=(9, 2.5 * len(sections)), layout="constrained")
    axes = figure.subplots(len(sections), 1, squeeze=False)[:, 0]
    for ax, section in zip(axes, sections, strict=True):
        here = rows[rows["section"] == section]
        median = here.pivot_table(
            "value", "setting", "competitor", "median", sort=False
        )
        for name, values in median.items():  # no bars: the axis has no zero
            ax.plot(values, values.index, "o", label=name, alpha=0.8)
        if (median > 0).any(axis=None):
            ax.set_xscale("log")
        ax.grid(axis="y", alpha=0.3)
        ax.invert_yaxis()
        ax.margins(y=0.5 / len(median))
        ax.set(xlabel=here["unit"].iloc[0], title=section)
        ax.legend(fontsize="small")
    return figure


if __name__ == "__main__":
    sys.exit(main())
