"""A bounded store of what is dear to make: the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["LruCache"]

Thing = TypeVar("Thing")


class LruCache(Generic[Thing]):
    """Keeps at most `size` things; threads may share it.

    Unlike `functools.lru_cache`, the key is not what the thing is made of.

    Args:
        size: How many, 1 or more.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._things: OrderedDict[Hashable, Thing] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Hashable, make: Callable[[], Thing]) -> Thing:
        """Return the thing of this key, made now if it is not there.

        What raises an error is not kept. Two threads that ask at once may both make it.
        """
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                return self._things[key]
        thing = make()
        with self._lock:
            self._things[key] = thing
            if len(self._things) > self._size:
                self._things.popitem(last=False)
        return thing
