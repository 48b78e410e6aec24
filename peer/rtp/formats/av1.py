"""The RTP payload format of AV1 (AOMedia, RTP Payload Format For AV1, version 1.0). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats import av1_bitstream
from peer.rtp.formats.av1_bitstream import (
    HAS_EXTENSION,
    HAS_SIZE,
    LAYER,
    Obu,
    ObuType,
    obu_type,
    read_leb128,
    read_obu,
    read_obus,
    write_leb128,
)
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.formats.payload_format import FrameShape

#: The aggregation header (section 4.4).
_CONTINUES = 0x80  # Z
_GOES_ON = 0x40  # Y
_COUNT_AT = 4  # W
_MOST_COUNTED = 3
_BEGINS_SEQUENCE = 0x08  # N
_HEADER = 1
#: Least bytes of a first fragment: with less room the OBU begins in the next packet (ours).
_LEAST = 16

# Section 5: neither is sent. Padding serves nobody who has packets.
_LEFT_OUT = frozenset((ObuType.TEMPORAL_DELIMITER, ObuType.TILE_LIST, ObuType.PADDING))
# Section 5: these "MUST be ignored by receivers".
_IGNORED = frozenset((ObuType.TEMPORAL_DELIMITER, ObuType.TILE_LIST))


class Av1Format:
    """Packetizes and assembles temporal units in low-overhead form, without temporal delimiter."""

    packet_is_frame = False

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """Put as many OBUs in a payload as fit, and divide those that do not."""
        obus = [obu for obu in read_obus(frame) if obu.kind not in _LEFT_OUT]
        packets = _Packets(limit - _HEADER)
        for obu in obus:
            packets.add(obu)
        payloads = packets.finish()
        # Section 4.4: a coded video sequence begins with a key frame and its sequence header.
        if keyframe and any(obu.kind == ObuType.SEQUENCE_HEADER for obu in obus):
            payloads[0] = bytes((payloads[0][0] | _BEGINS_SEQUENCE,)) + payloads[0][1:]
        return payloads

    def is_keyframe_start(self, payload: bytes) -> bool:
        """True where a coded video sequence begins in the payload (bit N)."""
        return (
            len(payload) > _HEADER
            and payload[0] & (_CONTINUES | _BEGINS_SEQUENCE) == _BEGINS_SEQUENCE
        )

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """Join the OBUs of all payloads, each with its size."""
        pieces: list[bytes] = []
        # The parts of an OBU that has begun and not ended.
        parts: list[bytes] = []
        for payload in payloads:
            elements = _elements(payload)
            header = payload[0]
            # Section 4.4: Z says what Y of the packet before said.
            if bool(header & _CONTINUES) is not bool(parts):
                raise MalformedError("a part of an OBU is missing")
            last = len(elements) - 1
            for number, element in enumerate(elements):
                parts.append(element)
                if number < last or not header & _GOES_ON:
                    _add_obu(pieces, b"".join(parts))
                    parts = []
        if parts or not pieces:
            raise MalformedError("a temporal unit without its end, or without any OBU")
        return b"".join(pieces)

    def describe(self, frame: bytes) -> FrameShape:
        """Read key frame and size from the sequence header and the first frame header."""
        return av1_bitstream.describe(frame)


class _Packets:
    """Fills payloads of at most `room` bytes with OBU elements."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._payloads: list[bytes] = []
        self._elements: list[bytes] = []
        # Bytes taken, with a size before every element.
        self._taken = 0
        self._continues = False
        self._layer: int | None = None

    def add(self, obu: Obu) -> None:
        layer = obu.extension[0] & LAYER if obu.extension else None
        # Section 5: all OBUs of a packet that name a layer name the same one.
        if self._elements and None not in (layer, self._layer) and layer != self._layer:
            self._close(goes_on=False)
        rest = obu.without_size()
        while len(rest) > (room := self._room_left()):
            begins = not self._elements or room >= _LEAST
            if begins:
                self._put(rest[:room], layer)
                rest = rest[room:]
            self._close(goes_on=begins)
        self._put(rest, layer)

    def finish(self) -> list[bytes]:
        if self._elements:
            self._close(goes_on=False)
        return self._payloads

    def _room_left(self) -> int:
        """Bytes left for one more element, without its size where it must have one."""
        room = self._room - self._taken
        if len(self._elements) < _MOST_COUNTED:
            return room
        return max(room - len(write_leb128(max(room, 0))), 0)

    def _put(self, element: bytes, layer: int | None) -> None:
        self._elements.append(element)
        if layer is not None:
            self._layer = layer
        self._taken += len(write_leb128(len(element))) + len(element)

    def _close(self, *, goes_on: bool) -> None:
        elements = self._elements
        counted = len(elements) if len(elements) <= _MOST_COUNTED else 0
        header = counted << _COUNT_AT
        if self._continues:
            header |= _CONTINUES
        if goes_on:
            header |= _GOES_ON
        pieces = [bytes((header,))]
        for number, element in enumerate(elements, 1):
            # Section 4.4: the last of those counted goes without a size.
            if number != counted:
                pieces.append(write_leb128(len(element)))
            pieces.append(element)
        self._payloads.append(b"".join(pieces))
        self._elements = []
        self._taken = 0
        self._continues = goes_on
        self._layer = None


def _elements(payload: bytes) -> list[bytes]:
    """The OBU elements of a payload (section 4.4)."""
    if len(payload) <= _HEADER:
        raise MalformedError("an AV1 packet without anything in it")
    counted = payload[0] >> _COUNT_AT & 0b11
    if counted == 1:
        return [payload[_HEADER:]]
    elements: list[bytes] = []
    at = _HEADER
    end = len(payload)
    while at < end and len(elements) + 1 != counted:
        size, at = read_leb128(payload, at)
        if at + size > end:
            raise MalformedError("an OBU element goes on beyond the packet", at)
        elements.append(payload[at : at + size])
        at += size
    if counted:
        elements.append(payload[at:])
        if len(elements) != counted:
            raise MalformedError("an AV1 packet has fewer OBU elements than it says", at)
    return elements


def _add_obu(pieces: list[bytes], data: bytes) -> None:
    """Add a received OBU to `pieces`, with its size."""
    if not data:
        raise MalformedError("an OBU of no octets")
    header = data[0]
    if obu_type(header) in _IGNORED:
        return
    if header & HAS_SIZE or header & 0x80:
        # Section 4.5: an OBU SHOULD have none of its own here.
        obu, _ = read_obu(data)
        pieces.append(obu.with_size())
        return
    start = 2 if header & HAS_EXTENSION else 1
    if len(data) < start:
        raise MalformedError("an OBU ends too early")
    pieces += (
        bytes((header | HAS_SIZE,)),
        data[1:start],
        write_leb128(len(data) - start),
        data[start:],
    )
