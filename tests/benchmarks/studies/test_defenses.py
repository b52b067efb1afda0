"""What mends networks that adversarial rows fool."""

import argparse
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from torch.nn import functional as F

from benchmarks.compare.pairing import NothingToCompare
from benchmarks.compare.summary import label_rows
from benchmarks.data.suites import HALVES, SUITES
from benchmarks.data.tables import Table
from benchmarks.models.preprocessing import standardized
from benchmarks.report.figures import plt
from benchmarks.run.jobs import Job
from benchmarks.run.results import read_rows
from benchmarks.studies.attacking import Target, attacked
from benchmarks.studies.defenses import __main__ as defenses
from benchmarks.studies.defenses import attacks, strongest, variants
from benchmarks.studies.defenses.variants import PLAIN, AttackedRows, InputNoise
from skmixup import MixupClassifier, fit_many
from skmixup.stack import StackedMLP
from tests.benchmarks.helpers import KEPT, SCHEMAS


@pytest.mark.slow
def test_the_kept_report_follows_from_the_rows():
    rows = read_rows(KEPT / "defenses", SCHEMAS["defenses"])
    text, figures = defenses.report(label_rows(rows[::-1]))
    assert text == (KEPT / "defenses" / "defenses.md").read_text(encoding="utf-8")
    for drawn in figures.values():
        plt.close(drawn)


def test_what_was_chosen_is_confirmed_on_other_tables():
    rows = read_rows(KEPT / "defenses", SCHEMAS["defenses"])
    names = {half: set() for half in HALVES}
    for row in rows:
        (half,) = (half for half, keys in HALVES.items() if row["table_id"] in keys)
        names[half].add(row["protocol"])
    assert names["meta-train"] == set(variants.VARIANTS)
    assert names["meta-test"] == {PLAIN, *defenses.CHOSEN}


# ---- noise


def noisy(scale, to_partners=False):
    """Mixed rows, of members who each have a stream, and what they come from."""
    mixer = InputNoise(scale, 2, to_partners)
    X, partner = torch.randn(2, 2, 3, 4, 5).unbind()
    lam = torch.tensor([0.3, 0.6, 1.0]).expand(2, 3)[..., None]
    draws = [mixer.draw(np.random.default_rng(k), lam[k].numpy()) for k in range(2)]
    seeds = torch.from_numpy(np.stack([drawn["noise_seed"] for drawn in draws]))
    mixed, lam_target = mixer.mix(X, partner, lam, seeds)
    assert torch.equal(lam_target, lam)
    alone, _ = mixer.mix(X[1:], partner[1:], lam[1:], seeds[1:])
    assert torch.equal(alone, mixed[1:])
    lam = lam[..., None]
    return mixed - (lam * X + (1 - lam) * partner), lam


def test_noise_is_added_to_numbers_alone_and_to_each_member_its_own():
    noise, _ = noisy(0.5)
    assert noise[..., 2:].abs().max() < 1e-6
    assert 0.3 < noise[..., :2].std() < 0.7
    assert not torch.allclose(noise[0], noise[1])
    assert not torch.allclose(noise[:, 0], noise[:, 1])


def test_noise_of_partners_counts_as_much_as_they_do():
    noise, lam = noisy(2.0, to_partners=True)
    assert noise[..., 2:].abs().max() < 1e-6
    assert noise[:, 2].abs().max() < 1e-6  # λ = 1
    own = (noise / (1 - lam))[:, :2, :, :2]
    assert 1.2 < own.std() < 2.8


# ---- attacked rows in training


def start(callback, seeds=(3, 4), n_classes=3, n_features=5):
    """A net as the callback sees it, a batch, and what the batch was."""
    mlp = StackedMLP(n_features, n_classes, (16,), n_members=len(seeds), seeds=seeds)
    net = SimpleNamespace(module_=mlp, seeds_=list(seeds))
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(len(seeds), 10, n_features, generator=generator)
    y = torch.randint(n_classes, X.shape[:2], generator=generator)
    batch = X, F.one_hot(y, n_classes).float()
    before = [values.clone() for values in batch]
    callback.on_train_begin(net)
    with torch.no_grad():
        callback.on_batch_begin(net, batch, training=True)
    return mlp, batch, before


@given(
    epsilon=st.floats(0.01, 2),
    share=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    n_columns=st.integers(1, 5),
)
def test_the_first_rows_are_moved_to_a_larger_loss(epsilon, share, n_columns):
    callback = AttackedRows(n_columns, epsilon, share)
    mlp, (X, target), (X_before, target_before) = start(callback)
    n_attacked = round(10 * share)
    move = X - X_before
    assert torch.equal(target, target_before)
    assert (move[:, n_attacked:] == 0).all() and (move[..., n_columns:] == 0).all()
    assert move.abs().max() <= epsilon * (1 + 1e-4)
    assert (move[:, :n_attacked, :n_columns].abs() > 0).all()
    assert all(p.grad is None for p in mlp.parameters())
    if n_attacked and epsilon < 0.1:
        loss = [
            -(target * mlp(rows).detach().log_softmax(-1))[:, :n_attacked].sum()
            for rows in (X_before, X)
        ]
        assert loss[1] > loss[0]


def test_a_member_is_attacked_against_itself():
    _, (X, _), _ = start(AttackedRows(5, share=1.0), seeds=(3, 4))
    _, (other, _), _ = start(AttackedRows(5, share=1.0), seeds=(3, 5))
    assert torch.equal(X[0], other[0])
    assert not torch.allclose(X[1], other[1])


def test_attacked_rows_are_mixed_among_themselves():
    plain = AttackedRows(5, share=0.5)
    mixing = AttackedRows(5, share=0.5, alpha=1.0)
    _, (moved, classes), _ = start(plain)
    _, (X, target), _ = start(mixing)
    assert not torch.allclose(X, moved)
    for part in (slice(5), slice(5, None)):
        for member in range(2):
            # Each row and its target are the same mixture of the part's.
            both = torch.cat([moved, classes], -1)[member, part]
            mixed = torch.cat([X, target], -1)[member, part]
            weights = torch.linalg.lstsq(both.T, mixed.T).solution
            residual = (both.T @ weights - mixed.T).abs().max()
            assert residual < 1e-4
    assert torch.allclose(target.sum(-1), torch.ones(2, 10))


def test_rows_to_validate_on_are_left_alone():
    callback = AttackedRows(5)
    mlp, _, (X, target) = start(callback)
    before = X.clone()
    net = SimpleNamespace(module_=mlp, seeds_=[3, 4])
    callback.on_batch_begin(net, (X, target), training=False)
    assert torch.equal(X, before)


def made_up():
    """Rows of two classes: a column that tells them well, and ten that tell them."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 2
    X = rng.normal(size=(240, 12)) * 0.5 + np.where(y, 0.12, -0.12)[:, None]
    X[:, 0] = np.where(y, 1, -1) + 0.3 * rng.normal(size=240)
    X = pd.DataFrame(X, columns=[f"c{i}" for i in range(12)])
    X["word"] = rng.choice(["yes", "no"], len(X))
    return X, y


@pytest.fixture(scope="module")
def trained():
    """A network of plain training, one of attacked rows, and two members."""
    X, y = made_up()
    params = {"alpha": 0.0, "random_state": 0, "preprocess": standardized()}
    single = MixupClassifier(**params | variants.SINGLE | {"max_epochs": 30})
    hard = clone(single).set_params(callbacks=[AttackedRows(12, 0.5)])
    members = MixupClassifier(**params, n_estimators=2, max_epochs=10)
    rows = [np.arange(120)] * 3
    fits = sorted(fit_many([single, hard, members], X, y, rows=rows))
    assert all(fit.error is None for fit in fits)
    return [fit.estimator for fit in fits], X.iloc[120:], y[120:]


def test_training_on_attacked_rows_makes_them_harder_to_fool(trained):
    (single, hard, _), X, y = trained
    moves = np.float32([1] * 12 + [0, 0])
    errors = []
    for estimator in (single, hard):
        target = Target(estimator)
        rows = target.encode(X)
        moved = strongest.auto_pgd(target, rows, y, moves, 0.5, 0)
        errors.append(target.error(moved, y))
        assert target.error(rows, y) < 0.1
    assert errors[1] < errors[0]


# ---- the strongest attack


def test_a_target_is_the_members_mean_at_the_temperature(trained):
    (*_, members), X, _ = trained
    members = clone(members).fit(*made_up())
    members.temperature_ = 1.7
    target = Target(members)
    log_proba = target.scores(torch.from_numpy(target.encode(X))).detach().numpy()
    np.testing.assert_allclose(log_proba, members.predict_log_proba(X), atol=1e-5)


@pytest.mark.parametrize("attack", [strongest.auto_pgd, strongest.square])
@pytest.mark.parametrize("which", [0, 2])
def test_attacks_move_what_may_be_moved_and_no_farther(trained, attack, which):
    estimators, X, y = trained
    target = Target(estimators[which])
    rows = target.encode(X)
    moves = np.float32([1] * 7 + [0] * 7)
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    moved = attack(target, rows, y, moves, 0.5, seed=0)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    assert np.abs(moved - rows).max() <= 0.5 * (1 + 1e-4)
    assert np.array_equal(moved[:, 7:], rows[:, 7:])
    assert target.error(moved, y) > target.error(rows, y) + 0.1
    assert np.array_equal(moved, attack(target, rows, y, moves, 0.5, seed=0))
    assert attack(target, rows, y, 0 * moves, 0.5, seed=0) is not None


@pytest.mark.slow
def test_auto_pgd_is_at_least_as_strong_as_fgsm(trained):
    estimators, X, y = trained
    moves = np.float32([1] * 12 + [0, 0])
    for estimator in estimators:
        target = Target(estimator)
        rows = target.encode(X)
        ((_, _, once), _) = attacked(target, rows, y, moves, [0.25])
        moved = strongest.auto_pgd(target, rows, y, moves, 0.25, seed=0)
        assert target.error(moved, y) >= target.error(once, y)


class _Steps(torch.nn.Module):
    """Scores in steps: they have no gradient."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def forward(self, X):
        scores = self.scores(X)
        return (4 * scores).round() / 4 + 0 * scores


@pytest.mark.slow
def test_the_square_attack_tells_gradients_that_are_masked(trained, monkeypatch):
    """What a gradient's sign does not find, queries do."""
    (single, *_), X, y = trained
    table = Table("made", X, pd.Series(y))
    job = Job("made", None, "mixup", 0.0, PLAIN, 2, 0, 0, 0)
    honest = attacks.attack(table, job, Target(single), single)
    assert honest["strongest_error"] - honest["white_error"] < 0.03
    target = Target(single)
    target.scores = _Steps(target.scores)
    target.network._model._model = target.scores
    masked = attacks.attack(table, job, target, single)
    assert masked["fgsm_error"] < honest["fgsm_error"]
    assert masked["square_error"] > masked["fgsm_error"]
    assert masked["strongest_error"] >= max(masked.values())


def test_the_ratio_of_scores_does_not_depend_on_how_sure_a_network_is():
    scores = torch.tensor([[3.0, 2.0, 1.0], [0.0, 4.0, 2.0]], requires_grad=True)
    first = torch.eye(3)[[0, 0]]
    loss = strongest.LogitsRatio(reduction="none")
    assert loss(scores, first).tolist() == [-0.5, 1.0]
    assert torch.allclose(loss(100 * scores, first), loss(scores, first))
    mean = strongest.LogitsRatio()(scores, first)
    mean.backward()
    assert float(mean.detach()) == pytest.approx(0.25)
    assert scores.grad.isfinite().all()


def test_all_variants_can_be_made():
    job = Job("made", None, "mixup", 0.0, PLAIN, 2, 0, 0, 0)
    for name in variants.VARIANTS:
        attacks._model(job, name, 3, 0)._validate_params()
    assert set(defenses.CHOSEN) < set(variants.VARIANTS)


# ---- the report


def made_rows(table_id, errors, n_tables=8):
    """Rows of tables whose errors on clean and on attacked rows are given."""
    keys = list(HALVES["meta-test"])[:n_tables] if table_id is None else []
    return [
        {
            "title": f"{key}",
            "table": f"{key}",
            "table_id": key,
            "repeat": 0,
            "fold": 0,
            "folds": 2,
        }
        | {"protocol": name, "error": clean + 0.001 * key / 1000}
        | {f"{kind}_error": hit + 0.001 * i for kind in attacks.ERRORS}
        for i, key in enumerate(keys or [table_id])
        for name, (clean, hit) in errors.items()
    ]


def test_what_mends_is_lower_under_attack_and_no_worse_without():
    frame = pd.DataFrame(
        made_rows(
            None,
            {
                PLAIN: (0.10, 0.50),
                "noise 0.5": (0.10, 0.40),
                "decay 3": (0.12, 0.30),
                "mixup α=1": (0.09, 0.55),
            },
        )
    )
    text, figures = defenses.report(frame)
    assert "## meta-test tables (8)" in text
    assert "by Holm, at a cost of up to 0.5 points: noise 0.5 (40." in text
    assert "decay 3 (" not in text and "mixup α=1 (" not in text
    assert "| decay 3 | 12.0 | +2.0 | 30." in text
    assert "lower on 8 of 8 tables, p 0.023 by Holm; clean +0.0)" in text
    for drawn in figures.values():
        plt.close(drawn)


def test_too_few_tables_are_no_evidence():
    frame = pd.DataFrame(made_rows(9, {PLAIN: (0.1, 0.5), "decay 3": (0.1, 0.3)}))
    text, figures = defenses.report(frame)
    assert "## meta-train tables (1)" in text
    assert "a test over tables takes 6 tables or more" in text
    for drawn in figures.values():
        plt.close(drawn)


def test_there_is_nothing_to_compare_plain_training_with():
    with pytest.raises(NothingToCompare, match="no variant beside ERM"):
        defenses.report(pd.DataFrame(made_rows(9, {PLAIN: (0.1, 0.5)})))
    with pytest.raises(NothingToCompare, match="no result with label ERM"):
        defenses.report(pd.DataFrame(made_rows(9, {"decay 3": (0.1, 0.5)})))


def test_halves_say_which_variants(capsys):
    with pytest.raises(SystemExit):
        defenses.main(["--halves", "--variants", "decay 3"])
    assert "not allowed with argument --halves" in capsys.readouterr().err


def test_tables_without_numbers_are_left_out(tmp_path, monkeypatch, capsys):
    words = Table("words", pd.DataFrame({"a": list("abab")}), pd.Series([0, 1, 0, 1]))
    monkeypatch.setattr(defenses, "load_tables", lambda _: ([words], {}))
    assert defenses.main(["--out", str(tmp_path)]) == 1
    assert "words has no columns of numbers" in capsys.readouterr().err


def test_of_embedded_tables_the_small_ones_are_attacked():
    options = argparse.Namespace(halves=False, folds=2, keys=[*SUITES["embedded"]])
    tables, unloaded = defenses.load(options)
    assert [table.name for table in tables] == ["iris", "wine", "breast cancer"]
    assert not unloaded
