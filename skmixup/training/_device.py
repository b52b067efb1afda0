"""The torch device that a parameter names."""

from __future__ import annotations

import torch

from .._typing import Device

# What "auto" is. An accelerator is used only where it is asked for by name, until
# rows of `python -m benchmarks.gpu` say from which sizes on it pays: steps on small
# tables are mostly overhead, which an accelerator makes longer.
_AUTO = "cpu"


def resolve_device(device: Device) -> str:
    """Return the torch device that a `device` parameter names.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the CPU.

    Returns
    -------
    device : str

    Raises
    ------
    ValueError
        If the device is unknown, or not there.
    """
    if device == "auto":
        return _AUTO
    there = [name for name in ("cuda", "mps") if _is_there(name)]
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not a torch device: use 'auto', 'cpu', 'cuda', "
            "'cuda:0' or 'mps'."
        ) from error
    if kind != "cpu" and kind not in there:
        raise ValueError(
            f"device={device!r} is not on this machine, which has "
            f"{['cpu', *there]}: use device='auto' or one of these."
        )
    return str(device)


def _is_there(kind: str) -> bool:
    module = torch.cuda if kind == "cuda" else torch.backends.mps
    return module.is_available()


def device_at_hand(device: Device) -> str:
    """Return the device, or what "auto" is where it is missing."""
    try:
        return resolve_device(device)
    except ValueError:
        return resolve_device("auto")
