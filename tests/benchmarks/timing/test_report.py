"""Figures of measurements are taken as they should be, and laid out."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.timing.measurements import those_that_went_well
from benchmarks.timing.report import Goal, draw, make_report, ratios, scatter
from benchmarks.timing.sections import GOALS, REFERENCES, SECTIONS
from benchmarks.timing.tables import OURS, TABLES

SETTING = "batch 16, 1 thread(s)"
RUN = {"run": "2026-01-01T00:00:00", "status": "ok", "message": None, "unit": "s"}


def rows_of(section, costs, **measures):
    """Rows of competitors' costs by setting, a turn each."""
    return those_that_went_well(
        [
            RUN
            | {"section": section, "setting": setting, "competitor": name}
            | {"repeat": repeat, "value": cost}
            | {measure: of[setting][name] for measure, of in measures.items()}
            for setting, found in costs.items()
            for name, turns in found.items()
            for repeat, cost in enumerate(turns)
        ]
    )


def test_ratios_are_taken_within_a_turn():
    costs = {"mixup": [1.0, 30.0, 1.0], "MLPClassifier": [2.0, 40.0, 4.0]}
    rows = rows_of("fit", {SETTING: costs})
    ratio = ratios(rows, "fit", None, "mixup", "MLPClassifier")
    assert ratio.tolist() == [0.5, 0.75, 0.25]
    goal = Goal("", "fit", "mixup", "MLPClassifier", "<= 0.5")
    assert goal.is_met(ratio)
    assert not Goal("", "fit", "mixup", None, ">= 0.7").is_met(ratio)
    report = make_report("Speed", rows, GOALS, REFERENCES)
    assert (
        "| mixup, batch 16, over MLPClassifier | <= 0.7 | 0.5 [0.25, 0.75] | met |"
        in (report)
    )
    assert ratios(rows, "fit", None, "mixup", "skorch").empty


TWO_TABLES = {
    "a": {OURS: [1.0], "LightGBM": [2.0], "CatBoost": [4.0]},
    "b": {OURS: [8.0], "LightGBM": [1.0]},
}


@pytest.mark.parametrize(
    ("over", "figure"), [("geometric mean", 2.0), ("largest", 8.0), ("median", 4.25)]
)
def test_a_figure_over_tables(over, figure):
    rows = rows_of("tables", TWO_TABLES)
    goal = Goal("", "tables", OURS, "LightGBM", "<= 1", over=over)
    assert goal.figure(goal.of(rows)) == pytest.approx(figure)


def test_a_model_that_lacks_a_table_is_compared_on_the_others():
    rows = rows_of("tables", TWO_TABLES)
    report = make_report("Speed", rows, GOALS, REFERENCES, OURS)
    assert "| geometric mean | 2 | 0.25 |" in report
    assert "| b | 8 |  |" in report
    assert (
        "| default fit over LightGBM's, geometric mean | <= 5 | 2 [0.5, 8] | met |"
        in (report)
    )


def test_the_scatter_has_the_mean_rank_of_each_model():
    losses = {name: {OURS: 0.1, "LightGBM": 0.2, "CatBoost": 0.3} for name in "ab"}
    rows = rows_of("tables", TWO_TABLES, log_loss=losses | {"b": losses["a"]})
    assert scatter(rows[rows["competitor"] == OURS], OURS) is None
    (ax,) = scatter(rows, OURS).axes
    # CatBoost lacks b, so that only a counts.
    assert {t.get_text() for t in ax.texts} == {OURS, "LightGBM", "CatBoost"}
    ranks = {line.get_ydata()[0] for line in ax.lines}
    assert ranks == {1.0, 2.0, 3.0}
    assert "over 1 tables" in ax.get_xlabel()


def test_goals_are_of_what_is_measured():
    assert {goal.section for goal in GOALS} | set(REFERENCES) <= set(SECTIONS)
    assert len(set(TABLES)) == len(TABLES) >= 12
    assert len({goal.about for goal in GOALS}) == len(GOALS)


def test_two_units_of_a_section_are_two_panels():
    rows = rows_of("large", {"a": {"x": [1.0]}, "b": {"x": [2.0]}})
    rows.loc[rows["setting"] == "b", "unit"] = "MiB"
    assert [ax.get_xlabel() for ax in draw(rows).axes] == ["s", "MiB"]
    assert np.isfinite(pd.to_numeric(rows["value"])).all()
