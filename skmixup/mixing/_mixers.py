"""The mixing variants."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from inspect import signature
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from .._typing import Array
from ..stack._embedding import CodedRows
from ._core import _take_rows, mix
from ._draws import check_reach


class Mixer:
    """What a mixing variant is: random numbers drawn, then applied.

    Subclasses override `mix`, and `draw` if λ and partners are not all they need.
    Batches have shape (K members, S steps, B rows, ...).

    Attributes
    ----------
    mixes_inside : bool
        Whether it mixes inside a module, and so needs :class:`MixupNet`.
    reach : float, default=0.0
        How far beyond [0, 1] the λ's lie that are drawn for it; see
        :func:`draw_lambda`.
    """

    mixes_inside = False
    reach: float = 0.0

    def __repr__(self) -> str:
        # With its parameters, so that searches tell settings apart.
        given = vars(self)
        names = [name for name in signature(type(self)).parameters if name in given]
        shown = ", ".join(f"{name}={given[name]!r}" for name in names)
        return f"{type(self).__name__}({shown})"

    def bind(self, groups: ArrayLike | None) -> Mixer:
        """Return a mixer that knows which encoded columns belong together.

        The one place where a mixer is told of the table: every estimator, search and
        `mixup_batch` calls it before the first draw.

        Parameters
        ----------
        groups : ndarray of int of shape (n_outputs,) or None
            Input column of each encoded column (``TabularEncoder.column_groups_``);
            None where nobody knows.

        Returns
        -------
        mixer : Mixer
            By default this one, which treats all columns alike. One that does not
            returns a new one, and leaves this one as it is.
        """
        return self

    def draw(self, rng: np.random.Generator, lam: Array) -> dict[str, Array]:
        """Draw what one member needs for S steps beyond λ and partners.

        Parameters
        ----------
        rng : numpy.random.Generator
            The member's own stream.
        lam : ndarray of shape (S, 1) or (S, B)
            Coefficients in [−reach, 1 + reach], one a batch or one a row.

        Returns
        -------
        drawn : dict of str to ndarray, first axis S
            Passed to `mix` as CPU tensors with a leading member axis.

        Notes
        -----
        The steps must be drawn one after the other: S calls for a step each must give
        the same numbers as a call for S steps.
        """
        return {}

    def draw_batches(
        self, rng: np.random.Generator, lam: Array, n_rows: int
    ) -> dict[str, Array]:
        """Draw as `draw` does, which it calls, where the number of rows matters.

        Parameters
        ----------
        rng, lam
            As for `draw`.
        n_rows : int
            B, the member's rows in each of the S batches. Where another member has
            more, `mix` is given further rows, whose mixtures are not looked at.

        Returns
        -------
        drawn : dict of str to ndarray, first axis S
        """
        return self.draw(rng, lam)

    # Type checkers let subclasses name what they have drawn, since `*args` is there.
    def mix(
        self, X: Any, X_partner: Any, lam: Tensor, *args: Any, **drawn: Any
    ) -> tuple[Any, Tensor]:
        """Mix rows with their partners.

        Parameters
        ----------
        X, X_partner : torch.Tensor of shape (K, S, B, ...)
        lam : torch.Tensor of shape (K, S, 1) or (K, S, B)
        **drawn : torch.Tensor
            What `draw` returned, in main memory.

        Returns
        -------
        X_mixed : torch.Tensor, shape of X
        lam_target : torch.Tensor of shape (K, S, 1) or (K, S, B)
            The weight of the first row's target, in [0, 1].
        """
        raise NotImplementedError

    def attached(self, module: nn.Module) -> AbstractContextManager[Any]:
        """Return a context in which `module` mixes inside; by default it does not."""
        return nullcontext()


class InputMixup(Mixer):
    """Plain mixup: whole rows, x~ = λ·x_i + (1−λ)·x_j (Zhang et al. 2017).

    With a reach above 0, rows are extrapolated as well: λ comes from a Beta
    distribution stretched to [−reach, 1 + reach], and x~ may lie on the line through
    both rows beyond either of them. The target's weight is λ clipped to [0, 1]: beyond
    a row, its own target holds. (Weights below 0 would leave cross-entropy without a
    lower bound: the loss of a class of weight −w falls with log p for ever.)

    Parameters
    ----------
    reach : float, default=0.0
        How far beyond the rows, as a share of the way between them, in [0, inf).

    Raises
    ------
    ValueError
        If `reach` is negative, infinite or not a number.

    Examples
    --------
    >>> import torch
    >>> from skmixup import mixup_batch
    >>> from skmixup.mixing import InputMixup
    >>> X, y = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
    >>> X_mixed, y_mixed = mixup_batch(X, y, 0.1, mixing=InputMixup(reach=0.5), rng=0)
    >>> X_mixed  # each farther from the other
    tensor([[-0.4996],
            [ 1.4996]])
    >>> y_mixed
    tensor([[1., 0.],
            [0., 1.]])
    """

    def __init__(self, reach: float = 0.0) -> None:
        self.reach = check_reach(reach)

    def mix(self, X: Any, X_partner: Any, lam: Tensor) -> tuple[Any, Tensor]:
        """Mix rows with their partners; see `Mixer.mix`."""
        lam_target = lam.clamp(0, 1) if self.reach else lam
        if not isinstance(X, torch.Tensor):  # rows in a form that knows it better
            return X.mix(X_partner, lam), lam_target
        return mix(X, X_partner, lam), lam_target


class CutMix(Mixer):
    """CutMix on tables: a random subset of columns comes from the partner.

    Of G columns, round(λ·G) are kept, and the first target's weight is the share of
    columns kept. All output columns of one input column move together, so that a
    category stays one-hot.

    Parameters
    ----------
    groups : array-like of int of shape (n_outputs,), default=None
        Input column of each encoded column. By default as a :class:`TabularEncoder`
        within the estimator tells (``column_groups_``); where there is none, each
        column is its own.

    References
    ----------
    Yun et al., "CutMix", 2019, carried to tables as in Kadra et al., "Well-tuned
    Simple Nets Excel on Tabular Datasets", 2021.
    """

    def __init__(self, groups: ArrayLike | None = None) -> None:
        self.groups = groups

    def bind(self, groups: ArrayLike | None) -> CutMix:
        """Return a CutMix of these groups, unless this one has its own."""
        return _bound(self, groups)

    def draw(self, rng: np.random.Generator, lam: Array) -> dict[str, Array]:
        """Draw a random order of the columns, as seeds; see `Mixer.draw`."""
        return {"column_seed": rng.integers(2**63, size=lam.shape)}

    def mix(
        self, X: Any, X_partner: Any, lam: Tensor, column_seed: Tensor
    ) -> tuple[Any, Tensor]:
        """Swap columns with the partners'; see `Mixer.mix`."""
        coded = isinstance(X, CodedRows)
        flat = X if coded else X.flatten(3)
        groups = _group_index(self.groups, flat.shape[-1])
        n_groups = groups.max(initial=-1) + 1
        n_kept = torch.round(lam * n_groups)
        rank = _column_ranks(column_seed.numpy(), n_groups)
        keep = torch.as_tensor(rank, device=X.device) < n_kept[..., None]
        keep = keep[..., torch.as_tensor(groups, device=X.device)]
        if coded:
            mixed = X.where(keep, X_partner)
        else:
            mixed = torch.where(keep, flat, X_partner.flatten(3)).reshape(X.shape)
        return mixed, n_kept / max(n_groups, 1)


def _bound(mixer: Any, groups: ArrayLike | None) -> Any:
    """Return a mixer with these groups, unless it has its own; of a subclass, such."""
    if groups is None or mixer.groups is not None:
        return mixer
    bound = copy.copy(mixer)
    bound.groups = groups
    return bound


def _group_index(groups: ArrayLike | None, n_columns: int) -> Array:
    """Return each column's group, counted from 0: by default, its own."""
    if groups is None:
        return np.arange(n_columns)
    index = np.unique(np.asarray(groups), return_inverse=True)[1]
    if len(index) != n_columns:
        raise ValueError(
            f"groups must name a group for each of the {n_columns} columns, got "
            f"{len(index)}."
        )
    return index


def _column_ranks(seeds: Array, n_groups: int) -> Array:
    """Rank the columns at random for each seed: shape (*seeds.shape, n_groups)."""
    return hash_counters(seeds, n_groups).argsort(-1).argsort(-1)


def hash_counters(seeds: Array, n: int) -> Array:
    """Return n random numbers for each seed, the same in any company.

    Parameters
    ----------
    seeds : ndarray of int
    n : int

    Returns
    -------
    numbers : ndarray of uint64 of shape (*seeds.shape, n)
        Counters from 1 hashed with the seed (the finalizer of splitmix64): the first
        ones are the same for every n.
    """
    with np.errstate(over="ignore"):
        x = seeds.astype(np.uint64)[..., None] + np.arange(
            1, n + 1, dtype=np.uint64
        ) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class NoiseMixup(Mixer):
    """Mixup with noise among the partners: a network then doubts rows off the data.

    Noise is a row whose columns are each that of another row of the batch, drawn at
    random: all values occur, but not together. A row that is mixed with noise learns
    its partner's target all the same. The partner is a row at random, and so its
    target, on average, the shares of the classes, or the mean of numbers: where no
    data are, these are predicted.

    All output columns of one input column move together, so that a category stays
    one-hot. Partners with targets like a row's own (``partner="target"`` of
    :class:`MixupRegressor`) are not at random: noise then has the row's own target.

    Parameters
    ----------
    share : float, default=0.1
        Probability that a row's partner is noise, in [0, 1]. The more there is, the
        better are rows off the data told, and the more log-loss do the default
        estimators lose on rows like the training rows; at 0.1 a little on one half of
        the development tables, none on the other (benchmarks/README.md, "Beyond the
        rows").
    groups : array-like of int of shape (n_outputs,), default=None
        As in :class:`CutMix`.

    Raises
    ------
    ValueError
        If `share` is out of its range or not a number.

    References
    ----------
    Noise is made as by Bahri et al., "SCARF: Self-Supervised Contrastive Learning using
    Random Feature Corruption", 2022; to learn the shares of rows off the data is
    outlier exposure: Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure",
    2019.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skmixup import MixupClassifier
    >>> from skmixup.mixing import NoiseMixup
    >>> X, y = load_wine(return_X_y=True)
    >>> clf = MixupClassifier(mixing=NoiseMixup(share=0.25), max_epochs=5)
    >>> clf.fit(X, y).predict_proba(X).shape
    (178, 3)
    """

    share: float
    groups: ArrayLike | None

    def __init__(self, share: float = 0.1, groups: ArrayLike | None = None) -> None:
        if not isinstance(share, Real):
            raise TypeError(f"share must be a number in [0, 1], got {share!r}.")
        if not 0 <= float(share) <= 1:
            raise ValueError(f"share must be in the range [0, 1], got {share!r}.")
        self.share = float(share)
        self.groups = groups

    def bind(self, groups: ArrayLike | None) -> NoiseMixup:
        """Return a NoiseMixup of these groups, unless this one has its own."""
        return _bound(self, groups)

    def draw(self, rng: np.random.Generator, lam: Array) -> dict[str, Array]:
        """Draw which rows give their columns, as seeds; see `Mixer.draw`."""
        return {"noise_seed": rng.integers(2**63, size=len(lam))}

    def draw_batches(
        self, rng: np.random.Generator, lam: Array, n_rows: int
    ) -> dict[str, Array]:
        """Draw so of a batch's own rows; see `Mixer.draw_batches`."""
        return self.draw(rng, lam) | {"n_rows": np.full(len(lam), n_rows)}

    def mix(
        self,
        X: Any,
        X_partner: Any,
        lam: Tensor,
        noise_seed: Tensor,
        n_rows: Tensor | None = None,
    ) -> tuple[Any, Tensor]:
        """Mix rows with their partners, or with noise; see `Mixer.mix`."""
        if n_rows is None:
            n_rows = torch.full_like(noise_seed, X.shape[2])
        n_columns = X.flatten(3).shape[-1] if isinstance(X, Tensor) else X.shape[-1]
        groups = _group_index(self.groups, n_columns)
        numbers = hash_counters(noise_seed.numpy(), X.shape[2])
        # The largest number below 2**64 that both types have, so that 1 is always.
        at = np.nonzero(numbers < np.uint64(self.share * (2**64 - 2**11)))
        columns = hash_counters(numbers[at], groups.max(initial=-1) + 1)
        count = n_rows.numpy().astype(np.uint64)[at[:2]][:, None]
        taken = ((columns >> np.uint64(32)) * count) >> np.uint64(32)
        rows = torch.from_numpy(taken.astype(np.int64)[:, groups]).to(X.device)
        where = tuple(torch.from_numpy(place).to(X.device) for place in at)
        if isinstance(X, CodedRows):
            m = X.n_coded
            index = _replace(X_partner.index, where, X.index, rows[:, :m])
            dense = _replace(X_partner.dense, where, X.dense, rows[:, m:])
            return X.mix(CodedRows(index, dense), lam), lam
        other = _replace(X_partner.flatten(3), where, X.flatten(3), rows)
        return mix(X, other.reshape(X.shape), lam), lam


def _replace(
    partner: Tensor, where: tuple[Tensor, ...], source: Tensor, rows: Tensor
) -> Tensor:
    """Return partners (K, S, B, D) of which some have columns of several rows.

    Those at `where`, N members, steps and rows, have column d of the row rows[:, d] of
    the source's batch.
    """
    _, n_steps, n_rows, width = source.shape
    batch = (where[0] * n_steps + where[1])[:, None] * n_rows
    place = (rows + batch) * width + torch.arange(width, device=source.device)
    replaced = partner.clone()
    # index_select is several times as fast as indexing with a tensor.
    taken = source.reshape(-1).index_select(0, place.flatten())
    replaced[where] = taken.view(place.shape)
    return replaced


class ManifoldMixup(Mixer):
    """Mix the input of a layer chosen at random for each batch.

    Parameters
    ----------
    layers : sequence of str, default=None
        Names of the submodules (as in ``module.named_modules()``) whose input may be
        mixed; the first layer's input is the row itself. By default
        ``module.mixable_layers()`` where there is one, else the direct children that
        have parameters, in order.

    References
    ----------
    Verma et al., "Manifold Mixup: Better Representations by Interpolating Hidden
    States", 2019.
    """

    mixes_inside = True

    def __init__(self, layers: Sequence[str] | None = None) -> None:
        self.layers = layers

    def draw(self, rng: np.random.Generator, lam: Array) -> dict[str, Array]:
        """Draw each step's layer as a number in [0, 1); see `Mixer.draw`."""
        return {"depth": rng.random(len(lam))}

    def mix(
        self, X: Any, X_partner: Any, lam: Tensor, depth: Tensor
    ) -> tuple[Any, Tensor]:
        """Leave the rows alone: the layers mix; see `Mixer.mix`."""
        return X, lam

    def _find_layers(self, module: nn.Module) -> list[nn.Module]:
        if self.layers is not None:
            found = dict(module.named_modules())
            missing = [name for name in self.layers if name not in found]
            if missing:
                raise ValueError(
                    f"layers {missing} are not submodules of {type(module).__name__}; "
                    f"it has {[name for name in found if name]}."
                )
            return [found[name] for name in self.layers]
        mixable_layers = getattr(module, "mixable_layers", None)
        if mixable_layers is not None:
            return mixable_layers()
        return [m for m in module.children() if any(True for _ in m.parameters())]

    @contextmanager
    def attached(self, module: nn.Module) -> Iterator[_LayerMixing]:
        """Put hooks on the layers; yields what tells them the step's draws."""
        layers = self._find_layers(module)
        if not layers:
            raise ValueError(
                f"mixing='manifold' needs layers with parameters, and "
                f"{type(module).__name__} has none: pass ManifoldMixup(layers=[...])."
            )
        inside = _LayerMixing(len(layers), stacked=hasattr(module, "n_members"))
        handles = [
            layer.register_forward_pre_hook(inside.hook(i))
            for i, layer in enumerate(layers)
        ]
        try:
            yield inside
        finally:
            for handle in handles:
                handle.remove()


class _LayerMixing:
    """The draws of the step under way, and the hooks that apply them."""

    def __init__(self, n_layers: int, stacked: bool) -> None:
        self.n_layers = n_layers
        self.stacked = stacked
        self.step: tuple[Tensor, Tensor, Array] | None = None

    @contextmanager
    def using(self, lam: Tensor, partner: Tensor, depth: Tensor) -> Iterator[None]:
        """Mix with λ (K, 1 or B), partners (K, B) and depths (K,), within a step."""
        chosen = (depth.numpy() * self.n_layers).astype(int)
        self.step = lam, partner, chosen
        self.n_calls = np.zeros(self.n_layers, dtype=int)
        try:
            yield
        finally:
            self.step = None
        if (self.n_calls[chosen] != 1).any():
            raise ValueError(
                "mixing='manifold' needs layers that the module calls once in a "
                f"forward pass; layer(s) {np.flatnonzero(self.n_calls != 1).tolist()} "
                "are called never or more often: pass ManifoldMixup(layers=[...])."
            )

    def hook(
        self, layer: int
    ) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...] | None]:
        """Return a forward-pre-hook for the layer of this number."""

        def mix_input(
            module: nn.Module, args: tuple[Tensor, ...]
        ) -> tuple[Tensor, ...] | None:
            if self.step is None:
                return None
            lam, partner, chosen = self.step
            self.n_calls[layer] += 1
            if not args:
                raise ValueError(
                    f"mixing='manifold' cannot mix the input of {module}: it is given "
                    "by keyword, and must be given by position."
                )
            if not (chosen == layer).any():
                return None
            here = torch.as_tensor(chosen == layer, device=lam.device)[:, None]
            hidden = args[0] if self.stacked else args[0][None]
            lam = torch.where(here, lam, 1.0)
            mixed = mix(hidden, _take_rows(hidden, partner), lam)
            return (mixed if self.stacked else mixed[0], *args[1:])

        return mix_input


def mixes_codes(mixing: object) -> bool:
    """Tell whether what `mixing` names can mix rows whose levels are codes.

    Whoever wrote another mixer expects a tensor of numbers.
    """
    return not isinstance(mixing, Mixer) or type(mixing) in MIXERS.values()


# All that `mixing` may name: a new variant is a class and an entry here.
MIXERS: dict[str, type[Mixer]] = {
    "input": InputMixup,
    "manifold": ManifoldMixup,
    "cutmix": CutMix,
    "noise": NoiseMixup,
}


def make_mixer(
    mixing: str | Mixer | None, groups: ArrayLike | None = None
) -> Mixer | None:
    """Return the mixer that a `mixing` parameter names.

    Parameters
    ----------
    mixing : str, Mixer or None
        A key of `MIXERS`; None switches mixing off.
    groups : array-like of int, default=None
        Input column of each encoded column, which the mixer is bound to.

    Returns
    -------
    mixer : Mixer or None

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if mixing is None:
        return None
    if isinstance(mixing, Mixer):
        return mixing.bind(groups)
    if mixing in MIXERS:
        return MIXERS[mixing]().bind(groups)
    raise ValueError(
        f"mixing must be one of {list(MIXERS)}, a Mixer or None, got {mixing!r}."
    )
