"""Sending of DATA in one association: when, how much, and again (RFC 9260 section 6). PURE."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Final

from peer.transport.sctp.core.chunks import (
    DATA_HEADER,
    SACK,
    TSN_MODULO,
    DataFlag,
    data_chunk,
    forward_tsn_chunk,
)
from peer.transport.sctp.core.congestion import CongestionWindow
from peer.transport.sctp.core.in_flight import ChunkState, InFlight, SentChunk
from peer.transport.sctp.core.outbound import OutboundMessage, OutboundQueue
from peer.transport.sctp.core.rtt import RoundTrips

if TYPE_CHECKING:
    from peer.times import MonotonicTime
    from peer.transport.sctp.core.settings import SctpSettings

_MASK: Final = TSN_MODULO - 1
#: Least time before a probe of the tail, so that a busy peer costs none (ours).
_LEAST_PROBE: Final = 0.02
#: Packets of the largest congestion window (ours).
_MOST_PACKETS: Final = 8192
_LAST, _FIRST, _UNORDERED = 1, 2, 4


class DataSender:
    """Messages of ours on their way to the peer.

    Args:
        settings: Timers and bounds.
        initial_tsn: TSN of the first chunk.

    Attributes:
        queue: Messages that wait.
        in_flight: Chunks that are not acknowledged.
        window: Congestion window.
        round_trips: Measured round trips.
        peer_window: Bytes that the peer takes beyond what it has acknowledged.
        takes_forward_tsn: Whether the peer knows FORWARD TSN; without, nothing sent is given up.
        attempts: Time-outs since the peer last acknowledged.
        retransmitted: Chunks that were sent again.
    """

    def __init__(self, settings: SctpSettings, initial_tsn: int) -> None:
        packet = settings.packet
        self._settings = settings
        self._base = initial_tsn - 1
        self._most_payload = (packet - 12 - DATA_HEADER) & ~3
        self.queue = OutboundQueue()
        self.round_trips = RoundTrips(settings)
        self.in_flight = InFlight(self.round_trips)
        self.window = CongestionWindow(
            packet=packet, initial=settings.initial_window, most=_MOST_PACKETS * packet
        )
        self.peer_window = 0
        self.takes_forward_tsn = False
        self.attempts = 0
        self.retransmitted = 0
        self._timeout_at: MonotonicTime | None = None
        self._probe_at: MonotonicTime | None = None
        #: Whether the tail was probed since the last acknowledgement.
        self._is_probed = False
        self._probes = False
        #: Whether losses are repaired without a time-out, up to this number.
        self._recovers = False
        self._recovery_end = 0
        self._may_exceed = False
        #: Number up to which the peer is to skip, and the ordered streams beyond the acknowledged
        #: one with the number and the sequence number skipped last (RFC 3758 section 3.5).
        self._forward = 0
        self._skipped: dict[int, tuple[int, int]] = {}
        self._forward_due = False
        self._forwarded_at: MonotonicTime = 0.0

    def __repr__(self) -> str:
        return f"<DataSender {self.queue!r}, {self.in_flight!r}, {self.window!r}>"

    @property
    def last_tsn(self) -> int:
        """TSN that was assigned last."""
        return (self._base + self.in_flight.next - 1) & _MASK

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time at which `on_time` is to be called; None for never."""
        times = (self._timeout_at, self._probe_at, self.in_flight.reordering_deadline)
        return min((each for each in times if each is not None), default=None)

    # ---- What goes

    def fill(self, chunks: list[bytes], room: int, now: MonotonicTime) -> bool:
        """Add DATA chunks to a packet; return True where more could go in another one.

        Args:
            chunks: The packet so far.
            room: Bytes that it takes.
            now: The present time.
        """
        flight, queue = self.in_flight, self.queue
        while True:
            lost = flight.first_lost() if flight.has_lost else None
            if lost is not None:
                if self._is_beyond_limits(lost.message, lost.transmissions, now):
                    self._abandon(lost.message)
                    continue
                if flight.bytes >= self.window.size and not self._may_exceed:
                    return False
                if len(lost.wire) > room:
                    return True
                self._may_exceed = False
                flight.take_lost()
                self._send(lost, now)
                self.retransmitted += 1
                chunks.append(lost.wire)
                room -= len(lost.wire)
                continue
            if not queue or not (self._has_window(now) or self._probes):
                return False
            message = queue.next(now)
            if message is None:
                return False
            if message.offset and self._is_beyond_limits(message, 0, now):
                self._abandon(message)
                continue
            left = len(message.data) - message.offset
            size = min(left, self._most_payload)
            if size + DATA_HEADER + 3 > room and size + DATA_HEADER + -size % 4 > room:
                return True
            wire = self._send_new(message, size, now)
            chunks.append(wire)
            room -= len(wire)

    def wants_answer(self) -> bool:
        """Tell whether the chunk sent last should be acknowledged at once (RFC 7053 section 4)."""
        return not self.queue or self.in_flight.bytes <= 2 * self._settings.packet

    def forward_tsn(self, now: MonotonicTime) -> bytes:
        """Return the FORWARD TSN that is due, or nothing (RFC 3758 section 3.5 C3)."""
        if not self._forward_due:
            return b""
        self._forward_due = False
        self._advance_forward()
        if self._forward <= self.in_flight.acknowledged:
            return b""
        self._forwarded_at = now
        if self._timeout_at is None:
            self._timeout_at = now + self.round_trips.rto
        streams = ((stream, sequence) for stream, (_, sequence) in self._skipped.items())
        return forward_tsn_chunk((self._base + self._forward) & _MASK, streams)

    # ---- What comes back

    def on_sack(self, body: bytes, now: MonotonicTime) -> bool:
        """Take what a SACK says; return False where it acknowledges what was never sent."""
        if len(body) < SACK.size:
            return False
        cumulative, window, gap_count, duplicate_count = SACK.unpack_from(body)
        flight = self.in_flight
        advance = (cumulative - self._base - flight.acknowledged) & _MASK
        sent = flight.next - 1 - flight.acknowledged
        if advance > sent:
            # RFC 9260 section 6.2.1: an earlier one that comes late is no fault.
            return bool(advance > _MASK // 2)
        if SACK.size + 4 * (gap_count + duplicate_count) > len(body):
            return False
        number = flight.acknowledged + advance
        runs = (
            _runs(body, gap_count, cumulative=number, last_sent=flight.next - 1)
            if gap_count
            else ()
        )
        was_full = flight.bytes >= self.window.size - self._settings.packet
        before = flight.acknowledged
        acknowledged = flight.on_sack(number, runs, now)
        self.peer_window = window
        if window == 0:
            # It answers, so it is there (RFC 9260 section 6.1 A).
            self.attempts = 0
        if flight.sample is not None:
            self.round_trips.measure(flight.sample)
        if acknowledged or number > before:
            self._on_progress(acknowledged, now, was_full=was_full)
        if duplicate_count and self.retransmitted:
            flight.on_duplicates()
        if runs or flight.has_lost or flight.reordering_deadline is not None:
            self._detect_losses(now)
        if self._skipped or self._forward > number or flight.has_lost:
            self._look_forward(now)
        return True

    def on_time(self, now: MonotonicTime) -> bool:
        """Do what is due; return False where the peer has not answered for too long."""
        flight = self.in_flight
        if flight.reordering_deadline is not None and now >= flight.reordering_deadline:
            self._detect_losses(now)
        if self._probe_at is not None and now >= self._probe_at:
            self._probe(now)
        if self._timeout_at is not None and now >= self._timeout_at:
            self._time_out(now)
        return self.attempts <= self._settings.attempts

    def abandon_all(self) -> None:
        """Stop sending, as the association is over."""
        self._timeout_at = self._probe_at = self.in_flight.reordering_deadline = None

    # ---- Within

    def _has_window(self, now: MonotonicTime) -> bool:
        flight = self.in_flight
        used = flight.bytes
        if flight.next - flight.acknowledged > self._settings.tsns_ahead:
            return False
        if used < self.window.size and used < self.peer_window:
            return True
        if used == 0 and not flight.chunks and self._timeout_at is None:
            # A window that is closed is probed (RFC 9260 section 6.1 A), which `_time_out` does.
            self._timeout_at = now + self.round_trips.rto
        return False

    def _send_new(self, message: OutboundMessage, size: int, now: MonotonicTime) -> bytes:
        flight, queue = self.in_flight, self.queue
        begin = message.offset
        number = flight.next
        if begin == 0:
            message.first = number
        is_last = queue.took(message, size)
        flags = (0 if begin else _FIRST) | (_LAST if is_last else 0)
        if not message.ordered:
            flags |= _UNORDERED
        data = message.data
        payload = data if size == len(data) else data[begin : begin + size]
        tsn = (self._base + number) & _MASK
        wire = data_chunk(
            flags=flags,
            tsn=tsn,
            stream=message.stream,
            sequence=message.sequence,
            protocol=message.protocol,
            payload=payload,
        )
        chunk = SentChunk(number=number, message=message, wire=wire, size=size, is_last=is_last)
        flight.next = number + 1
        self._send(chunk, now)
        self._probes = False
        return wire

    def _send(self, chunk: SentChunk, now: MonotonicTime) -> None:
        self.in_flight.sent(chunk, now)
        if self._timeout_at is None:
            self._timeout_at = now + self.round_trips.rto
        self._plan_probe(now)

    def _plan_probe(self, now: MonotonicTime) -> None:
        smoothed = self.round_trips.smoothed
        if smoothed is None or self._is_probed or self._recovers:
            self._probe_at = None
        else:
            self._probe_at = now + max(2 * smoothed, _LEAST_PROBE)

    def _on_progress(self, acknowledged: int, now: MonotonicTime, *, was_full: bool) -> None:
        flight = self.in_flight
        self.attempts = 0
        self._is_probed = False
        if self._recovers and flight.acknowledged >= self._recovery_end:
            self._recovers = False
            flight.on_recovered()
        if was_full and acknowledged and not self._recovers:
            rtt = self.round_trips.smoothed or 0.0
            self.window.on_acknowledged(acknowledged, now=now, rtt=rtt)
        if flight.chunks:
            self._timeout_at = now + self.round_trips.rto
            if flight.bytes:
                self._plan_probe(now)
            else:
                self._probe_at = None
        else:
            self._timeout_at = self._probe_at = None

    def _detect_losses(self, now: MonotonicTime) -> None:
        lost = self.in_flight.detect_losses(now, recovers=self._recovers)
        if not lost:
            return
        if any(chunk.number > self._recovery_end for chunk in lost):
            self.window.on_loss()
            self._recovers = True
            self._recovery_end = self.in_flight.next - 1
            # RFC 9260 section 7.2.4 (3): one packet goes whatever the window says.
            self._may_exceed = True
        self._probe_at = None

    def _probe(self, now: MonotonicTime) -> None:
        """Send one chunk, so that its SACK tells of losses (RFC 8985 section 7.3)."""
        self._probe_at = None
        self._is_probed = True
        if self.queue and self.in_flight.bytes < self.peer_window:
            self._probes = True
            return
        chunk = self.in_flight.last_in_flight()
        if chunk is not None:
            self.in_flight.lose(chunk)
            self._may_exceed = True
        self._timeout_at = now + self.round_trips.rto

    def _time_out(self, now: MonotonicTime) -> None:
        flight = self.in_flight
        self.attempts += 1
        self._timeout_at = None
        self.round_trips.back_off()
        if flight.chunks:
            self.window.on_timeout()
            flight.on_timeout()
            self._recovers = False
            self._recovery_end = flight.next - 1
            self._may_exceed = True
            self._probe_at = None
            self._is_probed = True
            self._look_forward(now, always=True)
            self._timeout_at = now + self.round_trips.rto
        elif self.queue:
            self._probes = True

    def _is_beyond_limits(
        self, message: OutboundMessage, transmissions: int, now: MonotonicTime
    ) -> bool:
        if not self.takes_forward_tsn:
            return False
        if message.max_retransmits is not None and transmissions > message.max_retransmits:
            return True
        return message.expiry is not None and now > message.expiry

    def _abandon(self, message: OutboundMessage) -> None:
        message.abandoned = True
        self.in_flight.abandon(message)
        if self.queue.give_up(message):
            self.in_flight.add_abandoned(message)
        self._forward_due = True

    def _look_forward(self, now: MonotonicTime, *, always: bool = False) -> None:
        """Give up what is beyond its limits, and tell the peer in time (RFC 3758 section 3.5)."""
        flight = self.in_flight
        while flight.has_lost and (lost := flight.first_lost()) is not None:
            if not self._is_beyond_limits(lost.message, lost.transmissions, now):
                break
            self._abandon(lost.message)
        acknowledged = flight.acknowledged
        if self._skipped:
            self._skipped = {
                stream: each for stream, each in self._skipped.items() if each[0] > acknowledged
            }
        waited = now - self._forwarded_at >= (self.round_trips.smoothed or 0.0)
        if self._advance_forward() or (self._forward > acknowledged and (waited or always)):
            self._forward_due = True

    def _advance_forward(self) -> bool:
        flight = self.in_flight
        before = self._forward = max(self._forward, flight.acknowledged)
        chunks, skipped = flight.chunks, self._skipped
        while (chunk := chunks.get(self._forward + 1)) is not None:
            if chunk.state is not ChunkState.ABANDONED:
                break
            message = chunk.message
            if message.ordered:
                is_new = message.stream not in skipped
                if is_new and len(skipped) >= self._settings.forward_streams:
                    break
                skipped[message.stream] = (chunk.number, message.sequence)
            self._forward += 1
        return self._forward > before


def _runs(body: bytes, count: int, *, cumulative: int, last_sent: int) -> list[tuple[int, int]]:
    """Read gap blocks up to the first that does not rise or names what was not sent."""
    offsets = unpack_from(f"!{2 * count}H", body, SACK.size)
    runs: list[tuple[int, int]] = []
    most, before = last_sent - cumulative, 1
    for first, last in zip(offsets[::2], offsets[1::2], strict=True):
        if not before < first <= last <= most:
            break
        runs.append((cumulative + first, cumulative + last))
        before = last
    return runs


def with_immediate_answer(wire: bytes) -> bytes:
    """Set the I bit of a DATA chunk (RFC 7053 section 3)."""
    return bytes((wire[0], wire[1] | DataFlag.IMMEDIATE)) + wire[2:]
