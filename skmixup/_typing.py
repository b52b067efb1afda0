"""Types that annotations share.

Arrays within the package are ``Array``, whatever they hold: NumPy's types do not follow
what indexing and arithmetic make of a precision, and docstrings tell shapes.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Array: TypeAlias = NDArray[Any]
CSR: TypeAlias = sparse.csr_matrix | sparse.csr_array
Rows: TypeAlias = Array | CSR
Sparse: TypeAlias = sparse.spmatrix | sparse.sparray


class ArrowStream(Protocol):
    """A table that is read as a stream of Arrow's record batches."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the stream as a capsule."""


class SparseLike(Protocol):
    """A sparse matrix or array, also where there are no annotations of SciPy."""

    def tocsr(self, copy: bool = ...) -> Any:
        """Return it in CSR format."""


# A DataFrame is array-like where its library says so, and otherwise mostly an Arrow
# stream.
MatrixLike: TypeAlias = ArrayLike | SparseLike | ArrowStream

# What a skorch net takes: of any shape, also as a torch Dataset.
NetData: TypeAlias = MatrixLike | torch.Tensor | torch.utils.data.Dataset[Any]
NetTargets: TypeAlias = ArrayLike | torch.Tensor | None

RandomState: TypeAlias = int | np.random.RandomState | None
Rng: TypeAlias = int | np.random.Generator | None
Device: TypeAlias = str | torch.device
Weight: TypeAlias = float | torch.Tensor
PerMember: TypeAlias = float | ArrayLike

Activation: TypeAlias = Literal[
    "relu", "gelu", "silu", "selu", "mish", "tanh", "logistic", "identity"
]
LambdaPer: TypeAlias = Literal["batch", "row"]
MixingName: TypeAlias = Literal["input", "manifold", "cutmix", "noise"]
NumericEmbedding: TypeAlias = Literal["auto", "periodic"] | None
Partner: TypeAlias = Literal["random", "target"]
Schedule: TypeAlias = Literal["constant", "cosine"]
CategoricalFeatures: TypeAlias = Literal["from_dtype"] | ArrayLike | None
ClassWeight: TypeAlias = dict[Any, float] | dict[Any, int] | Literal["balanced"] | None
HiddenLayerSizes: TypeAlias = int | Iterable[int]


class Transformer(Protocol):
    """What encodes a table: an object with `fit` and `transform`."""

    @property
    def fit(self) -> Callable[..., Any]:
        """Learn the encoding."""

    @property
    def transform(self) -> Callable[..., Any]:
        """Encode rows."""


class Splitter(Protocol):
    """What makes folds, as a cross-validation generator of scikit-learn does."""

    @property
    def split(self) -> Callable[..., Any]:
        """Yield row numbers to train and to test on."""

    @property
    def get_n_splits(self) -> Callable[..., int]:
        """Return how many there are."""


CV: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]] | None

# The base of a mixin, which calls what the classes have that it is to stand left of.
Mixin: Any = object

Method = TypeVar("Method", bound=Callable[..., Any])
