"""Keeps the parameter sets of an H.264 or H.265 stream. PURE."""

from __future__ import annotations

import binascii
from base64 import b64decode
from itertools import islice
from typing import TYPE_CHECKING

from peer.rtp.formats.h264_bitstream import nal_units
from peer.rtp.malformed import MalformedError

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

    Base64 without its padding, and sets with start codes, are taken as cameras write them.

    Source: `sprop-parameter-sets` (RFC 6184 section 8.1), `sprop-vps`, `sprop-sps` and `sprop-pps`
    (RFC 7798 section 7.1).
    """
    names = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")
    texts = [text for name in names for text in (codec.parameter(name) or "").split(",")]
    units = (unit for text in texts[:_SETS_LIMIT] for unit in _decoded(text.strip()))
    return tuple(islice(units, _SETS_LIMIT))


def _decoded(text: str) -> list[bytes]:
    try:
        octets = b64decode(text + "=" * (-len(text) % 4), validate=True)
        # A NAL unit never begins with a zero octet (RFC 6184 section 1.3).
        return nal_units(octets) if octets.startswith(b"\0\0") else [octets] * bool(octets)
    except (MalformedError, binascii.Error, ValueError):
        return []
