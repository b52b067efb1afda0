"""mixup, exactly: coefficients, partners, and the mixed batch.

Random numbers are drawn in one place (``draw_*``, ``Mixer.draw``) from a NumPy
generator that the caller owns, and applied in another (``mix``, ``Mixer.mix``) by pure
functions on tensors. λ always weights the first row, in X and y alike.
"""

from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch.nn import functional as F

from ._sparse import SparseRows


def check_alpha(alpha):
    """Return `alpha` as a float, or raise if Beta(alpha, alpha) has no meaning.

    Parameters
    ----------
    alpha : float
        Parameter of the Beta distribution, in [0, inf].

    Returns
    -------
    alpha : float

    Raises
    ------
    ValueError
        If `alpha` is negative or not a number.
    TypeError
        If `alpha` is not a real number.
    """
    if isinstance(alpha, (str, bytes)) or np.ndim(alpha) != 0:
        raise TypeError(f"alpha must be a number in [0, inf], got {alpha!r}.")
    value = float(alpha)
    if not value >= 0:
        raise ValueError(f"alpha must be in the range [0, inf], got {value!r}.")
    return value


def check_lambda_per(lambda_per):
    """Raise ValueError unless `lambda_per` is "batch" or "row"."""
    if lambda_per not in ("batch", "row"):
        raise ValueError(f"lambda_per must be 'batch' or 'row', got {lambda_per!r}.")


def draw_lambda(alpha, size=None, rng=None):
    """Draw mixing coefficients λ ~ Beta(alpha, alpha).

    Parameters
    ----------
    alpha : float
        In [0, inf]. 0 gives λ = 1 always (no mixing), inf gives λ = 1/2.
    size : int or tuple of int, default=None
        Shape of the result; None for a single number.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.

    Returns
    -------
    lam : float or ndarray of shape `size`
        Coefficients in [0, 1].

    Raises
    ------
    ValueError
        If `alpha` is negative or not a number.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization",
    2017, section 2.

    Examples
    --------
    >>> from skmixup import draw_lambda
    >>> draw_lambda(0, size=3)
    array([1., 1., 1.])
    >>> draw_lambda(float("inf"), size=2)
    array([0.5, 0.5])
    >>> draw_lambda(0.4, size=2, rng=0).round(3)
    array([0.895, 0.906])
    """
    alpha = check_alpha(alpha)
    shape = () if size is None else size
    if alpha == 0:
        return np.ones(shape)[()]
    # Beta(a, a) has standard deviation 1 / (2 sqrt(2a + 1)): past 1e12 all is 1/2.
    if alpha > 1e12:
        return np.full(shape, 0.5)[()]
    lam = np.asarray(np.random.default_rng(rng).beta(alpha, alpha, shape))
    # NumPy returns nan where both gamma variates underflow (alpha below about 1e-3):
    # there Beta(a, a) is a fair coin between 0 and 1, and both mean an unmixed row.
    lam[np.isnan(lam)] = 1.0
    return lam[()]


def draw_real_share(alpha, size=None, rng=None):
    """Draw the real row's share λ of rows mixed of real and generated ones.

    Beta(alpha, alpha) for every alpha, and its limit at 0: a fair coin between 0 and 1.
    Unlike :func:`draw_lambda`, whose λ is 1 there: a row left unmixed is then either
    the first or the second, and here it matters which.

    Parameters
    ----------
    alpha : float
        In [0, inf]. 0 gives unmixed rows, real or generated; inf gives λ = 1/2.
    size : int or tuple of int, default=None
        Shape of the result; None for a single number.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.

    Returns
    -------
    lam : float or ndarray of shape `size`
        Shares in [0, 1].

    Raises
    ------
    ValueError
        If `alpha` is negative or not a number.

    Examples
    --------
    >>> from skmixup import draw_real_share
    >>> draw_real_share(0, size=4, rng=0)
    array([0., 0., 0., 1.])
    """
    rng = np.random.default_rng(rng)
    # Beta(a, a) is symmetric, so that turning it over by a fair coin changes nothing
    # but the λ = 1 that stands for "unmixed".
    turned = rng.integers(2, size=size)
    return np.abs(turned - draw_lambda(alpha, size, rng))


def draw_partners(n_rows, n_batches=None, rng=None):
    """Draw for each row of a batch the row it is mixed with.

    A random permutation of the same batch, as in the paper's code. A batch of one row
    is its own partner.

    Parameters
    ----------
    n_rows : int
        Rows in a batch.
    n_batches : int, default=None
        Number of batches; None for one batch without a leading axis.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.

    Returns
    -------
    partner : ndarray of int64, shape (n_rows,) or (n_batches, n_rows)
        A permutation of ``range(n_rows)``, one for each batch.

    Examples
    --------
    >>> from skmixup import draw_partners
    >>> draw_partners(5, rng=0)
    array([2, 4, 3, 0, 1])
    """
    rng = np.random.default_rng(rng)
    if n_batches is None:
        return rng.permutation(n_rows)
    return rng.permuted(np.tile(np.arange(n_rows), (n_batches, 1)), axis=1)


def mix(first, second, lam):
    """Mix two tensors: λ·first + (1−λ)·second.

    Parameters
    ----------
    first, second : torch.Tensor of the same shape
        Floating-point rows and their partners.
    lam : float or torch.Tensor
        Weight of `first`. A tensor's dimensions are matched with the leading ones of
        `first`.

    Returns
    -------
    mixed : torch.Tensor, shape of `first`
        A new tensor; equal to `first`, bit for bit, where λ is 1.

    Examples
    --------
    >>> import torch
    >>> from skmixup import mix
    >>> mix(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), 0.75)
    tensor([1.5000, 2.5000])
    """
    if isinstance(lam, torch.Tensor):
        lam = lam.to(first.dtype)
        lam = lam.reshape(lam.shape + (1,) * (first.dim() - lam.dim()))
    return torch.lerp(second, first, lam)


def one_hot(y, n_classes=None, dtype=torch.float32):
    """Make class indices into one-hot rows; leave floating-point targets alone.

    Parameters
    ----------
    y : torch.Tensor
        Integer class indices of any shape, or floating-point targets (soft labels,
        regression).
    n_classes : int, default=None
        Width of the one-hot rows; by default the largest index plus one.
    dtype : torch.dtype, default=torch.float32
        Type of the result.

    Returns
    -------
    targets : torch.Tensor, shape (*y.shape, n_classes), or `y` itself

    Examples
    --------
    >>> import torch
    >>> from skmixup import one_hot
    >>> one_hot(torch.tensor([1, 0]), 3)
    tensor([[0., 1., 0.],
            [1., 0., 0.]])
    """
    if y.is_floating_point():
        return y
    return F.one_hot(y.long(), -1 if n_classes is None else n_classes).to(dtype)


def read_targets(y):
    """Tell class indices from indicators by their shape, in targets of any type.

    Parameters
    ----------
    y : torch.Tensor

    Returns
    -------
    targets : torch.Tensor
        int64 class indices of shape (n_rows,), for integers of that shape or in one
        column; else floating-point targets, as they come or made of integers 0 and 1.

    Raises
    ------
    ValueError
        If integers are neither indices nor an indicator matrix.
    """
    if y.is_floating_point():
        return y
    whole = not y.is_complex()
    if whole and (y.dim() == 1 or (y.dim() == 2 and y.shape[1] == 1)):
        return y.long().flatten()
    if not whole or y.dim() != 2 or not ((y == 0) | (y == 1)).all():
        raise ValueError(
            f"y has shape {tuple(y.shape)} and type {y.dtype}: give class indices of "
            "shape (n_rows,), a one-hot or indicator matrix (n_rows, n_classes) of 0 "
            "and 1, or floating-point targets."
        )
    return y.to(torch.float32)


def soft_cross_entropy(logits, targets):
    """Cross-entropy of each row with soft targets, −Σ_c y_c · log softmax(logits)_c.

    For y~ = λ·y_i + (1−λ)·y_j it equals λ·CE(y_i) + (1−λ)·CE(y_j): the loss is linear
    in the target.

    Parameters
    ----------
    logits, targets : torch.Tensor of shape (..., n_classes)
        Scores before softmax, and rows of target weights.

    Returns
    -------
    loss : torch.Tensor of shape (...)

    Examples
    --------
    >>> import torch
    >>> from skmixup import soft_cross_entropy
    >>> soft_cross_entropy(torch.zeros(1, 2), torch.tensor([[0.3, 0.7]]))
    tensor([0.6931])
    """
    return -(targets * logits.log_softmax(-1)).sum(-1)


def weighted_lambda(lam, weight, weight_partner):
    """Fold row weights into λ.

    λ·w_i·loss(y_i) + (1−λ)·w_j·loss(y_j) is a row of weight w~ whose target is mixed
    with λ', where w~ = λ·w_i + (1−λ)·w_j and λ' = λ·w_i / w~.

    Parameters
    ----------
    lam, weight, weight_partner : torch.Tensor of broadcastable shapes
        Coefficients, and the weights of the first rows and of their partners.

    Returns
    -------
    lam_target, weight_mixed : torch.Tensor
        λ' and w~.
    """
    kept = lam * weight
    total = torch.lerp(weight_partner, weight, lam)
    return torch.where(total > 0, kept / total, lam), total


def _take_rows(rows, partner):
    """Return ``rows[k, ..., partner[k, ...]]``, further dimensions whole."""
    index = partner.reshape(partner.shape + (1,) * (rows.dim() - partner.dim()))
    return torch.take_along_dim(rows, index, dim=partner.dim() - 1)


class Mixer:
    """What a mixing variant is: random numbers drawn, then applied.

    Subclasses override `mix`, and `draw` if λ and partners are not all they need.
    Batches have shape (K members, S steps, B rows, ...).
    """

    def bind(self, groups):
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

    def draw(self, rng, lam):
        """Draw what one member needs for S steps beyond λ and partners.

        Parameters
        ----------
        rng : numpy.random.Generator
            The member's own stream.
        lam : ndarray of shape (S, 1) or (S, B)
            Coefficients, one a batch or one a row.

        Notes
        -----
        The steps must be drawn one after the other: S calls for a step each must give
        the same numbers as a call for S steps.

        Returns
        -------
        drawn : dict of str to ndarray, first axis S
            Passed to `mix` as CPU tensors with a leading member axis.
        """
        return {}

    def mix(self, X, X_partner, lam, **drawn):
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
            The weight of the first row's target.
        """
        raise NotImplementedError

    def attached(self, module):
        """Return a context in which `module` mixes inside; by default it does not."""
        return nullcontext()


class InputMixup(Mixer):
    """Plain mixup: whole rows, x~ = λ·x_i + (1−λ)·x_j (Zhang et al. 2017)."""

    def mix(self, X, X_partner, lam):
        """Mix rows with their partners; see `Mixer.mix`."""
        if isinstance(X, SparseRows):
            return X.mix(X_partner, lam), lam
        return mix(X, X_partner, lam), lam


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

    def __init__(self, groups=None):
        self.groups = groups

    def bind(self, groups):
        """Return a CutMix of these groups, unless this one has its own."""
        return self if groups is None or self.groups is not None else CutMix(groups)

    def _group_index(self, n_columns):
        if self.groups is None:
            return np.arange(n_columns)
        groups = np.unique(np.asarray(self.groups), return_inverse=True)[1]
        if len(groups) != n_columns:
            raise ValueError(
                f"groups must name a group for each of the {n_columns} columns, got "
                f"{len(groups)}."
            )
        return groups

    def draw(self, rng, lam):
        """Draw a random order of the columns, as seeds; see `Mixer.draw`."""
        return {"column_seed": rng.integers(2**63, size=lam.shape)}

    def mix(self, X, X_partner, lam, column_seed):
        """Swap columns with the partners'; see `Mixer.mix`."""
        flat = X.flatten(3)
        groups = self._group_index(flat.shape[-1])
        n_groups = groups.max(initial=-1) + 1
        n_kept = torch.round(lam * n_groups)
        rank = _column_ranks(column_seed.numpy(), n_groups)
        keep = torch.as_tensor(rank, device=X.device) < n_kept[..., None]
        keep = keep[..., torch.as_tensor(groups, device=X.device)]
        mixed = torch.where(keep, flat, X_partner.flatten(3)).reshape(X.shape)
        return mixed, n_kept / max(n_groups, 1)


def _column_ranks(seeds, n_groups):
    """Rank the columns at random for each seed: shape (*seeds.shape, n_groups)."""
    # A counter hashed with the seed (the finalizer of splitmix64): vectorized, and the
    # same for a member whoever trains beside it.
    with np.errstate(over="ignore"):
        x = seeds.astype(np.uint64)[..., None] + np.arange(
            1, n_groups + 1, dtype=np.uint64
        ) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).argsort(-1).argsort(-1)


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

    def __init__(self, layers=None):
        self.layers = layers

    def draw(self, rng, lam):
        """Draw each step's layer as a number in [0, 1); see `Mixer.draw`."""
        return {"depth": rng.random(len(lam))}

    def mix(self, X, X_partner, lam, depth):
        """Leave the rows alone: the layers mix; see `Mixer.mix`."""
        return X, lam

    def _find_layers(self, module):
        if self.layers is not None:
            found = dict(module.named_modules())
            missing = [name for name in self.layers if name not in found]
            if missing:
                raise ValueError(
                    f"layers {missing} are not submodules of {type(module).__name__}; "
                    f"it has {[name for name in found if name]}."
                )
            return [found[name] for name in self.layers]
        if hasattr(module, "mixable_layers"):
            return module.mixable_layers()
        return [m for m in module.children() if any(True for _ in m.parameters())]

    @contextmanager
    def attached(self, module):
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

    def __init__(self, n_layers, stacked):
        self.n_layers = n_layers
        self.stacked = stacked
        self.step = None

    @contextmanager
    def using(self, lam, partner, depth):
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

    def hook(self, layer):
        """Return a forward-pre-hook for the layer of this number."""

        def mix_input(module, args):
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


MIXERS = {"input": InputMixup, "manifold": ManifoldMixup, "cutmix": CutMix}


def make_mixer(mixing, groups=None):
    """Return the mixer that a `mixing` parameter names.

    Parameters
    ----------
    mixing : {"input", "manifold", "cutmix"}, Mixer or None
        None switches mixing off.
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
        "mixing must be 'input', 'manifold', 'cutmix', a Mixer or None, got "
        f"{mixing!r}."
    )


def mixup_batch(
    X,
    y,
    alpha=1.0,
    *,
    mixing="input",
    lambda_per="batch",
    n_classes=None,
    groups=None,
    rng=None,
):
    """Mix a batch of rows and labels, for use in any torch training loop.

    Parameters
    ----------
    X : torch.Tensor of shape (n_rows, ...)
        Floating-point rows (or images, sequences), encoded and scaled.
    y : torch.Tensor of shape (n_rows,) or (n_rows, n_outputs)
        Class indices (also in one column), a one-hot or indicator matrix of any type,
        or floating-point targets (soft labels, regression).
    alpha : float, default=1.0
        λ ~ Beta(alpha, alpha), in [0, inf]; 0 leaves the batch as it is.
    mixing : {"input", "cutmix"} or Mixer, default="input"
        "manifold" mixes inside a module and needs :class:`MixupNet`.
    lambda_per : {"batch", "row"}, default="batch"
        Draw one λ for the batch or one for each row.
    n_classes : int, default=None
        Width of the one-hot targets; by default the largest class index plus one.
    groups : array-like of int of shape (n_columns,), default=None
        For CutMix: columns of the same group are swapped together.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`. Pass a
        generator that lives as long as the loop: an int gives the same mix each time.

    Returns
    -------
    X_mixed : torch.Tensor, shape of X
    y_mixed : torch.Tensor of shape (n_rows, n_classes) or the shape of y
        Soft targets, as :func:`torch.nn.functional.cross_entropy` takes them.

    Raises
    ------
    ValueError
        If a parameter is out of range, X and y have no rows or different numbers of
        them, or integers in y are neither class indices nor 0 and 1.
    TypeError
        If X or y is no tensor.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skmixup import mixup_batch
    >>> X, y = torch.eye(4), torch.tensor([0, 1, 2, 1])
    >>> rng = np.random.default_rng(0)
    >>> X_mixed, y_mixed = mixup_batch(X, y, alpha=0.4, rng=rng)
    >>> loss = torch.nn.functional.cross_entropy(X_mixed[:, :3], y_mixed)
    """
    for name, value in (("X", X), ("y", y)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(value)}.")
    if X.dim() < 2:
        raise ValueError(f"X must have rows and columns, got shape {tuple(X.shape)}.")
    n_rows = len(y) if y.dim() else 0
    if len(X) != n_rows:
        raise ValueError(f"X has {len(X)} rows and y has {n_rows}: they must agree.")
    if not n_rows:
        raise ValueError("Found a batch of 0 rows, while at least one is required.")
    if not X.is_floating_point():
        raise ValueError(
            f"X must be floating-point to be mixed, got {X.dtype}: encode and scale it."
        )
    mixer = make_mixer(mixing, groups)
    if mixer is None or isinstance(mixer, ManifoldMixup):
        raise ValueError("mixup_batch takes mixing='input', 'cutmix' or such a Mixer.")
    targets = _batch_targets(y, n_classes, X.dtype)
    rng = np.random.default_rng(rng)
    draws = draw_steps(mixer, [(rng, rng, rng)], [alpha], 1, [len(X)], lambda_per)
    draws = {name: torch.from_numpy(a) for name, a in draws.items()}
    lam, partner = (draws.pop(name).to(X.device) for name in ("lam", "partner"))
    partner = partner[0, 0]
    X_mixed, lam = mixer.mix(X[None, None], X[partner][None, None], lam, **draws)
    return X_mixed[0, 0], mix(targets, targets[partner], lam[0, 0])


def _batch_targets(y, n_classes, dtype):
    """Return floating-point targets of a batch, or raise if they don't fit."""
    targets = read_targets(y)
    if targets.is_floating_point():
        if n_classes not in (None, y.shape[-1]) and not y.is_floating_point():
            raise ValueError(
                f"n_classes is {n_classes}, and y has {y.shape[-1]} columns: leave "
                "n_classes out, or give class indices."
            )
        return y if y.is_floating_point() else targets.to(dtype)
    low, high = (int(f(targets)) for f in (torch.min, torch.max))
    if low < 0 or (n_classes is not None and high >= n_classes):
        raise ValueError(
            f"y holds {low if low < 0 else high}: class indices count from 0"
            + ("." if n_classes is None else f", and n_classes is {n_classes}.")
        )
    return one_hot(targets, n_classes, dtype)


def mixup_real_fake(real, fake, alpha=0.2, *, lam=None, rng=None):
    """Mix real rows with generated ones, for the discriminator of a GAN.

    In place of telling real rows (target 1) from generated ones (target 0), the
    discriminator learns how much of a mixture is real: x~ = λ·real + (1−λ)·fake has the
    target λ, and the loss is the binary cross-entropy.

    Parameters
    ----------
    real, fake : torch.Tensor of the same shape (B, ...)
        Rows of one floating-point type. Gradients pass to both: detach `fake` in the
        discriminator's step.
    alpha : float, default=0.2
        Parameter of Beta(alpha, alpha), from which one λ a row is drawn, in [0, inf].
        0 is a GAN without mixup: each row is real or generated, by a fair coin.
    lam : array-like or torch.Tensor, default=None
        Shares drawn beforehand by :func:`draw_real_share`, which replace `alpha` and
        `rng`. Its shape is that of the leading dimensions of `real`: (B,), or (K, B)
        for a stack of K members with a batch each.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.

    Returns
    -------
    X_mixed : torch.Tensor, shape of `real`
    target : torch.Tensor, shape (B,) or that of `lam`
        λ, the share of the real row.

    Raises
    ------
    TypeError
        If rows are no tensors.
    ValueError
        If shapes or types differ, rows are not floating-point, or `alpha` or `lam` is
        out of range.

    Notes
    -----
    In the paper's formula the generator, too, learns through the mixtures. The usual
    way is to show its rows as they are to the discriminator, as if they were real:
    target 1, the non-saturating loss.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization",
    2017, section 3.8.

    Examples
    --------
    >>> import torch
    >>> from skmixup import mixup_real_fake
    >>> real, fake = torch.ones(3, 2), torch.zeros(3, 2)
    >>> X, target = mixup_real_fake(real, fake, alpha=1.0, rng=0)
    >>> torch.equal(X, target[:, None].expand(3, 2))
    True
    """
    for name, rows in (("real", real), ("fake", fake)):
        if not isinstance(rows, torch.Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(rows).__name__}")
    if real.shape != fake.shape:
        raise ValueError(
            f"real has shape {tuple(real.shape)} and fake {tuple(fake.shape)}: they "
            "must be the same."
        )
    if real.dtype != fake.dtype or not real.is_floating_point():
        raise ValueError(
            "real and fake must be of one floating-point type, got "
            f"{real.dtype} and {fake.dtype}"
        )
    if lam is None:
        lam = torch.from_numpy(draw_real_share(alpha, len(real), rng))
    else:
        if not isinstance(lam, torch.Tensor):
            lam = torch.from_numpy(np.asarray(lam, dtype=np.float64))
        if not lam.dim() or lam.shape != real.shape[: lam.dim()]:
            raise ValueError(
                f"lam has shape {tuple(lam.shape)}, which are no leading dimensions of "
                f"rows of shape {tuple(real.shape)}"
            )
        if not ((lam >= 0) & (lam <= 1)).all():
            raise ValueError("lam must be in [0, 1]")
    lam = lam.to(real)
    return mix(real, fake, lam), lam


def draw_steps(mixer, rngs, alphas, n_steps, n_rows, lambda_per):
    """Draw all random numbers of some steps, for each member from its own streams.

    λ's, partners and the mixer's own come from a stream each: so it makes no difference
    how many steps are drawn at a time.

    Parameters
    ----------
    mixer : Mixer
    rngs : sequence of K tuples of three numpy.random.Generator
        For λ, for partners, and for the mixer.
    alphas : sequence of float, length K
    n_steps : int
    n_rows : sequence of int, length K
        Rows a step.
    lambda_per : {"batch", "row"}

    Returns
    -------
    draws : dict of str to ndarray, leading axes (K, n_steps)
        "lam" (float32; K, S, 1 or B), "partner" (int64; K, S, B) and the mixer's own,
        where B is the largest of `n_rows`. A row beyond a member's own has itself for
        its partner.
    """
    check_lambda_per(lambda_per)
    widest = max(n_rows)
    members = []
    for (rng, rng_partners, rng_mixer), alpha, size in zip(
        rngs, alphas, n_rows, strict=True
    ):
        lam = draw_lambda(alpha, (n_steps, 1 if lambda_per == "batch" else size), rng)
        partner = draw_partners(size, n_steps, rng_partners)
        drawn = mixer.draw(rng_mixer, lam)
        if size < widest:
            stay = np.tile(np.arange(size, widest), (n_steps, 1))
            partner = np.concatenate([partner, stay], axis=1)
            if lambda_per == "row":
                drawn = {k: _pad(v, lam.shape, widest) for k, v in drawn.items()}
                lam = _pad(lam, lam.shape, widest)
        members.append({"lam": lam.astype(np.float32), "partner": partner} | drawn)
    return {name: np.stack([m[name] for m in members]) for name in members[0]}


def _pad(drawn, shape, widest):
    """Repeat what was drawn for the last row, where there is a draw for each row."""
    if drawn.shape[:2] != shape:
        return drawn
    return drawn[:, np.minimum(np.arange(widest), shape[1] - 1)]
