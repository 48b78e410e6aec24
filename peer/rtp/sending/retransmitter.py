"""Owns the repair of a stream: what is sent again, how, and how much of it (RFC 4588)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING

from peer.rtp.sending.header_template import second_octet
from peer.rtp.sending.outbound_frame import OutboundFrame, PacketPriority
from peer.rtp.sending.packet_history import HISTORY_PACKETS, RtpPacketHistory

if TYPE_CHECKING:
    from peer.rtp.sending.counters import SendStreamCounters
    from peer.rtp.sending.header_template import HeaderTemplate

#: Octets that may be repaired beside half of what is sent: 100 packets.
CREDIT_LIMIT = 128_000
#: Of what is sent, so much may be sent again.
CREDIT_SHARE = 0.5
#: Packets of one NACK that are looked at.
NACK_LIMIT = 1024
#: Seconds before a packet is repaired again where the round trip is not known.
PATIENCE = 0.02
#: Of a round trip; a peer that asks again after one may have measured less than we did.
ROUND_TRIP_SHARE = 0.8

_original_number = Struct("!H").pack


class Retransmitter:
    """The source of a stream's retransmissions, which remembers what was sent.

    Args:
        counters: Of the stream.
        header: With the SSRC of the RTX stream or, without `payload_type`, of the stream.
        payload_type: Of RTX; None to send packets as they were.
        numbered: Whether the header has a transport-wide number.

    Attributes:
        history: What was sent of the stream.
        numbered: As given last.
    """

    def __init__(
        self,
        counters: SendStreamCounters,
        header: HeaderTemplate,
        payload_type: int | None,
        *,
        numbered: bool,
    ) -> None:
        self.history = RtpPacketHistory()
        self._counters = counters
        self._header = header
        self._payload_type = payload_type
        self.numbered = numbered
        self._sequence = secrets.randbelow(1 << 15)
        self._credit = float(CREDIT_LIMIT)
        self._repaired: dict[int, float] = {}

    def configure(
        self, header: HeaderTemplate, payload_type: int | None, *, numbered: bool
    ) -> None:
        """Go on with another header."""
        self._header = header
        self._payload_type = payload_type
        self.numbered = numbered

    def earn(self, octets: int) -> None:
        """Allow for the repair of part of what is sent."""
        self._credit = min(self._credit + octets * CREDIT_SHARE, CREDIT_LIMIT)

    def forget(self) -> None:
        """What was sent before cannot be repaired any more."""
        self.history.clear()
        self._repaired.clear()

    def frames(
        self, lost: Sequence[int], round_trip_time: float | None, now: float
    ) -> tuple[OutboundFrame, ...]:
        """What to send again of what the peer lacks, each a frame of one packet."""
        found = []
        patience = PATIENCE if round_trip_time is None else round_trip_time * ROUND_TRIP_SHARE
        for sequence in lost[:NACK_LIMIT]:
            frame = self._frame(sequence, now - patience, now)
            if frame is not None:
                found.append(frame)
        self._counters.refused_repairs += len(lost) - len(found)
        if len(self._repaired) > HISTORY_PACKETS:
            self._repaired = {s: at for s, at in self._repaired.items() if at > now - patience}
        return tuple(found)

    def _frame(self, sequence: int, before: float, now: float) -> OutboundFrame | None:
        if self._repaired.get(sequence, before) > before:
            return None
        sent = self.history.find(sequence, now)
        if sent is None:
            return None
        frame, position = sent
        payload = frame.payloads[position]
        size = self._header.size + len(payload)
        if self._credit < size:
            return None
        self._credit -= size
        self._repaired[sequence] = now
        marker = frame.last_marker and position == len(frame.payloads) - 1
        return OutboundFrame(
            self,
            (payload,),
            urgency=PacketPriority.REPAIR,
            size=size,
            timestamp=frame.timestamp,
            payload_type=frame.payload_type,
            last_marker=marker or (frame.first_marker and position == 0),
            sequence=sequence,
        )

    def write(
        self, frame: OutboundFrame, number: int, now: float, room: float
    ) -> tuple[bytes, ...]:
        """The packet of a frame, which has no other; see `PacketSource`."""
        header = self._header
        frame.position = 1
        payload = frame.payloads[0]
        self._counters.retransmitted_packets += 1
        self._counters.retransmitted_octets += len(payload)
        if self._payload_type is None:
            second = second_octet(frame.payload_type, marker=frame.last_marker)
            written = header.write(second, frame.sequence, frame.timestamp, number, now)
            return (b"".join((written, payload)),)
        # RFC 4588 section 4: the timestamp stays, and the number that the packet had comes first.
        second = second_octet(self._payload_type, marker=frame.last_marker)
        written = header.write(second, self._sequence, frame.timestamp, number, now)
        self._sequence = (self._sequence + 1) & 0xFFFF
        return (b"".join((written, _original_number(frame.sequence), payload)),)

    def on_dropped(self, frames: int, *, broken: bool) -> None:
        """Note that the pacer gave repairs up; see `PacketSource`."""
        self._counters.refused_repairs += frames
