"""mixup against adversarial rows."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.compare.summary import ERM, label_rows
from benchmarks.data.tables import Table
from benchmarks.report.figures import plt
from benchmarks.run.folds import rows_of
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.results import read_rows
from benchmarks.studies.adversarial import __main__ as adversarial
from benchmarks.studies.adversarial import attacks
from tests.benchmarks.helpers import KEPT, SCHEMAS, studied_row

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


@pytest.mark.slow
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


def test_tables_without_numbers_are_left_out(tmp_path, quick, monkeypatch, capsys):
    words = Table("words", pd.DataFrame({"a": list("abab")}), pd.Series([0, 1, 0, 1]))
    monkeypatch.setattr(adversarial, "load_tables", lambda _: ([words], {}))
    assert adversarial.main(["--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "words has no columns of numbers" in told.err
    assert "There is no result" in told.err


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
    target = attacks.Target(estimator)
    return target, target.encode(X), y, np.float32([1, 1, 1, 1, 0, 0])


def test_attacks_move_numbers_alone_and_no_farther_than_epsilon(attacked):
    target, X, y, moves = attacked
    clean = target.error(X, y)
    worst = {}
    for name, epsilon, moved in attacks.attacked(target, X, y, moves, attacks.EPSILONS):
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


@pytest.mark.slow
def test_in_the_black_box_rows_are_made_against_another_network(iris, quick):
    jobs = make_jobs(iris, ["mixup"], [0.0, 1.0], protocol="attacked", folds=2)[:2]
    (train, test), y = rows_of(iris, jobs[0]), np.asarray(iris.y)
    X, moves = iris.X.iloc[test], np.ones(4, dtype=np.float32)
    source = attacks._model(jobs[0], 0.0, jobs[0].fold_seed + 1)
    source = attacks.Target(source.fit(iris.X.iloc[train], y[train]))
    for fit in attacks.fit_attacked(iris, jobs):
        target = attacks.Target(fit.model)
        for box, made_against in (("black", source), ("white", target)):
            rows = made_against.encode(X)
            expected = [
                [box, name, epsilon, target.error(moved, y[test])]
                for name, epsilon, moved in attacks.attacked(
                    made_against, rows, y[test], moves, attacks.EPSILONS
                )
            ]
            kinds = [a for a in fit.measures["attacks"] if a[0] == box]
            assert kinds[: len(expected)] == expected
        weights = (t.scores.mlp.layers[0].weight for t in (source, target))
        assert not torch.equal(*weights)


def test_constant_columns_are_not_moved(iris, quick, monkeypatch):
    seen = []
    attacked = attacks.attacked

    def watch(target, X, y, moves, epsilons):
        seen.append(moves.tolist())
        return attacked(target, X, y, moves, epsilons)

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


def made_up_attacks(table, label):
    """Errors of all attacks; of table b, nothing lies off the span."""
    error = {ERM: 0.5, "mixup α=1": 0.3}[label] + (0.2 if table == "a" else 0)
    kinds = [("white", "FGSM"), ("white", "I-FGSM"), ("black", "FGSM")]
    kinds += [("black", "I-FGSM"), ("white", "in the span")]
    kinds += [("white", "off the span")] * (table == "a")
    return [
        [box, name, e, (1 - error if name == "off the span" else error) * e / 0.25]
        for box, name in kinds
        for e in (0.05, 0.25)
    ]


def test_attacks():
    rows = [
        {"label": label, "table": table, "repeat": 0, "fold": 0, "error": 0.1}
        | {
            "attacks": made_up_attacks(table, label),
            "line": [[0, 0.1, 1.0], [1, 0.2, 2.0]],
        }
        for label in (ERM, "mixup α=1")
        for table in "ab"
    ]
    text, _ = adversarial.report(pd.DataFrame(rows))
    assert "mean over 2 tables" in text
    assert "over the 1 tables where there are both" in text
    assert "| white, FGSM, 0.25 | 60.0 | 40.0 |" in text
    assert "| white, in the span, 0.25 | 70.0 | 50.0 |" in text
    assert "| white, off the span, 0.25 | 30.0 | 50.0 |" in text
    assert (
        "At ε = 0.25, FGSM, black box: mixup α=1 (40.0 %) is below ERM (α=0) (60.0 "
        "%; lower on 2 of 2 tables)."
    ) in text
    assert "off the span, white box: mixup α=1 (50.0 %) is not below ERM" in text
