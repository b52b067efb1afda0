"""The torch device that a parameter names."""

import torch


def resolve_device(device):
    """Return the torch device that a `device` parameter names.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the first accelerator that is there, else the CPU.

    Returns
    -------
    device : str

    Raises
    ------
    ValueError
        If the device is unknown, or not there.
    """
    there = [name for name in ("cuda", "mps") if _is_there(name)]
    if device == "auto":
        return (there or ["cpu"])[0]
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


def _is_there(kind):
    module = torch.cuda if kind == "cuda" else torch.backends.mps
    return module.is_available()


def device_at_hand(device):
    """Return the device, or the one there is where it is missing."""
    try:
        return resolve_device(device)
    except ValueError:
        return resolve_device("auto")
