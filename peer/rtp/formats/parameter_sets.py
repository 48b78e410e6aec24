"""Keeps the parameter sets of an H.264 or H.265 stream. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Limit of the parameter sets of a stream, which has one of each or a few (ours).
_SETS_LIMIT = 16
#: Largest parameter set in bytes that is kept (ours).
_LARGEST_SET = 1024


class ParameterSets:
    """Keeps the last parameter sets of a stream, by type and id, 16 at most.

    Args:
        key: Returns type and id of a parameter set, and None for other NAL units; sets of a higher
            type refer to those of a lower one.
    """

    def __init__(self, key: Callable[[bytes], tuple[int, int] | None]) -> None:
        self._key = key
        self._sets: dict[tuple[int, int], bytes] = {}

    def add(self, unit: bytes) -> None:
        """Keep a parameter set instead of an older one of its id; ignore other NAL units."""
        key = self._key(unit)
        if key is None or len(unit) > _LARGEST_SET:
            return
        self._sets.pop(key, None)
        self._sets[key] = unit
        if len(self._sets) > _SETS_LIMIT:
            del self._sets[next(iter(self._sets))]

    def units(self) -> list[bytes]:
        """All parameter sets, each behind those that it refers to."""
        return [unit for _, unit in sorted(self._sets.items(), key=lambda item: item[0])]
