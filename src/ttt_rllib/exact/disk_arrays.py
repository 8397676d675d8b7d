"""Arrays in temporary files, for what is written once and read much later."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DiskArrays", "DiskLimitError"]

IN_MEMORY_BYTES = 1 << 20
"""Smaller arrays stay in memory."""


class DiskLimitError(Exception):
    """The temporary files would become larger than allowed, or the disk is full."""


class DiskArrays:
    """Makes arrays that live in temporary files, which vanish with them, however the process ends.

    Args:
        max_bytes: The greatest size of all files together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def full(self, shape: tuple[int, ...], value: int, dtype: Any) -> npt.NDArray[Any]:
        """Return an array filled with a value.

        Raises:
            DiskLimitError: If there is no room for it.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size < IN_MEMORY_BYTES:
            return np.full(shape, value, dtype)
        self._left -= size
        if self._left < 0:
            raise DiskLimitError("the temporary files are as large as they may become")
        try:
            # Without a name: the system frees the space even after a kill.
            with tempfile.TemporaryFile() as file:
                file.truncate(size)
                array = np.memmap(file, dtype, "r+", shape=shape)
        except OSError as error:
            raise DiskLimitError(f"no room for temporary files ({error.strerror})") from error
        array[...] = value
        return array

    def keep(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a copy of the array in a file, or the array itself if it is small.

        Raises:
            DiskLimitError: If there is no room for it.
        """
        kept = self.full(array.shape, 0, array.dtype)
        kept[...] = array
        return kept
