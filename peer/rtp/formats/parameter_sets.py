"""Keeps the parameter sets of an H.264 or H.265 stream. PURE."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp_parameters import Codec

#: Limit of the parameter sets of a stream, which has one of each or a few (ours).
_SETS_LIMIT = 16
#: Largest parameter set in bytes that is kept (ours).
_LARGEST_SET = 1024


class ParameterSets:
    """Keeps the last parameter sets of a stream, by type and id, 16 at most.

    Args:
        key: Returns type and id of a parameter set, and None for other NAL units; sets of a higher
            type refer to those of a lower one.
        described: Sets that the peer's description has, as of `described_sets`.
    """

    def __init__(
        self,
        key: Callable[[bytes], tuple[int, int] | None],
        described: tuple[bytes, ...] = (),
    ) -> None:
        self._key = key
        self._sets: dict[tuple[int, int], bytes] = {}
        for unit in described:
            self.add(unit)

    def add(self, unit: bytes) -> None:
        """Keep a parameter set instead of an older one of its id; ignore other NAL units."""
        key = self._key(unit)
        if key is None or len(unit) > _LARGEST_SET:
            return
        self._sets.pop(key, None)
        self._sets[key] = unit
        if len(self._sets) > _SETS_LIMIT:
            del self._sets[next(iter(self._sets))]

    def get(self, key: tuple[int, int]) -> bytes | None:
        """The parameter set of a type and id; None where it has not come."""
        return self._sets.get(key)

    def units(self) -> list[bytes]:
        """All parameter sets, each behind those that it refers to."""
        return [unit for _, unit in sorted(self._sets.items(), key=lambda item: item[0])]


def described_sets(codec: Codec) -> tuple[bytes, ...]:
    """The parameter sets among the fmtp parameters of a codec; what is not Base64 is left out.

    Source: `sprop-parameter-sets` (RFC 6184 section 8.1), `sprop-vps`, `sprop-sps` and `sprop-pps`
    (RFC 7798 section 7.1).
    """
    names = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")
    texts = [text for name in names for text in (codec.parameter(name) or "").split(",")]
    return tuple(unit for text in texts[:_SETS_LIMIT] if (unit := _decoded(text)))


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
