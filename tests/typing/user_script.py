"""What a user writes, for type checkers: it passes `mypy --strict`, and it runs."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, assert_type

import matplotlib

matplotlib.use("agg")

import numpy as np
import onnx
import pandas as pd
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import loguniform
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from skmixup import (
    AlphaCurveDisplay,
    LossCurveDisplay,
    MixupClassifier,
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
    MixupNet,
    MixupRandomizedSearchCV,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
    fit_many,
    mixup_batch,
)
from skmixup.encoding import SmoothClipScaler, StackingTransformer
from skmixup.export import to_onnx
from skmixup.mixing import CutMix, ManifoldMixup, Mixer, draw_lambda, draw_partners
from skmixup.search import FitResult, FoldEnsemble
from skmixup.stack import StackedAdamW, StackedMLP

Floats = NDArray[np.float64]

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
table = pd.DataFrame(X, columns=["a", "b", "c"]).assign(color=["red", "blue"] * 30)
labels = np.where(X[:, 0] > 0, "high", "low")
numbers = X[:, 0] + X[:, 1]


def classify() -> MixupClassifier:
    clf = MixupClassifier(
        (16, 16), alpha=0.2, n_estimators=2, max_epochs=2, random_state=0
    )
    assert_type(clf.fit(table, labels), MixupClassifier)
    assert_type(clf.predict_proba(table), Floats)
    assert_type(clf.predict_log_proba(table), Floats)
    assert_type(clf.predict(table), NDArray[Any])
    assert_type(clf.classes_, NDArray[Any])
    assert_type(clf.loss_curve_, list[float])
    assert_type(clf.temperature_, float)
    assert_type(clf.net_, MixupNet)
    assert_type(clf.alpha, float)
    # All that holds rows: arrays, lists, sparse matrices, and other libraries' tables.
    clf.fit(X, labels, sample_weight=np.ones(60), groups=np.arange(60) // 2)
    clf.fit(X.tolist(), labels.tolist(), X_val=X[:9], y_val=labels[:9])
    clf.fit(sparse.csr_array(X), pd.Series(labels))
    clf.fit(pl.DataFrame(X), pl.Series(labels))
    clf.fit(X, np.eye(2, dtype=int)[(X[:, 0] > 0).astype(int)])
    return MixupClassifier(
        mixing=CutMix(),
        lambda_per="row",
        early_stopping=True,
        class_weight={"high": 2, "low": 1.5},
        preprocess=make_pipeline(StandardScaler()),
        n_estimators=2,
        max_epochs=2,
        random_state=np.random.RandomState(0),
    ).partial_fit(X, labels, classes=["high", "low"])


def regress() -> MixupRegressor:
    reg = MixupRegressor(
        hidden_layer_sizes=[16],
        loss="quantile",
        quantile=[0.1, 0.5, 0.9],
        preprocess=TabularEncoder(n_bins=2),
        partner="target",
        n_estimators=2,
        max_epochs=2,
    )
    assert_type(reg.fit(table, numbers), MixupRegressor)
    assert_type(reg.predict(table), Floats)
    assert_type(reg.predict_interval(table, confidence_level=0.5), Floats)
    assert_type(reg.score(table, numbers), float)
    pipeline: Pipeline = make_pipeline(StandardScaler(), MixupRegressor(max_epochs=1))
    pipeline.fit(X, numbers)
    return reg


def search() -> MixupSearchCV:
    clf = MixupClassifier(max_epochs=2, n_estimators=1, random_state=0)
    grid = MixupSearchCV(
        clf, {"alpha": [0, 0.2], "mixing": ["input", "cutmix"]}, cv=KFold(2)
    )
    assert_type(grid.fit(table, labels), MixupSearchCV)
    assert_type(grid.best_params_, dict[str, Any])
    assert_type(grid.best_score_, float)
    drawn = MixupRandomizedSearchCV(
        clf, {"alpha": loguniform(0.05, 2)}, n_iter=2, cv=2, keep_folds=True
    )
    assert_type(drawn.fit(table, labels), MixupRandomizedSearchCV)
    for fit in fit_many([clf, clf], table, labels, rows=[range(40), range(20, 60)]):
        assert_type(fit, FitResult[MixupClassifier])
        assert_type(fit.index, int)
        if fit.estimator is not None:
            assert_type(fit.estimator.predict_proba(table), Floats)
    return grid


def average() -> None:
    few: list[dict[str, Any]] = [{"max_epochs": 2}, {"max_epochs": 2, "alpha": 0.0}]
    clf = MixupEnsembleClassifier(candidates=few, time_limit=60)
    assert_type(clf.fit(table, labels), MixupEnsembleClassifier)
    assert_type(clf.predict_proba(table), Floats)
    assert_type(clf.weights_, NDArray[Any])
    reg = MixupEnsembleRegressor(MixupRegressor(n_estimators=2), candidates=few)
    assert_type(reg.fit(table, numbers).predict(table), Floats)
    halves = [MixupClassifier(max_epochs=1).fit(X[i::2], labels[i::2]) for i in (0, 1)]
    assert_type(FoldEnsemble(halves).fit().predict_proba(X), Floats)


def encode() -> None:
    encoder = TabularEncoder(categorical_features=["color"], n_tree_bins="auto")
    assert_type(encoder.fit(table, numbers), TabularEncoder)
    assert_type(encoder.get_feature_names_out(), NDArray[Any])
    assert_type(SmoothClipScaler().fit(X), SmoothClipScaler)
    stacking = StackingTransformer(MixupClassifier(max_epochs=1, n_estimators=1), cv=2)
    assert_type(stacking.fit_transform(X, labels), NDArray[np.float32])


def export(clf: MixupClassifier, grid: MixupSearchCV, folder: Path) -> None:
    assert_type(to_onnx(clf, X[:5]), onnx.ModelProto)
    model = to_onnx(grid, table, missing="none", target_opset=15)
    assert_type(model, onnx.ModelProto)
    onnx.save(model, folder / "grid.onnx")
    pipeline: Pipeline = make_pipeline(StandardScaler(), clf).fit(X, labels)
    to_onnx(pipeline, X, target_opset={"": 15, "ai.onnx.ml": 1})


class Noise(Mixer):
    """Mixup, and a little noise."""

    def draw(self, rng: np.random.Generator, lam: NDArray[Any]) -> dict[str, Floats]:
        return {"noise": rng.normal(size=len(lam))}

    def mix(
        self, X: Tensor, X_partner: Tensor, lam: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        shape = (*noise.shape, 1, *[1] * (X.dim() - 3))
        return lam.unsqueeze(-1) * X + noise.reshape(shape).to(X), lam


def build() -> None:
    def make(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 2))

    net = MixupNet(make, module__width=8, mixing=ManifoldMixup(), max_epochs=2)
    rows, classes = torch.randn(20, 3), torch.arange(20) % 2
    assert_type(net.fit(rows, classes), MixupNet)
    assert_type(net.predict(rows), NDArray[Any])
    assert_type(net.score(rows, classes), float)
    assert_type(net.member_losses_, dict[str, list[NDArray[Any]]])
    stack = MixupNet(StackedMLP, module__n_features=3, module__n_outputs=2, lr=[1e-3])
    stack.set_params(optimizer=StackedAdamW, max_epochs=1).fit(X[:20], classes.numpy())
    assert_type(stack.select([0]), MixupNet)
    rng = np.random.default_rng(0)
    assert_type(mixup_batch(rows, classes, 0.2, rng=rng), tuple[Tensor, Tensor])
    mixup_batch(rows, classes, mixing=Noise(), rng=0)
    assert_type(draw_lambda(0.2), float)
    assert_type(draw_lambda(0.2, size=(2, 3)), Floats)
    assert_type(draw_partners(5), NDArray[np.int64])


def plot(clf: MixupClassifier, grid: MixupSearchCV, folder: Path) -> None:
    losses = LossCurveDisplay.from_estimator(clf)
    assert_type(losses, LossCurveDisplay)
    losses.figure_.savefig(folder / "losses.png")
    curve = AlphaCurveDisplay.from_search(grid, name="grid")
    assert_type(curve.plot(curve.ax_), AlphaCurveDisplay)
    AlphaCurveDisplay(alphas=[0, 1], means=np.array([0.3, 0.2])).plot()
    LossCurveDisplay(curves={"training": [3.0, 2.0]}).plot()


def is_refused(clf: MixupClassifier, grid: MixupSearchCV) -> None:
    """Is never called: a type checker finds what is wrong before it is."""
    from skmixup import CutMix, MixupClasifier  # type: ignore[attr-defined]  # noqa

    MixupClassifier(alpha="0.2")  # type: ignore[arg-type]
    MixupClassifier(mixing="inputs")  # type: ignore[arg-type]
    MixupClassifier(activation="rely")  # type: ignore[arg-type]
    MixupClassifier(early_stopping="yes")  # type: ignore[arg-type]
    MixupClassifier(n_estimators=[2, 4])  # type: ignore[arg-type]
    MixupClassifier(preprocess=3)  # type: ignore[arg-type]
    MixupClassifier(class_weight="equal")  # type: ignore[arg-type]
    MixupClassifier(aplha=0.2)  # type: ignore[call-arg]
    MixupRegressor(loss="mse")  # type: ignore[arg-type]
    MixupRegressor(label_smoothing=0.1)  # type: ignore[call-arg]
    TabularEncoder(n_bins="many")  # type: ignore[arg-type]
    MixupNet(nn.Linear, lambda_per="rows")  # type: ignore[arg-type]
    MixupSearchCV(clf, {"alpha": [0]}, cv="5")  # type: ignore[arg-type]
    MixupSearchCV(clf, {"alpha": 0})  # type: ignore[dict-item]
    clf.fit(X)  # type: ignore[call-arg]
    clf.fit({"a": [1.0]}, labels)  # type: ignore[arg-type]
    clf.fit(None, labels)  # type: ignore[arg-type]
    clf.fit(pl.LazyFrame(X), labels)  # type: ignore[arg-type]
    clf.predict(X).predict(X)  # type: ignore[attr-defined]
    mixup_batch(X, labels)  # type: ignore[arg-type]
    rows = torch.ones(2, 2)
    mixup_batch(rows, rows, mixing="manifold")  # type: ignore[arg-type]
    to_onnx(clf, missing=None)  # type: ignore[arg-type]
    draw_lambda(0.2, size="3")  # type: ignore[call-overload]
    grid.fit(X, labels).cv_results_.shape  # type: ignore[attr-defined]  # noqa: B018


def main() -> None:
    torch.manual_seed(0)
    grid = search()
    regress()
    average()
    encode()
    build()
    with TemporaryDirectory() as folder:
        clf = classify()
        plot(clf, grid, Path(folder))
        export(clf, grid, Path(folder))


if __name__ == "__main__":
    main()
