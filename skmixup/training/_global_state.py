"""State of torch that lies around a fit: random generators, threads, modes."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .._typing import Device

_generators_lock = threading.RLock()  # a callback may fit another net
_threads_lock = threading.Lock()
_own = threading.local()


def _renew_locks() -> None:
    """Free what a thread held that a forked process has no longer."""
    global _generators_lock, _threads_lock
    _generators_lock, _threads_lock = threading.RLock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class OwnStream:
    """A stream of torch's global generators, for modules that can draw from no other.

    The generators are the process's: while one thread draws a stream of its own, others
    that want to do so wait. They are left as they were.

    Parameters
    ----------
    seed : int
    device : torch.device or str
    """

    def __init__(self, seed: int, device: Device) -> None:
        self.generators = _global_generators(torch.device(device))
        self.states = [
            torch.Generator(generator.device).manual_seed(seed).get_state()
            for generator in self.generators
        ]

    @contextlib.contextmanager
    def flowing(self) -> Iterator[None]:
        """Let the global generators go on with this stream, where it stopped."""
        with _generators_lock:
            others = self._swap(self.states)
            try:
                yield
            finally:
                self.states = self._swap(others)

    def _swap(self, states: list[Tensor]) -> list[Tensor]:
        """Put states in, and return those that were there."""
        before = [generator.get_state() for generator in self.generators]
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
        return before


def _global_generators(device: torch.device) -> list[torch.Generator]:
    """Return the generators that a module on a device may draw from."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[index])
    elif device.type == "mps":
        generators.append(torch.mps._get_default_mps_generator())
    return generators


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute without torch's thread pool, which slows small steps down."""
    with _threads_lock:  # not while another fit's number is what new threads begin with
        before = torch.get_num_threads()
    if before == 1:
        yield
        return
    # The number is each thread's own; but new threads begin with what any set last.
    alone = threading.active_count() == 1
    set_threads = torch.set_num_threads if alone else _set_own_threads
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


def _set_own_threads(n_threads: int) -> None:
    """Set how many threads this one may use, and leave alone what new ones may.

    torch sets both: another thread that computes for the first time meanwhile, an
    instant, may keep to this number.
    """
    with _threads_lock:
        default = _in_new_thread(torch.get_num_threads)
        torch.set_num_threads(n_threads)
        _in_new_thread(torch.set_num_threads, default)


def _in_new_thread(function: Callable[..., Any], *args: Any) -> Any:
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*args)))
    thread.start()
    thread.join()
    return results[0]


@contextlib.contextmanager
def without_subnormals() -> Iterator[None]:
    """Compute with 0 for numbers below the smallest normal one, in this thread.

    A processor takes tens of times as long for those, and Adam's running means of
    inputs that are mostly zero decay to them. The mode is a thread's, and all that it
    computes sees it: so it is for computing alone, and put back as it was.
    """
    if _flushes():
        yield
        return
    torch.set_flush_denormal(True)  # False where a processor knows no such mode
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _flushes() -> bool:
    """Tell whether this thread computes without subnormals."""
    # torch sets the mode and does not tell it: see what a product comes to.
    return sys.float_info.min * 0.5 == 0


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """Let autograd record, also within `torch.no_grad` and `torch.inference_mode`."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def full_precision(device: Device) -> contextlib.AbstractContextManager[Any]:
    """Return a context of computing as without `torch.autocast`.

    Parameters
    ----------
    device : torch.device or str
    """
    kind = torch.device(device).type
    if torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return contextlib.nullcontext()


@contextlib.contextmanager
def ended_early(is_to_end: Callable[[], bool]) -> Iterator[None]:
    """Have trainings in this thread end between two epochs if they are to.

    Parameters
    ----------
    is_to_end : callable
        Asked before each epoch.
    """
    _own.is_to_end = is_to_end
    try:
        yield
    finally:
        del _own.is_to_end


def raise_if_ended() -> None:
    """Raise KeyboardInterrupt if a training in this thread is to end."""
    if hasattr(_own, "is_to_end") and _own.is_to_end():
        raise KeyboardInterrupt
