"""Nodes of an ONNX graph, added by computing with values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from onnx import helper, numpy_helper

from .._typing import Array

# Of other operators, skl2onnx takes the version that the opset has.
_OF_ML: dict[str, Any] = {"op_domain": "ai.onnx.ml", "op_version": 2}
_ARE_TRUTHS = {"Equal", "Greater", "IsNaN"}

Operand: TypeAlias = "Value | Array | float"


class Graph:
    """What skl2onnx lets a converter add nodes to.

    Parameters
    ----------
    scope, container : object
        As skl2onnx hands them over.
    """

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def read(self, variable: Any) -> Value:
        """Return the value of one of skl2onnx's variables."""
        kind = variable.type.to_onnx_type().tensor_type.elem_type
        return Value(self, variable.onnx_name, helper.tensor_dtype_to_np_dtype(kind))

    def read_as(self, variable: Any, dtype: DTypeLike) -> Value:
        """Return it in a type, whatever skl2onnx, which may err, says it has."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.read(variable).Cast(dtype=dtype, to=kind)

    def write(self, value: Value, variable: Any) -> None:
        """Let one of skl2onnx's variables be a value."""
        self._container.add_node("Identity", [value.name], [variable.onnx_name])

    def join(self, values: Sequence[Value]) -> Value:
        """Return matrices side by side."""
        return values[0] if len(values) == 1 else values[0].Concat(*values[1:], axis=1)

    def value(self, array: Array) -> Value:
        """Return an array as a value."""
        return Value(self, self.constant(array), array.dtype)

    def constant(self, array: Array) -> str:
        """Return the name of an array."""
        name = self._scope.get_unique_variable_name("constant")
        self._container.initializers.append(numpy_helper.from_array(array, name))
        return name

    def add(
        self, operator: str, inputs: list[str], n_outputs: int = 1, **attributes: Any
    ) -> str:
        """Add a node, and return the name of its first output."""
        outputs = [
            self._scope.get_unique_variable_name(operator.lower())
            for _ in range(n_outputs)
        ]
        domain = _OF_ML if operator == "LabelEncoder" else {}
        self._container.add_node(operator, inputs, outputs, **domain, **attributes)
        return outputs[0]


class Value:
    """A value in a graph, to compute with: ``x + 1``, ``x.MatMul(weight)``.

    Any operator of ONNX is a method, whose first input is the value; the others are
    values, arrays, or plain numbers, which are taken in the value's precision.

    Parameters
    ----------
    graph : Graph
    name : str
    dtype : dtype
    """

    def __init__(self, graph: Graph, name: str, dtype: DTypeLike) -> None:
        self.graph = graph
        self.name = name
        self.dtype = np.dtype(dtype)

    def __getattr__(self, operator: str) -> Callable[..., Value]:
        if not operator[0].isupper():
            raise AttributeError(f"ONNX has no operator {operator!r}.")
        return partial(self._apply, operator)

    def _apply(
        self,
        operator: str,
        *others: Operand,
        dtype: DTypeLike | None = None,
        **attributes: Any,
    ) -> Value:
        operands = [
            other if isinstance(other, Value | np.ndarray) else self._plain(other)
            for other in others
        ]
        names = [
            other.name if isinstance(other, Value) else self.graph.constant(other)
            for other in operands
        ]
        if dtype is None:
            like = operands[0] if operator == "Where" else self
            dtype = bool if operator in _ARE_TRUTHS else like.dtype
        name = self.graph.add(operator, [self.name, *names], **attributes)
        return Value(self.graph, name, dtype)

    def _plain(self, number: float) -> Array:
        return np.array(number, dtype=self.dtype)

    def __add__(self, other: Operand) -> Value:
        return self.Add(other)

    def __sub__(self, other: Operand) -> Value:
        return self.Sub(other)

    def __mul__(self, other: Operand) -> Value:
        return self.Mul(other)

    def __truediv__(self, other: Operand) -> Value:
        return self.Div(other)

    def __floordiv__(self, other: Operand) -> Value:
        return (self / other).Floor()

    def __gt__(self, other: Operand) -> Value:
        return self.Greater(other)

    def to(self, dtype: DTypeLike) -> Value:
        """Return the value in another type."""
        if self.dtype == dtype:
            return self
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.Cast(dtype=dtype, to=kind)

    def take(self, columns: ArrayLike) -> Value:
        """Return some columns of a matrix."""
        return self.Gather(np.asarray(columns, dtype=np.int64), axis=1)

    def sum(self, axis: int, keepdims: bool = False) -> Value:
        """Return the sums along an axis."""
        return self.ReduceSum(np.array([axis]), keepdims=int(keepdims))

    def sort(self, size: int) -> Value:
        """Return the value in order along its last axis, of a length that is known."""
        return self.TopK(np.array([size]), largest=0, n_outputs=2)

    def look_up(self, table: Mapping[Any, int], default: int) -> Value:
        """Return what a table has for the value's entries, text or whole numbers.

        Parameters
        ----------
        table : dict
            Of int; not empty.
        default : int
            For those that it has not.
        """
        keys = "keys_strings" if self.dtype.kind == "O" else "keys_int64s"
        how = {keys: list(table), "values_int64s": list(table.values())}
        return self.LabelEncoder(dtype=np.int64, default_int64=default, **how)
