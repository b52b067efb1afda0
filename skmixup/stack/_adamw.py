"""AdamW for stacked parameters, with a learning rate and a weight decay per member."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from .._typing import Array
from ._layers import check_member_values, grad_of, shown

# The arguments of a call of the fused kernel; the counts to raise, and the calls.
_Call: TypeAlias = tuple[tuple[list[Tensor], ...], dict[str, Any]]
_Plan: TypeAlias = tuple[list[Tensor], list[_Call]]


class StackedAdamW(torch.optim.Optimizer):
    """AdamW on tensors whose first axis is the members', in few fused calls.

    Each member has a learning rate, a weight decay and a count of steps of its own.
    Neighbors that agree in all three share a call of torch's fused kernel, so that a
    stack of equals takes one call for each parameter group.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter of shape (K, ...), or parameter groups
        What is trained.
    lr : float or sequence of float of length K, default=1e-3
        Learning rate.
    betas : tuple of two floats, default=(0.9, 0.999)
        Decay of the running means of the gradient and of its square.
    eps : float, default=1e-8
        Added to the denominator.
    weight_decay : float or sequence of float of length K, default=1e-2
        Decoupled weight decay.

    Raises
    ------
    ValueError
        If `lr` or `weight_decay` is negative, or has not one value for each member.

    References
    ----------
    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2.

    Examples
    --------
    >>> import torch
    >>> from skmixup.stack import StackedAdamW, StackedLinear
    >>> layer = StackedLinear(2, 4, 3)
    >>> optimizer = StackedAdamW(layer.parameters(), lr=[1e-3, 0.0])
    >>> before = layer.weight.detach().clone()
    >>> layer(torch.ones(2, 5, 4)).sum().backward()
    >>> optimizer.step()
    >>> (layer.weight == before).flatten(1).all(1)  # the second learns nothing
    tensor([False,  True])
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter]
        | Iterable[dict[str, Any]]
        | Iterable[tuple[str, nn.Parameter]],
        lr: float | Sequence[float] | Array = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | Sequence[float] | Array = 1e-2,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        defaults["decay_factor"] = 1.0  # a group's own, times all members' weight_decay
        super().__init__(params, defaults)
        self._cuts: set[int] = set()
        self._plans: dict[tuple[Any, ...], _Plan] = {}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step with all members that have a gradient.

        Parameters
        ----------
        closure : None
            Not supported.
        """
        if closure is not None:
            raise ValueError("StackedAdamW takes no closure.")
        self.advance()

    @torch.no_grad()
    def advance(self, n_active: int | None = None) -> None:
        """Take a step with the first members only, and without `step`'s hooks.

        Parameters
        ----------
        n_active : int, default=None
            How many; by default all.
        """
        self.prepare(n_active)()

    @torch.no_grad()
    def prepare(self, n_active: int | None = None) -> Callable[[], None]:
        """Make ready for many steps of the first members.

        Parameters
        ----------
        n_active : int, default=None
            How many; by default all.

        Returns
        -------
        advance : callable
            Takes a step. To be used without recording a graph, and while the parameter
            groups and the places of the gradients in memory stay as they are.
        """
        key = (n_active, *map(self._group_key, self.param_groups))
        if key not in self._plans:
            if len(self._plans) > 16:  # a schedule makes one for each learning rate
                self._plans.clear()
            self._plans[key] = self._make_plan(n_active)
        return functools.partial(_advance, *self._plans[key])

    @staticmethod
    def _group_key(group: dict[str, Any]) -> tuple[Any, ...]:
        """Return what a plan for a group depends on."""
        grads = [p.grad for p in group["params"]]
        places = tuple(None if g is None else g.data_ptr() for g in grads)
        places += tuple(p.data_ptr() for p in group["params"])
        per_member = (_hashable(group["lr"]), _hashable(group["weight_decay"]))
        alike = (group["betas"], group["eps"], group["decay_factor"])
        return *per_member, *alike, places

    def _make_plan(self, n_active: int | None) -> _Plan:
        """Return the counts to raise, and the arguments of the fused calls."""
        counts, calls = [], []
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            n_members = len(params[0])
            n_active = n_members if n_active is None else n_active
            if n_active < n_members and n_active not in self._cuts:
                self._cuts.add(n_active)
                self._plans.clear()  # their runs ignore this one
            count = self._state_of(params)
            counts.append(count[:n_active])
            for first, last in self._runs(group, count, n_active):
                calls.append(self._call(group, params, count, slice(first, last)))
        return counts, calls

    def group_of(self, parameter: nn.Parameter) -> dict[str, Any]:
        """Return the parameter group that a parameter is in.

        Parameters
        ----------
        parameter : torch.nn.Parameter

        Returns
        -------
        group : dict
        """
        return next(
            group
            for group in self.param_groups
            if any(parameter is other for other in group["params"])
        )

    def state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Return a parameter's running means and the members' counts of steps.

        Parameters
        ----------
        parameter : torch.nn.Parameter

        Returns
        -------
        state : dict of str to torch.Tensor
            "exp_avg", "exp_avg_sq" and "step", which its group shares: made if they are
            not there.
        """
        self._state_of(self.group_of(parameter)["params"])
        return self.state[parameter]

    def _state_of(self, params: list[nn.Parameter]) -> Tensor:
        """Make the parameters' state where there is none; return the shared count."""
        for p in params:
            if not self.state[p]:
                self.state[p]["step"] = torch.zeros(
                    len(p), dtype=torch.float32, device=p.device
                )
                for name in ("exp_avg", "exp_avg_sq"):
                    self.state[p][name] = torch.zeros_like(
                        p, memory_format=torch.contiguous_format
                    )
        # Loading a state makes a count for each parameter: let them be one again.
        count = self.state[params[0]]["step"].to(params[0].device)
        for p in params:
            self.state[p]["step"] = count
        return count

    def _runs(
        self, group: dict[str, Any], count: Tensor, n_active: int
    ) -> Iterable[tuple[int, int]]:
        """Yield the ranges of neighbors that agree in all that a call takes."""
        n_members = len(count)
        if n_members == 1:
            return [(0, 1)]
        agree = np.ones(max(n_members - 1, 0), dtype=bool)
        for values in (group["lr"], group["weight_decay"], count.cpu().numpy()):
            agree &= np.diff(np.broadcast_to(values, n_members)) == 0
        cuts = {*(np.flatnonzero(~agree) + 1).tolist(), *self._cuts, 0, n_active}
        return pairwise(sorted(cut for cut in cuts if cut <= n_active))

    def _call(
        self,
        group: dict[str, Any],
        params: list[nn.Parameter],
        count: Tensor,
        run: slice,
    ) -> _Call:
        first = run.start
        states = [self.state[p] for p in params]
        args: tuple[list[Tensor], ...] = (
            [p[run] for p in params],
            [grad_of(p)[run] for p in params],
            [state["exp_avg"][run] for state in states],
            [state["exp_avg_sq"][run] for state in states],
            [],
            [count[first : first + 1]] * len(params),
        )
        beta1, beta2 = group["betas"]
        kwargs = {
            "lr": float(np.broadcast_to(group["lr"], len(count))[first]),
            "weight_decay": group["decay_factor"]
            * float(np.broadcast_to(group["weight_decay"], len(count))[first]),
            "beta1": beta1,
            "beta2": beta2,
            "eps": group["eps"],
            "amsgrad": False,
            "maximize": False,
        }
        return args, kwargs

    # torch's own import torch._dynamo, which takes over a second, to switch it off.
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; see :class:`torch.optim.Optimizer`."""
        inspect.unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)
        group = self.param_groups[-1]
        for name in ("lr", "weight_decay"):
            for parameter in group["params"]:
                check_member_values(name, group[name], len(parameter))
            if not (np.asarray(group[name], dtype=float) >= 0).all():
                raise ValueError(
                    f"{name} must not be negative, got {shown(group[name])}."
                )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients; see :class:`torch.optim.Optimizer`."""
        if set_to_none:
            self._plans.clear()  # which would keep them in memory
        inspect.unwrap(torch.optim.Optimizer.zero_grad)(self, set_to_none)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state; see :class:`torch.optim.Optimizer`."""
        inspect.unwrap(torch.optim.Optimizer.load_state_dict)(self, state_dict)
        self._plans.clear()

    def __getstate__(self) -> dict[str, Any]:
        # A plan points into tensors, and would be copied apart from them.
        return super().__getstate__() | {"_cuts": self._cuts, "_plans": {}}


def _advance(counts: list[Tensor], calls: list[_Call]) -> None:
    for count in counts:
        count += 1
    for args, kwargs in calls:
        torch._fused_adamw_(*args, **kwargs)


def _hashable(values: Any) -> Any:
    return tuple(values) if np.ndim(values) else values
