"""Retransmits packets of one stream that the peer reports as lost: by NACK, with RTX or without.

PURE. RFC 4585 section 6.2.1 defines NACK, RFC 4588 the RTX payload format. Without RTX a packet is
sent again byte for byte, its transport-wide sequence number included: it has the SRTP index that it
had, and AES-GCM loses its key for authentication where two packets share a nonce (RFC 7714
section 8.4); with equal packets nothing is lost.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING

from peer.rtp.sending.header_template import marker_and_payload_type
from peer.rtp.sending.outbound_frame import OutboundFrame, PacketPriority
from peer.rtp.sending.packet_history import HISTORY_PACKETS, RtpPacketHistory

if TYPE_CHECKING:
    from peer.rtp.sending.counters import SendStreamCounters
    from peer.rtp.sending.header_template import HeaderTemplate
    from peer.times import MonotonicTime, Seconds

#: Octets that the retransmission budget holds at most (ours): 100 packets.
BUDGET_LIMIT = 128_000
#: Part of the octets sent that is added to the retransmission budget (ours).
BUDGET_SHARE = 0.5
#: Packets of one NACK that are looked at (ours).
NACK_LIMIT = 1024
#: Seconds between two retransmissions of one packet while the round trip is not known (ours).
DEFAULT_INTERVAL = 0.02
#: Part of a round trip between two retransmissions of one packet (ours): a peer that asks again
#: after a round trip may have measured a shorter one.
ROUND_TRIP_SHARE = 0.8

#: Packets sent last, among which padding repeats the largest (ours).
PADDING_CHOICE = 16
#: Packets of padding at a time at most (ours).
PADDING_LIMIT = 64

_original_sequence_number = Struct("!H").pack


class Retransmitter:
    """Answers NACKs of one stream, within a budget; the `PacketSource` of retransmissions.

    Args:
        counters: Counters of the stream.
        header: Header with the SSRC of the RTX stream.
        rtx_payload_type: Payload type of RTX; None to send the original packets again.

    Attributes:
        history: Sent packets of the stream.
        uses_twcc: Whether retransmissions get a transport-wide sequence number of their own.
    """

    def __init__(
        self,
        counters: SendStreamCounters,
        header: HeaderTemplate,
        rtx_payload_type: int | None,
    ) -> None:
        self.history = RtpPacketHistory()
        self._counters = counters
        self.configure(header, rtx_payload_type)
        self._sequence_number = secrets.randbelow(1 << 15)
        self._budget = float(BUDGET_LIMIT)
        self._retransmitted: dict[int, MonotonicTime] = {}

    def configure(self, header: HeaderTemplate, rtx_payload_type: int | None) -> None:
        """Use another header from the next retransmission on."""
        self._header = header
        self._rtx_payload_type = rtx_payload_type
        self.uses_twcc = rtx_payload_type is not None and header.uses_twcc

    def on_sent(self, octets: int) -> None:
        """Add part of the octets that the stream sends to the retransmission budget."""
        self._budget = min(self._budget + octets * BUDGET_SHARE, BUDGET_LIMIT)

    def clear(self) -> None:
        """Forget all sent packets: none of them is retransmitted any more."""
        self.history.clear()
        self._retransmitted.clear()

    def on_nack(
        self, lost: Sequence[int], *, round_trip_time: Seconds | None, now: MonotonicTime
    ) -> tuple[OutboundFrame, ...]:
        """Return the retransmissions for the packets of a NACK, each a frame of one packet.

        Args:
            lost: Sequence numbers of the packets that the peer lacks.
            round_trip_time: In seconds; None while not known.
            now: Time of the NACK.
        """
        found = []
        interval = (
            DEFAULT_INTERVAL if round_trip_time is None else round_trip_time * ROUND_TRIP_SHARE
        )
        for sequence_number in lost[:NACK_LIMIT]:
            frame = self._retransmission(sequence_number, not_since=now - interval, now=now)
            if frame is not None:
                found.append(frame)
        self._counters.refused_retransmissions += len(lost) - len(found)
        if len(self._retransmitted) > HISTORY_PACKETS:
            self._retransmitted = {
                number: at for number, at in self._retransmitted.items() if at > now - interval
            }
        return tuple(found)

    def padding(
        self, next_sequence_number: int, *, octets: int, now: MonotonicTime
    ) -> tuple[OutboundFrame, ...]:
        """Return retransmissions that nobody asked for, of the packets sent last; by RTX only.

        Args:
            next_sequence_number: Sequence number of the packet to be sent next, 16 bits.
            octets: Octets that they come to, roughly.
            now: Present time.
        """
        if self._rtx_payload_type is None:
            return ()
        last = range(next_sequence_number - 1, next_sequence_number - 1 - PADDING_CHOICE, -1)
        sent = [self.history.find(number & 0xFFFF, now=now) for number in last]
        # The largest first: the fewer packets, the better.
        known = sorted(filter(None, sent), key=_size, reverse=True)
        found: list[OutboundFrame] = []
        while known and octets > 0 and len(found) < PADDING_LIMIT:
            frame, position = known[len(found) % len(known)]
            size = len(frame.payloads[position])
            found.append(self._copy(frame, position, size=self._header.size + size))
            self._counters.padding_octets += size
            octets -= found[-1].size
        return tuple(found)

    def _retransmission(
        self, sequence_number: int, *, not_since: MonotonicTime, now: MonotonicTime
    ) -> OutboundFrame | None:
        if self._retransmitted.get(sequence_number, not_since) > not_since:
            return None
        sent = self.history.find(sequence_number, now=now)
        if sent is None:
            return None
        frame, position = sent
        payload = frame.payloads[position]
        packets: Sequence[bytes] = ()
        if self._rtx_payload_type is not None:
            size = self._header.size + len(payload)
        elif position < len(frame.packets):
            packets = frame.packets[position : position + 1]
            size = len(packets[0])
        else:
            # It was sent while there was RTX, and not kept.
            return None
        if self._budget < size:
            return None
        self._budget -= size
        self._retransmitted[sequence_number] = now
        retransmission = self._copy(frame, position, size=size)
        retransmission.packets = packets
        return retransmission

    def _copy(self, frame: OutboundFrame, position: int, *, size: int) -> OutboundFrame:
        marker = frame.last_marker and position == len(frame.payloads) - 1
        return OutboundFrame(
            self,
            (frame.payloads[position],),
            priority=PacketPriority.RETRANSMISSION,
            size=size,
            timestamp=frame.timestamp,
            payload_type=frame.payload_type,
            last_marker=marker or (frame.first_marker and position == 0),
            sequence_number=(frame.sequence_number + position) & 0xFFFF,
        )

    def write_packets(
        self,
        frame: OutboundFrame,
        *,
        transport_sequence_number: int,
        now: MonotonicTime,
        room: float,
    ) -> Sequence[bytes]:
        """Write the one packet of a retransmission; see `PacketSource`."""
        frame.position = 1
        payload, packets, rtx = frame.payloads[0], frame.packets, self._rtx_payload_type
        if rtx is None and not packets:
            # It waited in the pacer while RTX went away.
            self._counters.refused_retransmissions += 1
            return ()
        self._counters.retransmitted_packets += 1
        self._counters.retransmitted_octets += len(payload)
        if rtx is None or packets:
            return packets
        header = self._header.write(
            marker_and_payload_type=marker_and_payload_type(rtx, marker=frame.last_marker),
            sequence_number=self._sequence_number,
            timestamp=frame.timestamp,
            transport_sequence_number=transport_sequence_number,
            now=now,
        )
        # RFC 4588 section 4: the original sequence number comes before the original payload.
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        return (b"".join((header, _original_sequence_number(frame.sequence_number), payload)),)

    def on_dropped(self, frames: int, *, needs_keyframe: bool) -> None:
        """Count retransmissions that the pacer dropped; see `PacketSource`."""
        self._counters.refused_retransmissions += frames


def _size(sent: tuple[OutboundFrame, int]) -> int:
    frame, position = sent
    return len(frame.payloads[position])
