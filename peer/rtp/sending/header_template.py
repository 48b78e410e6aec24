"""Writes RTP headers of one stream from a template: only what differs is written per packet. PURE.

A run of packets costs one `bytearray` and a few `pack_into`, with any negotiated extensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING

from peer.rtp.packet import (
    HEADER,
    HEADER_WITH_EXTENSION,
    ONE_BYTE_PROFILE,
    ExtensionIds,
    write_elements,
)

if TYPE_CHECKING:
    from peer.times import MonotonicTime

#: M bit of the second octet of the RTP header (RFC 3550 section 5.1).
MARKER_BIT = 0x80
#: First octet: version 2, no extension (RFC 3550 section 5.1).
_VERSION = 0x80
#: First octet: version 2, X bit set (RFC 3550 section 5.1).
_EXTENDED = 0x90
_put_packet = Struct("!BHI").pack_into
_put_number = Struct("!H").pack_into
_put_word = Struct("!I").pack_into

Elements = Sequence[tuple[int | None, bytes]]


class HeaderTemplate:
    """Writes RTP headers of a fixed length and layout for one stream.

    Args:
        ssrc: SSRC of the stream.
        ids: Negotiated extension ids; the header has a transport-wide sequence number and a send
            time where they have an id.
        elements: Further extension elements; elements without an id, and elements too large for
            any extension, are left out.

    Attributes:
        size: Octets of the header with its extensions.
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
        self._number_at = self._position(ids.transport_cc)
        self._time_at = self._position(ids.abs_send_time) - 1
        # Written along with the three octets behind it, as four are quicker to write than three.
        self._time_head = self._buffer[self._time_at] << 24 if self._time_at > 0 else 0

    @property
    def uses_twcc(self) -> bool:
        """True where the header has a transport-wide sequence number."""
        return self._number_at > 0

    def _position(self, element: int | None) -> int:
        return 0 if element is None else self._positions.get(element, 0)

    def put(self, element: int | None, value: bytes) -> None:
        """Set the value of an extension element; an element that the header lacks is ignored.

        Args:
            element: Extension id.
            value: Octets as on the wire, as many as the element had before.
        """
        at = self._position(element)
        if at:
            self._buffer[at : at + len(value)] = value

    def write(
        self,
        *,
        marker_and_payload_type: int,
        sequence_number: int,
        timestamp: int,
        transport_sequence_number: int,
        now: MonotonicTime,
    ) -> bytearray:
        """Write the header of one packet into the template's own buffer, and return the buffer.

        Args:
            marker_and_payload_type: Second octet of the RTP header.
            sequence_number: 16 bits.
            timestamp: RTP timestamp, 32 bits.
            transport_sequence_number: Transport-wide sequence number, 16 bits.
            now: Time of sending, for `abs-send-time`.
        """
        buffer = self._buffer
        _put_packet(buffer, 1, marker_and_payload_type, sequence_number, timestamp)
        if self._number_at:
            _put_number(buffer, self._number_at, transport_sequence_number)
        if self._time_at > 0:
            # 6 bits of seconds and 18 of fraction.
            _put_word(buffer, self._time_at, self._time_head | int(now * 0x40000) & 0xFFFFFF)
        return buffer

    def write_packets(
        self,
        payloads: Sequence[bytes],
        *,
        marker_and_payload_type: int,
        last_marker_and_payload_type: int,
        sequence_number: int,
        timestamp: int,
        transport_sequence_number: int,
        now: MonotonicTime,
    ) -> list[bytes]:
        """Write whole packets of one timestamp, with consecutive sequence numbers.

        Args:
            payloads: Payloads of the packets; at least one.
            marker_and_payload_type: Second octet of the RTP header of all packets but the last.
            last_marker_and_payload_type: Second octet of the RTP header of the last packet.
            sequence_number: Sequence number of the first packet, 16 bits.
            timestamp: RTP timestamp of all packets, 32 bits.
            transport_sequence_number: Transport-wide sequence number of the first packet, 16 bits.
            now: Time of sending, for `abs-send-time`.
        """
        join = b"".join
        put = _put_number
        number_at = self._number_at
        number = transport_sequence_number
        buffer = self.write(
            marker_and_payload_type=marker_and_payload_type,
            sequence_number=sequence_number,
            timestamp=timestamp,
            transport_sequence_number=number,
            now=now,
        )
        packets = []
        left = len(payloads)
        for payload in payloads:
            left -= 1
            if not left:
                buffer[1] = last_marker_and_payload_type
            packets.append(join((buffer, payload)))
            sequence_number = (sequence_number + 1) & 0xFFFF
            put(buffer, 2, sequence_number)
            if number_at:
                number = (number + 1) & 0xFFFF
                put(buffer, number_at, number)
        return packets


def marker_and_payload_type(payload_type: int, *, marker: bool) -> int:
    """Return the second octet of an RTP header."""
    return payload_type | MARKER_BIT if marker else payload_type
