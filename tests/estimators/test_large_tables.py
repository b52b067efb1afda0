"""Long tables: in little memory, or in pieces that each fit in it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skmixup import MixupClassifier, TabularEncoder

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_a_file_is_learned_batch_by_batch(tmp_path):
    """The encoding from the first; none of them is there twice."""
    rng = np.random.default_rng(0)
    n_rows = 6000
    frame = pd.DataFrame({"size": rng.normal(size=n_rows), "kind": "a"})
    frame.loc[rng.random(n_rows) < 0.3, "kind"] = "b"
    frame.loc[rng.random(n_rows) < 0.1, "size"] = np.nan
    sign = np.where(frame["kind"] == "a", 1, -1)
    frame["label"] = np.where(frame["size"] * sign > 0.3, "yes", "no")
    parquet.write_table(pa.Table.from_pandas(frame), tmp_path / "rows.parquet")

    file = parquet.ParquetFile(tmp_path / "rows.parquet")
    clf = MixupClassifier(n_estimators=2, random_state=0)
    encoders = []
    for _ in range(2):
        for batch in file.iter_batches(batch_size=1000):
            y = batch["label"].to_numpy(zero_copy_only=False)
            clf.partial_fit(batch.drop_columns(["label"]), y, classes=["no", "yes"])
            encoders.append(clf.encoder_)
    assert len({id(encoder) for encoder in encoders}) == 1
    first = next(file.iter_batches(batch_size=1000)).to_pandas()
    assert clf.encoder_.scaler_.center_[0] == pytest.approx(
        first["size"].median(), abs=0.01
    )
    predicted = [
        clf.predict(batch.drop_columns(["label"])) for batch in file.iter_batches()
    ]
    assert (np.concatenate(predicted) == frame["label"]).mean() > 0.9


def peaks(preprocess):
    """MiB above the rows: of what a fit needs before its steps, and of a prediction."""
    code = f"""
import numpy as np, torch
from benchmarks.timing.memory import peak_of
from skmixup import MixupClassifier, TabularEncoder
torch.set_num_threads(1)
X = np.random.default_rng(0).normal(size=(300_000, 30)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
params = dict(preprocess={preprocess!r}, hidden_layer_sizes=(32,), max_epochs=1)
clf = MixupClassifier(**params).fit(X[:500], y[:500])
made = []
peak = peak_of(lambda: made.append(MixupClassifier(**params)._make_table(X, y, None)))
encoded = made.pop().X.nbytes / 2**20
print(encoded, peak, peak_of(lambda: clf.predict_proba(X)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return map(float, done.stdout.split())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("preprocess", ["auto", None])
def test_many_rows_take_little_memory(preprocess):
    encoded, peak, predicting = peaks(preprocess)
    assert peak < 2 * encoded
    assert predicting < 150  # all members' outputs would take 49, encoded rows 229


@pytest.mark.slow
def test_a_long_table_takes_epochs_of_a_part_of_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160_000, 3)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    encoder = TabularEncoder(n_bins=0)
    clf = MixupClassifier(
        (8,), n_estimators=2, max_epochs=3, preprocess=encoder, random_state=0
    ).fit(X, y)
    assert clf.net_.epochs_per_pass == 3  # of 140,000 rows
    (count,) = {int(s["step"][0]) for s in clf.net_.optimizer_.state.values()}
    assert count <= clf.n_iter_ * -(-(2**16) // clf.net_.batch_size)
    assert clf.score(X[:5000], y[:5000]) > 0.97
