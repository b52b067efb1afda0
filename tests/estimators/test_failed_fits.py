"""Whatever ends a fit leaves no model."""

import pytest
import sklearn
from sklearn.exceptions import NotFittedError

from skmixup import MixupClassifier, MixupRegressor

from ..helpers import QUICK, shops


class Ends(sklearn.base.BaseEstimator):
    """A skorch callback that raises at an event, from the n-th on."""

    def __new__(cls, error, event, after=0):
        from skorch.callbacks import Callback

        def raise_it(self, net, **kwargs):
            self.calls += 1
            if self.calls > after:
                raise error

        made = type("Raises", (Callback,), {event: raise_it, "calls": 0})
        return made()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError,
        SystemExit,
        pytest.param(OSError, marks=pytest.mark.slow),
        pytest.param(MemoryError, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "event", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"]
)
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "warm start"])
def test_whatever_ends_a_fit_leaves_no_model(kind, method, event, error):
    X, y = shops()
    args = (X, y, [0, 1]) if kind is MixupClassifier else (X, y)
    est = kind(warm_start=method == "warm start", **QUICK)
    if method == "warm start":
        est.fit(X, y)
    est.set_params(callbacks=[Ends(error, event)])
    with pytest.raises(error):
        est.partial_fit(*args) if method == "partial_fit" else est.fit(X, y)
    assert not hasattr(est, "net_")
    with pytest.raises(NotFittedError):
        est.predict(X)
    with pytest.raises(NotFittedError):
        sklearn.utils.validation.check_is_fitted(est)
    est.set_params(callbacks=None).fit(X, y).predict(X)


@pytest.mark.filterwarnings("ignore:Training interrupted")
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_an_interrupt_keeps_whole_epochs_only(kind):
    X, y = shops()
    est = kind(early_stopping=False, **QUICK)
    with pytest.raises(KeyboardInterrupt):
        est.set_params(callbacks=[Ends(KeyboardInterrupt, "on_batch_begin")]).fit(X, y)
    with pytest.raises(NotFittedError):
        est.predict(X)
    est.set_params(callbacks=[Ends(KeyboardInterrupt, "on_epoch_begin", 3)]).fit(X, y)
    assert est.n_iter_ == 3
    est.predict(X)


def test_a_temperature_that_cannot_be_learned_leaves_no_model(monkeypatch):
    X, y = shops()

    def fails(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skmixup.estimators._classifier.fit_temperature", fails)
    clf = MixupClassifier(early_stopping=True, **QUICK)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    with pytest.raises(NotFittedError):
        clf.predict(X)
