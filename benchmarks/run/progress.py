"""How far a run is: a bar that moves each second, or lines where nobody watches."""

import threading
import time
from collections import Counter

from tqdm.auto import tqdm

from ..output.text import plain, say

EVERY = 1.0  # seconds between two moves of the bar
LINE_EVERY = 30.0  # seconds between two lines, where there is no terminal
# How often a unit may be running when a worker dies, before it is blamed.
MAX_DEATHS = 2
# Of a unit that takes longer than expected, no more is taken for done.
_MOST = 0.95
_SHOWN, _TITLE = 2, 20  # units that are named as running, characters of a table's name


class Progress:
    """Which units are running, how often they died, and the time left.

    As a context manager it shows that each second on a bar, and every half a minute as
    a line where standard error is no terminal.

    Parameters
    ----------
    units : list of Unit
        In the order in which they are given away.
    is_wanted : callable, default=None
        Asked of each unit just before it is given away.
    n_at_once : int, default=1
        How many run at a time; of those that were given away, the first ones do.
    """

    def __init__(self, units, is_wanted=None, n_at_once=1):
        self.units = units
        self.n_at_once = n_at_once
        self._is_wanted = is_wanted
        self._running = {}  # number of a unit: when it began, None while it waits
        self._n_started = 0
        self._deaths = Counter()
        self._n_done = 0
        self._n_jobs = sum(len(unit.jobs) for unit in units)
        self._cost = {number: unit.cost for number, unit in enumerate(units)}
        self._total = sum(self._cost.values())
        self._timed_cost = self._timed_seconds = 0.0
        self._first = set()  # these wait for processes to start: their time says little
        self._lock, self._ended = threading.RLock(), threading.Event()

    def __enter__(self):
        self._began = self._last_line = time.monotonic()
        self._bar = tqdm(
            total=self._total,
            bar_format="{percentage:3.0f}% |{bar}| {desc}",
            disable=None,  # where there is no terminal
            dynamic_ncols=True,
        )
        self._ended.clear()
        self._show()
        self._ticks = threading.Thread(target=self._tick, daemon=True, name="progress")
        self._ticks.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._ticks.join()
        self._show()
        self._bar.close()

    def start(self, numbers):
        """Yield the numbers of units that are still wanted, counted as running."""
        for number in numbers:
            if self._is_wanted is None or self._is_wanted(self.units[number]):
                with self._lock:
                    self._running[number] = None
                    self._begin()
                yield number
            else:
                self.end(number)

    def end(self, number):
        """Count a unit as done."""
        with self._lock:
            began = self._running.pop(number, None)
            cost = self._cost.pop(number, 0.0)
            if began is not None and number not in self._first:
                self._timed_seconds += time.monotonic() - began
                self._timed_cost += cost
            self._n_done += len(self.units[number].jobs)
            self._begin()
        self._show()

    def bury(self):
        """Of the units running when a worker died, return those to blame, and others.

        Which of them it was is not known, so each is tried again, by itself.
        """
        with self._lock:
            suspects = sorted(self._running)
            self._running.clear()
        self._deaths.update(suspects)
        blamed = [n for n in suspects if self._deaths[n] >= MAX_DEATHS]
        return blamed, [n for n in suspects if self._deaths[n] < MAX_DEATHS]

    def _begin(self):
        """Note when units that were given away began."""
        for number in list(self._running)[: self.n_at_once]:
            if self._running[number] is None:
                self._running[number] = time.monotonic()
                self._n_started += 1
                if 1 < self.n_at_once >= self._n_started:
                    self._first.add(number)

    def _tick(self):
        while not self._ended.wait(EVERY):
            self._show()

    def _show(self):
        with self._lock:
            text, done = self._text()
            if not self._bar.disable:
                self._bar.n = max(self._bar.n, done)
                self._bar.set_description_str(text, refresh=True)
            elif time.monotonic() - self._last_line >= LINE_EVERY:
                self._last_line = time.monotonic()
                say(text)

    def _text(self):
        """Return what is to be said, and how much is done."""
        now, begun = time.monotonic(), {}
        for number, began in self._running.items():
            if began is not None:
                begun[number] = now - began
        done = self._total - sum(self._cost.values())
        left = "?"
        if self._timed_cost:
            pace = self._timed_seconds / self._timed_cost
            needed = {number: pace * self._cost[number] for number in begun}
            to_come = {
                number: max(seconds - begun[number], (1 - _MOST) * seconds)
                for number, seconds in needed.items()
            }
            done += sum(needed.values()) / pace - sum(to_come.values()) / pace
            waiting = self._total - done - sum(to_come.values()) / pace
            all_to_come = sum(to_come.values()) + pace * max(waiting, 0.0)
            longest = max(to_come.values(), default=0.0)
            left = _clock(max(longest, all_to_come / self.n_at_once))
        where = f"{_clock(now - self._began)}, {left} left"
        jobs = f"{self._n_done} of {self._n_jobs} jobs"
        return "; ".join([f"{where}, {jobs}", *_named(self.units, begun)]), done


def _clock(seconds):
    return tqdm.format_interval(round(seconds))


def _named(units, numbers):
    """Return at most one text that names the first few units."""
    names = dict.fromkeys(
        f"{units[number].jobs[0].model} on {_short(units[number].table)}"
        for number in numbers
    )
    if not names:
        return []
    text = ", ".join([*names][:_SHOWN])
    return [text + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")]


def _short(table):
    name = plain(table.name)
    return name if len(name) <= _TITLE else name[: _TITLE - 1] + "…"
