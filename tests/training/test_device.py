"""Which device a parameter names."""

import pytest

from skmixup.training import _device
from skmixup.training._device import device_at_hand, resolve_device


@pytest.mark.parametrize("is_there", [True, False])
def test_auto_is_the_cpu_and_a_name_is_what_it_names(monkeypatch, is_there):
    monkeypatch.setattr(_device, "_is_there", lambda kind: is_there)
    assert resolve_device("auto") == resolve_device("cpu") == "cpu"
    for name in ("cuda", "cuda:1", "mps"):
        assert device_at_hand(name) == (name if is_there else "cpu")
        if is_there:
            assert resolve_device(name) == name
        else:
            with pytest.raises(ValueError, match=f"'{name}' is not on this machine"):
                resolve_device(name)
