"""What a process shares: fits neither change torch's global state nor depend on it."""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.datasets import load_iris
from skorch.callbacks import Callback, GradientNormClipping
from torch import nn

from skmixup import (
    MixupClassifier,
    MixupNet,
    MixupRegressor,
    MixupSearchCV,
    fit_many,
    mixup_batch,
)
from skmixup.mixing import mixup_real_fake
from skmixup.stack import StackedAdamW, StackedMLP
from skmixup.training._loop import Training

X, Y = load_iris(return_X_y=True)
ROWS = sparse.random(150, 800, 0.01, "csr", random_state=0)
QUICK = {"max_epochs": 2, "n_estimators": 2, "dropout": 0.1, "random_state": 0}


def noisy_module():
    return nn.Sequential(
        nn.Linear(4, 16),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.BatchNorm1d(16),
        nn.Linear(16, 3),
    )


def noisy_net(seed, **params):
    return MixupNet(noisy_module, max_epochs=2 + seed % 3, random_state=seed, **params)


def in_threads(function, seeds):
    return Parallel(4, backend="threading")(delayed(function)(seed) for seed in seeds)


@pytest.mark.parametrize(
    "fit",
    [
        lambda seed: MixupClassifier(**QUICK | {"random_state": seed}).fit(X, Y),
        lambda seed: MixupRegressor(**QUICK | {"random_state": seed}).fit(X, X[:, 0]),
        lambda seed: noisy_net(seed).fit(X, Y),
    ],
    ids=["classifier", "regressor", "net of one's own"],
)
def test_fits_in_threads_are_those_of_one_thread(fit):
    alone = [fit(seed).predict(X) for seed in range(6)]
    before = torch.get_rng_state()
    for _ in range(3):
        together = in_threads(lambda seed: fit(seed).predict(X), range(6))
        assert all(map(np.array_equal, alone, together))
        assert torch.equal(torch.get_rng_state(), before)


def test_the_stack_draws_nothing_from_the_global_generator(monkeypatch):
    def refuse(*args):
        raise AssertionError("the stack needs no turn")

    monkeypatch.setattr("skmixup.training._net.OwnStream", refuse)
    for mixing in ("input", "cutmix", "manifold", "noise"):
        clf = MixupClassifier(mixing=mixing, **QUICK).fit(X, Y)
        assert np.isfinite(clf.loss_curve_).all()


class FitAnother(Callback):
    """Fits nets of their own within a fit, in this thread or in others."""

    def __init__(self, event, fit_all):
        self.event, self.fit_all, self.done = event, fit_all, False

    def act(self, event):
        if event == self.event and not self.done:
            self.done = True
            self.fit_all(lambda seed: noisy_net(seed).fit(X, Y), range(2))

    def on_epoch_end(self, net, **kwargs):
        self.act("epoch")

    def on_batch_end(self, net, **kwargs):
        self.act("batch")


@pytest.mark.parametrize(
    ("event", "fit_all"),
    [
        ("epoch", lambda fit, seeds: list(map(fit, seeds))),
        ("batch", lambda fit, seeds: list(map(fit, seeds))),
        ("epoch", in_threads),
    ],
    ids=["epoch", "batch", "threads"],
)
def test_a_fit_within_a_fit_changes_nothing(event, fit_all):
    expected = noisy_net(0).fit(X, Y).predict_proba(X)
    before = torch.get_rng_state()
    net = noisy_net(0, callbacks=[FitAnother(event, fit_all)]).fit(X, Y)
    np.testing.assert_array_equal(net.predict_proba(X), expected)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_need_not_wait_for_a_thread_that_it_has_not():
    code = """if True:
        import os, threading, torch
        from torch import nn
        from skmixup import MixupNet
        from skmixup.training._global_state import OwnStream
        torch.set_num_threads(1)
        held, free = threading.Event(), threading.Event()
        def hold():
            with OwnStream(0, "cpu").flowing():
                held.set()
                free.wait(60)
        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if not child:
            X, y = torch.rand(20, 2), torch.arange(20) % 2
            MixupNet(lambda: nn.Linear(2, 2), max_epochs=1).fit(X, y)
            os._exit(7)
        _, status = os.waitpid(child, 0)
        free.set()
        print(os.waitstatus_to_exitcode(status))
    """
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "7"


def threads_of_a_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_the_size_of_thread_pools_is_left_alone():
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append((torch.get_num_threads(), threads_of_a_new_thread()))

    def fit(seed, all_begun=None):
        before = torch.get_num_threads()
        if all_begun is not None:
            all_begun.wait(60)
        params = QUICK | {"random_state": seed, "callbacks": [Watch()]}
        for _ in range(2):
            MixupClassifier(**params).fit(X, Y)
        return before == torch.get_num_threads() == 3

    torch.set_num_threads(3)
    try:
        # One that asks torch for the first time while another fit sets its own number
        # may be told that one: torch has no way to set it for a thread alone.
        all_begun = threading.Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(partial(fit, all_begun=all_begun), range(4)))
        assert threads_of_a_new_thread() == 3
        seen.clear()
        assert all(Parallel(2, backend="threading")([delayed(fit)(0)]))
        assert set(seen) == {(1, 3)}  # the fit's own thread, and others that begin
        assert fit(0)
        assert threads_of_a_new_thread() == 3
    finally:
        torch.set_num_threads(1)


def flushes_subnormals():
    """Tell it of this thread."""
    return sys.float_info.min * 0.5 == 0


class NoteSubnormals(Callback):
    """Notes in which events there are none, and may fail."""

    def __init__(self, error=None):
        self.error, self.seen = error, {}

    def on_epoch_end(self, net, **kwargs):
        self.seen["epoch"] = flushes_subnormals()

    def on_batch_end(self, net, **kwargs):
        self.seen["batch"] = flushes_subnormals()
        if self.error is not None:
            raise self.error


@pytest.fixture(params=[False, True], ids=["as usual", "flushed by the user"])
def flushed(request):
    torch.set_flush_denormal(request.param)
    yield request.param
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("error", [None, RuntimeError("no"), KeyboardInterrupt()])
def test_subnormals_are_flushed_within_steps_alone(flushed, error):
    note = NoteSubnormals(error)
    clf = MixupClassifier(callbacks=[note], **QUICK)
    with contextlib.suppress(RuntimeError, KeyboardInterrupt):
        clf.fit(X, Y)
    assert flushes_subnormals() is flushed
    expected = {"batch": True} | ({} if error else {"epoch": flushed})
    assert note.seen == expected


def test_subnormals_of_other_threads_are_let_alone():
    def fit_and_tell(seed):
        MixupClassifier(**QUICK | {"random_state": seed}).fit(X, Y)
        return flushes_subnormals()

    torch.set_flush_denormal(False)
    assert not any(in_threads(fit_and_tell, range(6)))


def test_inputs_that_are_mostly_zero_take_no_subnormals():
    rare = np.zeros((4000, 8), dtype=np.float32)
    rare[0] = 1  # 0.9 ** 900, what is left of its gradient, is below 1e-41
    net = MixupNet(
        StackedMLP, module__n_features=8, module__n_outputs=2, batch_size=4,
        module__hidden_layer_sizes=(4,), optimizer=StackedAdamW, alpha=0.0,
        max_epochs=3, random_state=1,
    )  # fmt: skip
    net.fit(rare, np.arange(4000) % 2)
    for state in net.optimizer_.state.values():
        means = state["exp_avg"].abs()
        assert not ((means > 0) & (means < torch.finfo(torch.float32).tiny)).any()


@contextlib.contextmanager
def setting(set_value, value, before):
    set_value(value)
    try:
        yield
    finally:
        set_value(before)


def default_dtype(dtype):
    return setting(torch.set_default_dtype, dtype, torch.float32)


SURROUNDINGS = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "meta": lambda: setting(torch.set_default_device, "meta", None),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast to half": lambda: torch.autocast("cpu", dtype=torch.float16),
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
}


def classify(rows=X, y=Y, weight=None, **params):
    clf = MixupClassifier(**QUICK | params).fit(rows, y, sample_weight=weight)
    return np.stack(clf.predict_proba(rows))


def search():
    found = MixupSearchCV(MixupClassifier(**QUICK), {"alpha": [0, 0.2]}, cv=2)
    return found.fit(X, Y).predict_proba(X)


def several():
    nets = [MixupClassifier(**QUICK | {"alpha": alpha}) for alpha in (0, 1)]
    fits = sorted(fit_many(nets, X, Y), key=lambda fit: fit.index)
    return np.stack([fit.estimator.predict_proba(X) for fit in fits])


def pieces():
    clf = MixupClassifier(**QUICK).partial_fit(X, Y, [0, 1, 2])
    return pickle.loads(pickle.dumps(clf)).partial_fit(X, Y).predict_proba(X)


def stacked_net():
    shape = {"module__n_features": 4, "module__n_outputs": 3, "module__n_members": 2}
    net = MixupNet(
        StackedMLP, module__dropout=0.1, random_state=0, max_epochs=2, **shape
    )
    return net.fit(X, Y).predict_proba(X)


def batches():
    rows, labels = torch.from_numpy(X), torch.from_numpy(Y)
    mixed = mixup_batch(rows, labels, mixing="cutmix", lambda_per="row", rng=0)
    shares = [0.1] * len(rows)
    return np.concatenate(
        [*mixed, *mixup_real_fake(rows, rows.flip(0), lam=shares)[:1]], 1
    )


RESULTS = {
    "plain": lambda: classify(label_smoothing=0.1),
    "unmixed": lambda: classify(alpha=0),
    "cutmix": lambda: classify(mixing="cutmix"),
    "manifold": lambda: classify(mixing="manifold", lambda_per="row"),
    "sparse": lambda: classify(ROWS),
    "indicator": lambda: classify(y=np.eye(3, dtype=int)[Y], label_smoothing=0.1),
    "weights": lambda: classify(weight=np.arange(150)),
    "steps": lambda: classify(callbacks=[GradientNormClipping(1.0)]),
    "numbers": lambda: MixupRegressor(**QUICK).fit(X, X[:, 0]).predict(X),
    "search": search,
    "together": several,
    "pieces": pieces,
    "stacked net": stacked_net,
    "batches": batches,
}


@pytest.mark.parametrize("result", RESULTS)
def test_a_seed_has_one_result_whatever_is_set_around_it(result):
    expected = RESULTS[result]()
    for name, surrounding in SURROUNDINGS.items():
        with surrounding():
            found = RESULTS[result]()
        assert found.dtype == expected.dtype, name
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("n_rows", [150, 6000])  # in double and in single precision
def test_a_stack_predicts_the_same_in_autocast(dtype, n_rows):
    rows = np.random.default_rng(0).normal(size=(n_rows, 4))
    clf = MixupClassifier(**QUICK).fit(X, Y)
    shape = {"module__n_features": 4, "module__n_outputs": 3, "module__n_members": 2}
    net = MixupNet(StackedMLP, random_state=0, max_epochs=1, **shape).fit(X, Y)
    uses = [
        clf.predict_proba,
        net.predict_proba,
        lambda rows: net.forward(rows).numpy(),
        lambda rows: np.concatenate([part.numpy() for part in net.forward_iter(rows)]),
    ]
    for use in uses:
        expected = use(rows)
        with torch.autocast("cpu", dtype=dtype):
            found = use(rows)
            assert torch.is_autocast_enabled("cpu")
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_autocast_is_what_it_was_between_chunks_and_after_a_failure():
    shape = {"module__n_features": 4, "module__n_outputs": 3}
    net = MixupNet(StackedMLP, random_state=0, max_epochs=1, **shape).fit(X, Y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for _ in net.forward_iter(X):
            assert torch.is_autocast_enabled("cpu")
        with pytest.raises(ValueError, match="at least 4"):
            net.fit(X, Y + 1)
        assert torch.is_autocast_enabled("cpu")


def test_modules_of_others_follow_autocast():
    seen = set()

    class Watched(nn.Linear):
        def forward(self, rows):
            scores = super().forward(rows)
            seen.add(scores.dtype)
            return scores

    net = MixupNet(Watched(4, 3), random_state=0, max_epochs=20, lr=0.02)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        accuracy = net.fit(X, Y).score(X, Y)
    assert seen == {torch.bfloat16}
    assert accuracy > 0.6
    assert net.score(X, Y) == pytest.approx(accuracy, abs=0.05)
    assert net.predict_proba(X).dtype == np.float32


def double_net(criterion, y, weight=None, **params):
    net = MixupNet(
        nn.Linear,
        criterion,
        module__in_features=4,
        module__out_features=y.shape[1] if y.ndim == 2 else 3,
        max_epochs=2,
        random_state=0,
        **params,
    )
    return net.fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("weight", [None, np.arange(1, 151)])
@pytest.mark.parametrize(
    ("criterion", "y"),
    [
        (nn.CrossEntropyLoss, Y),
        (nn.CrossEntropyLoss, np.eye(3)[Y]),
        (nn.BCEWithLogitsLoss, np.eye(3, dtype=int)[Y]),
        (nn.MSELoss, X[:, :1]),
    ],
)
def test_rows_targets_and_weights_follow_the_precision_of_a_module(
    dtype, weight, criterion, y
):
    with default_dtype(dtype):
        net = double_net(criterion, y, weight)
        assert net.module_.weight.dtype == dtype
    assert np.isfinite(net.predict_proba(X)).all()


@pytest.mark.parametrize("surrounding", [torch.no_grad, torch.inference_mode])
def test_own_modules_train_where_nothing_is_recorded(surrounding):
    expected = noisy_net(0).fit(X, Y).predict_proba(X)
    with surrounding():
        rows, labels = torch.from_numpy(X) + 0, torch.from_numpy(Y) + 0
        net = noisy_net(0).fit(rows, labels)
        np.testing.assert_array_equal(net.predict_proba(rows), expected)
    assert len(net.partial_fit(X, Y).history) == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_generator_of_a_gpu_is_left_alone():
    torch.cuda.manual_seed(0)
    before = torch.cuda.get_rng_state()
    first, again = (noisy_net(0, device="cuda").fit(X, Y) for _ in range(2))
    np.testing.assert_allclose(first.predict_proba(X), again.predict_proba(X), 1e-4)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_no_thread_outlives_a_fit_that_is_interrupted(monkeypatch):
    ended = threading.Event()

    def run(self, members, total, failed):
        if 0 in members:
            raise KeyboardInterrupt
        assert failed.wait(10)
        time.sleep(0.1)
        ended.set()

    monkeypatch.setattr(Training, "_run_members", run)
    with contextlib.suppress(KeyboardInterrupt):
        MixupClassifier(n_jobs=2, **QUICK).fit(X, Y)
    assert ended.is_set()
