"""Owns `ParameterSets`: what an IDR picture of H.264 needs and may have got at an earlier time."""

from __future__ import annotations

from peer.rtp.formats.bits import BitReader
from peer.rtp.formats.h264_bitstream import TYPE, NalType
from peer.rtp.malformed import MalformedError

# A stream has one of each, or a few. More, or larger ones, are a peer's play with our memory.
_MOST = 16
_LARGEST = 1024
# Where the identifier lies, as an Exp-Golomb code (ITU-T H.264 sections 7.3.2.1.1 and 7.3.2.2).
_IDENTIFIER = {NalType.SPS: 4, NalType.PPS: 1}


class ParameterSets:
    """The last sequence and picture parameter sets of a stream, by identifier, 16 at most."""

    def __init__(self) -> None:
        self._sets: dict[tuple[int, int], bytes] = {}

    def add(self, unit: bytes) -> None:
        """Keep a NAL unit in the place of an older one; what is no parameter set is passed over."""
        kind = unit[0] & TYPE
        if (kind != NalType.SPS and kind != NalType.PPS) or len(unit) > _LARGEST:
            return
        at = _IDENTIFIER[NalType(kind)]
        try:
            key = kind, BitReader(unit[at : at + 8]).unsigned()
        except MalformedError:
            return
        self._sets.pop(key, None)
        self._sets[key] = unit
        if len(self._sets) > _MOST:
            del self._sets[next(iter(self._sets))]

    def units(self) -> list[bytes]:
        """All of them, those of sequences first: those of pictures refer to them."""
        return [unit for _, unit in sorted(self._sets.items(), key=lambda item: item[0])]
