"""Fitted estimators for runtimes without Python: ``pip install "skmixup[onnx]"``.

Importing it also tells skl2onnx of the estimators.
"""

try:
    import skl2onnx  # noqa: F401
except ImportError as error:
    raise ImportError(
        "skmixup.export requires skl2onnx. You can install it with "
        '`pip install "skmixup[onnx]"`'
    ) from error

from ._onnx import to_onnx

__all__ = ["to_onnx"]
