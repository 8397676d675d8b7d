"""Opens an ONNX model with onnxruntime, which is imported only when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ttt_rllib.errors import InputError, error_words

__all__ = ["onnx_session"]


def onnx_session(path: Path, name: str | None = None) -> Any:
    """Return the model as an `onnxruntime.InferenceSession` on one thread of the CPU.

    Args:
        path: The file.
        name: What the user calls it; None = its path.

    Raises:
        ModuleNotFoundError: If onnxruntime is not installed.
        InputError: If the file is no ONNX model.
    """
    import onnxruntime

    # The networks are small, and other processes may need the cores.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime has a dozen exceptions for a damaged file, with no base of their own.
        raise InputError(f"{name or path}: is no ONNX model: {error_words(error)}") from error
