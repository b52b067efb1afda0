"""Toy generative adversarial networks: mixup in the discriminator, against none.

The mixup paper's section 3.8: the discriminator sees mixtures of real and generated
rows, and learns how much of each is real. All members of a stack, of either method and
of any seed, train in lockstep.
"""

import time
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from skmixup.mixing import draw_real_share, mixup_real_fake
from skmixup.stack import StackedAdamW, StackedMLP

from ...models.registry import Model
from ...run.fit import Fit
from ...run.schema import SCORE, SHARE, Field, Schema, array
from .metrics import measure
from .toy_sets import TOY_SETS

N_ROWS = 5000  # to train on
N_SAMPLES = 2000  # to measure by
N_SHOWN = 300  # of the samples, in a figure
N_PAIRS = 200  # of a real and a generated row, to measure gradients between
N_SHARES = 11  # of the real row, evenly spaced from 0 to 1, where they are measured
# A GAN without mixup as is usual, of twice the rows a step; and one like mixup's.
TWO_BATCHES, ONE_BATCH = "two batches", "one batch"
# Those whose generator, too, learns from the mixtures: by the paper's formula, and by
# the non-saturating loss, whose targets have real and generated change places.
FORMULA, SWAPPED = "one batch, formula", "one batch, swapped"
# Chosen, as was the learning rate, among a few for a GAN without mixup.
HIDDEN_LAYER_SIZES = (128, 128)
CHECKPOINTS = (300, 1000, 2000, 3000)
_BLOCK = 50  # steps whose random numbers are drawn at once; streams depend on it

# It makes rows and predicts none, and its measures are its own.
GENERATOR = "gan"
MODELS = {
    GENERATOR: Model(
        make=None, cost=10.0, takes_alpha=True, has_protocol=True, stacks=True
    )
}
_SAMPLES = Field("sets of points", array(None, None, 2, low=-1e9), is_nested=True)
_NORMS = Field("norms of gradients", array(None, N_SHARES), is_nested=True)
SCHEMA = Schema(
    protocols=(TWO_BATCHES, ONE_BATCH, FORMULA, SWAPPED),
    fields={"covered": SHARE, "near": SHARE, "distance": SCORE}
    | {"samples": _SAMPLES, "gradients": _NORMS},
    needed=("covered", "near", "distance", "gradients", "fit_seconds"),
    needed_first=("samples",),
    models=MODELS,
)


class Trained(NamedTuple):
    """What a stack of GANs has come to, at each checkpoint.

    Parameters
    ----------
    samples : ndarray of shape (n_checkpoints, K, n_samples, n_features)
    gradients : ndarray of shape (n_checkpoints, K, N_SHARES)
        Norms of the gradient of the discriminator's score (the logit) in its input, at
        mixtures of `N_PAIRS` real and generated rows with an even spacing of the real
        row's share from 0 to 1; means over pairs.
    """

    samples: np.ndarray
    gradients: np.ndarray


def train(
    real,
    alphas,
    seeds,
    *,
    checkpoints=CHECKPOINTS,
    n_samples=N_SAMPLES,
    hidden_layer_sizes=HIDDEN_LAYER_SIZES,
    n_noise=4,
    batch_size=64,
    lr=2e-3,
    betas=(0.5, 0.999),
    protocol=ONE_BATCH,
):
    """Train a stack of GANs, and sample from them on the way.

    A member's result depends on its own α, seed and learning rate, not on who trains
    beside it, but for round-off; which a GAN, being chaotic, makes larger with time.

    Parameters
    ----------
    real : array of shape (n_rows, n_features)
        Rows to learn from; float64 trains in double precision.
    alphas : sequence of float of length K
        Of Beta(α, α) that λ is drawn from; 0 for a GAN without mixup.
    seeds : sequence of int of length K
        Of weights, order of rows, noise and λ. Members of one seed and two α's share
        all but λ.
    checkpoints : sequence of int, default=CHECKPOINTS
        After how many steps to sample, increasing; the last step ends training.
    n_samples : int, default=N_SAMPLES
        How many; each member's come of the same noise at all checkpoints.
    hidden_layer_sizes : sequence of int
        Of the generator and of the discriminator, which are ReLU networks.
    n_noise : int
        Width of the generator's input, which is standard normal.
    batch_size : int
        Rows in a step, real, generated or mixed.
    lr : float or sequence of float of length K
        Adam's, for both networks.
    betas : tuple of two floats
        Adam's.
    protocol : str, default=ONE_BATCH
        `TWO_BATCHES` gives the discriminator a batch of real rows and one of generated
        ones, unmixed, as is usual without mixup: twice the rows. With `FORMULA` and
        `SWAPPED` the generator learns from what the discriminator has just seen.

    Returns
    -------
    trained : Trained
    """
    real = torch.tensor(np.asarray(real))  # a copy: rows may be read-only
    streams = [_Streams(seed, alpha) for seed, alpha in zip(seeds, alphas, strict=True)]
    gan = _StackedGAN(n_noise, real, hidden_layer_sizes, seeds, lr, betas, protocol)
    shown = [s.shown.standard_normal((n_samples, n_noise)) for s in streams]
    shown = torch.from_numpy(np.stack(shown)).to(real.dtype)
    n_pairs = min(N_PAIRS, n_samples)
    paired = np.stack([s.pairs.integers(len(real), size=n_pairs) for s in streams])
    batches = _draw_batches(streams, len(real), batch_size, n_noise)
    samples, gradients = [], []
    for step in range(1, checkpoints[-1] + 1):
        rows, lam, noise = next(batches)
        gan.step(real[rows], lam, noise.to(real.dtype))
        if step in checkpoints:
            samples.append(gan.generate(shown))
            gradients.append(gan.gradient_norms(real[paired], samples[-1][:, :n_pairs]))
    return Trained(torch.stack(samples).numpy(), torch.stack(gradients).numpy())


def fit_gans(table, jobs):
    """Train the GANs of all jobs as one stack, and measure what they make.

    Parameters
    ----------
    table : Table
        Drawn from the toy set of its name.
    jobs : list of Job
        Of the model "gan"; `fold` tells one seed from another.

    Yields
    ------
    fit : Fit
        With no model, and the measures of :func:`measure` and, for each checkpoint,
        `gradients`; the first seed's also has some `samples`.
    """
    start = time.perf_counter()
    trained = train(
        table.X.to_numpy(),
        [job.alpha for job in jobs],
        [job.fold_seed >> 1 for job in jobs],
        protocol=jobs[0].protocol,
    )
    seconds = (time.perf_counter() - start) / len(jobs)
    members = (part.swapaxes(0, 1) for part in trained)
    for job, own, norms in zip(jobs, *members, strict=True):
        rng = np.random.default_rng(job.fold_seed)
        measures = measure(own[-1], TOY_SETS[table.name], rng)
        measures["gradients"] = norms.astype(float).round(4).tolist()
        measures["fit_seconds"] = seconds
        if job.fold == 0:
            shown = own[:, :N_SHOWN].astype(float).round(2)
            measures["samples"] = shown.tolist()
        yield Fit(job, seconds=seconds, measures=measures)


class _Streams:
    """A member's random streams, apart so that α changes nothing but λ."""

    def __init__(self, seed, alpha):
        self.alpha = alpha
        children = np.random.SeedSequence(seed).spawn(5)
        self.rows, self.lam, self.noise, self.shown, self.pairs = map(
            np.random.default_rng, children
        )

    def draw(self, n_steps, n_rows, batch_size, n_noise):
        """Return for a number of steps the rows' numbers, their λ's and noise."""
        shape = n_steps, batch_size
        return (
            self.rows.integers(n_rows, size=shape),
            draw_real_share(self.alpha, shape, self.lam),
            self.noise.standard_normal((*shape, n_noise), dtype=np.float32),
        )


def _draw_batches(streams, *sizes):
    """Yield what `_Streams.draw` returns, a step at a time: (K, batch_size, ...)."""
    while True:
        drawn = zip(*(stream.draw(_BLOCK, *sizes) for stream in streams), strict=True)
        yield from zip(
            *(torch.from_numpy(np.stack(part, axis=1)) for part in drawn), strict=True
        )


class _StackedGAN:
    """K pairs of networks and their optimizers."""

    def __init__(self, n_noise, real, hidden_layer_sizes, seeds, lr, betas, protocol):
        self.protocol = protocol
        self.generator, self.discriminator = (
            StackedMLP(
                *widths,
                hidden_layer_sizes,
                n_members=len(seeds),
                seeds=[2 * seed + i for seed in seeds],
            ).to(real.dtype)
            for i, widths in enumerate([(n_noise, real.shape[1]), (real.shape[1], 1)])
        )
        self.optimizers = {
            mlp: StackedAdamW(mlp.parameters(), lr, betas=betas, weight_decay=0.0)
            for mlp in (self.generator, self.discriminator)
        }

    def step(self, real, lam, noise):
        """Improve the discriminators, then the generators, on one batch each."""
        fake = self.generator(noise)
        ones = torch.ones_like(fake[..., 0])
        if self.protocol == TWO_BATCHES:
            shown = torch.cat([real, fake.detach()], dim=1)
            target = torch.cat([ones, torch.zeros_like(ones)], dim=1)
        else:
            shown, target = mixup_real_fake(real, fake.detach(), lam=lam)
        self._improve(self.discriminator, shown, target)
        if self.protocol in (FORMULA, SWAPPED):
            shown, target = mixup_real_fake(real, fake, lam=lam)
            swapped = self.protocol == SWAPPED
            target = 1 - target if swapped else target
            self._improve(self.generator, shown, target, sign=1 if swapped else -1)
        else:  # its rows as they are, as if they were real: the non-saturating loss
            self._improve(self.generator, fake, ones)

    def _improve(self, mlp, rows, target, sign=1):
        """Make the discriminators' loss smaller, or with a sign of -1 larger."""
        scores = self.discriminator(rows).squeeze(-1)
        losses = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
        loss = sign * losses.mean(-1).sum()
        loss.backward(inputs=list(mlp.parameters()))
        self.optimizers[mlp].step()
        self.optimizers[mlp].zero_grad(set_to_none=False)

    def gradient_norms(self, real, fake):
        """Return the norms of gradients between rows (K, B, ...): (K, N_SHARES)."""
        share = torch.linspace(0, 1, N_SHARES, dtype=real.dtype)[:, None, None]
        mixed = torch.lerp(fake[:, None], real[:, None], share)
        rows = mixed.flatten(1, 2).requires_grad_()
        (gradient,) = torch.autograd.grad(self.discriminator(rows).sum(), rows)
        return gradient.view(mixed.shape).norm(dim=-1).mean(-1)

    @torch.no_grad()
    def generate(self, noise):
        """Return the generators' rows."""
        return self.generator(noise)
