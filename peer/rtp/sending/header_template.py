"""Owns the headers of a stream's packets: written once, and changed where packets differ."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from peer.rtp.header_extensions import ONE_BYTE_PROFILE, ExtensionIds, write_elements
from peer.rtp.packet import HEADER, HEADER_WITH_EXTENSION

_MARKER = 0x80
_VERSION = 0x80
_EXTENDED = 0x90
_put_packet = Struct("!BHI").pack_into
_put_number = Struct("!H").pack_into
_put_word = Struct("!I").pack_into

Elements = Sequence[tuple[int | None, bytes]]


class HeaderTemplate:
    """A header with its extension, whose length and layout stay.

    Args:
        ssrc: Of the stream.
        ids: What the session agreed; the transport-wide number and the send time are there when
            they have one.
        elements: Further ones; those without an id, and those that no extension has room for, are
            left out.

    Attributes:
        size: In octets.
    """

    __slots__ = ("_buffer", "_number_at", "_positions", "_time_at", "_time_head", "size")

    def __init__(self, ssrc: int, ids: ExtensionIds, elements: Elements = ()) -> None:
        wanted = ((ids.transport_cc, bytes(2)), (ids.abs_send_time, bytes(3)), *elements)
        items = [
            (each, value)
            for each, value in wanted
            if each is not None and 0 < each < 256 and len(value) < 256
        ]
        profile, extension = write_elements(items)
        if profile:
            fixed = HEADER_WITH_EXTENSION.pack(
                _EXTENDED, 0, 0, 0, ssrc, profile, len(extension) >> 2
            )
        else:
            fixed = HEADER.pack(_VERSION, 0, 0, 0, ssrc)
        self._buffer = bytearray(fixed + extension)
        self.size = len(self._buffer)
        self._positions: dict[int, int] = {}
        at = len(fixed)
        for each, value in items:
            # RFC 8285 sections 4.2 and 4.3: one octet before a value, or two.
            at += 1 if profile == ONE_BYTE_PROFILE else 2
            self._positions[each] = at
            at += len(value)
        self._number_at = self._at(ids.transport_cc)
        self._time_at = self._at(ids.abs_send_time) - 1
        # Written along with the three octets behind it, as four are quicker to write than three.
        self._time_head = self._buffer[self._time_at] << 24 if self._time_at > 0 else 0

    def _at(self, element: int | None) -> int:
        return 0 if element is None else self._positions.get(element, 0)

    def put(self, element: int | None, value: bytes) -> None:
        """Give an element another value of the same length; nothing happens where it is not.

        Args:
            element: Its id.
            value: As it is written.
        """
        at = self._at(element)
        if at:
            self._buffer[at : at + len(value)] = value

    def write(
        self, second: int, sequence: int, timestamp: int, number: int, now: float
    ) -> bytearray:
        """The header of one packet; what is given stays the template's own.

        Args:
            second: Marker and payload type, 8 bits.
            sequence: 16 bits.
            timestamp: 32 bits.
            number: The transport-wide sequence number, 16 bits.
            now: When it is sent, in seconds.
        """
        buffer = self._buffer
        _put_packet(buffer, 1, second, sequence, timestamp)
        if self._number_at:
            _put_number(buffer, self._number_at, number)
        if self._time_at > 0:
            # 6 bits of seconds and 18 of fraction.
            _put_word(buffer, self._time_at, self._time_head | int(now * 0x40000) & 0xFFFFFF)
        return buffer

    def write_all(
        self,
        payloads: Sequence[bytes],
        second: int,
        last: int,
        sequence: int,
        timestamp: int,
        number: int,
        now: float,
    ) -> list[bytes]:
        """Whole packets, which have their numbers from the given ones on.

        Args:
            payloads: Of the packets; at least one.
            second: As of `write`, of all but the last.
            last: The same of the last.
            sequence: As of `write`, of the first.
            timestamp: As of `write`.
            number: As of `write`, of the first.
            now: As of `write`.
        """
        join = b"".join
        put = _put_number
        number_at = self._number_at
        buffer = self.write(second, sequence, timestamp, number, now)
        packets = []
        left = len(payloads)
        for payload in payloads:
            left -= 1
            if not left:
                buffer[1] = last
            packets.append(join((buffer, payload)))
            sequence = (sequence + 1) & 0xFFFF
            put(buffer, 2, sequence)
            if number_at:
                number = (number + 1) & 0xFFFF
                put(buffer, number_at, number)
        return packets


def second_octet(payload_type: int, *, marker: bool) -> int:
    """What `HeaderTemplate.write` takes for it."""
    return payload_type | _MARKER if marker else payload_type
