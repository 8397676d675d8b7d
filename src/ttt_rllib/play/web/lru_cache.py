"""A bounded store of things that are costly to make: the least recently used is dropped first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["LruCache"]

Thing = TypeVar("Thing")


class LruCache(Generic[Thing]):
    """Keeps at most `size` things; threads may share it.

    Unlike with `functools.lru_cache`, the thing is not made from the key.

    Args:
        size: How many things are kept, 1 or more.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._things: OrderedDict[Hashable, Thing] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Hashable, make: Callable[[], Thing]) -> Thing:
        """Return the thing with this key, and make it first if it is not there.

        An error is not kept. Two threads that ask at once may both make it.
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
