"""The state and the counts of each SSRC that a receiver gets (RFC 3550 appendix A). PURE."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from peer.rtp.rtcp import ReceptionReport, compact_ntp, from_ntp
from peer.times import UnixTime
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from peer.rtp.levels import AudioLevel
    from peer.rtp.packet import RtpPacket
    from peer.rtp.rtcp import SenderReport
    from peer.times import MonotonicTime, Seconds

#: Limit of the SSRCs that are remembered; the one received the longest ago is forgotten (ours).
SSRC_LIMIT = 16
#: MAX_DROPOUT: a sequence number further ahead needs to be confirmed (RFC 3550 appendix A.1).
DROPOUT_LIMIT = 3000
#: Packets in a row that confirm that a sender went back. Two, as RFC 3550 appendix A.1 has it for
#: all jumps, are too easily retransmissions of packets that were given up (ours).
BACK_CONFIRMATIONS = 16
#: Seconds beyond which a jump of the timestamps says nothing about the network (ours).
_LEAP = 5.0
#: RTP timestamps have 32 bits (RFC 3550 section 5.1).
_WRAP = 1 << 32
#: Limit of the sender reports that are kept, to measure the rate of the RTP clock (ours).
REPORT_LIMIT = 8
#: Largest share by which a measured clock rate may differ from the agreed one (ours).
DRIFT_LIMIT = 0.01
#: Least seconds between two reports to measure a clock rate (ours).
_BASELINE = 4.0
#: Largest seconds by which the wall clock may advance from one report to the next (ours).
_REPORT_GAP_LIMIT = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatistics:
    """The counts of one SSRC at one moment.

    Args:
        ssrc: Of the stream.
        repairs: The SSRC that it retransmits (RFC 4588); None for a media stream.
        packets: Received, duplicates included.
        bytes: Payload of these packets, without headers and padding.
        lost: As RFC 3550 section 6.4.1 counts it: negative where duplicates came.
        jitter: Interarrival jitter (RFC 3550 section 6.4.1), in seconds.
        last_arrival: Arrival of the last packet.
        discarded: Packets that came too late, or too far ahead, to be used.
        duplicates: Packets that had come before.
        malformed: Packets or frames that break their payload format.
        nack_count: RTCP NACK packets sent.
        pli_count: Picture loss indications sent.
        fir_count: Full intra requests sent.
        recovered: Packets that a retransmission stream brought back.
        retransmitted_packets: Received in the retransmission stream, needed or not.
        retransmitted_bytes: Payload of these.
        frames: Complete frames that were given to readers.
        keyframes: Key frames among these.
        frames_dropped: Complete video frames that cannot be decoded after a loss.
        gaps: Times that missing packets were given up.
        reordering_wait: Seconds that a missing packet is waited for at present.
        level: Audio level of the last frame; None where its sender says none.
    """

    ssrc: int
    repairs: int | None = None
    packets: int = 0
    bytes: int = 0
    lost: int = 0
    jitter: Seconds = 0.0
    last_arrival: MonotonicTime = 0.0
    discarded: int = 0
    duplicates: int = 0
    malformed: int = 0
    nack_count: int = 0
    pli_count: int = 0
    fir_count: int = 0
    recovered: int = 0
    retransmitted_packets: int = 0
    retransmitted_bytes: int = 0
    frames: int = 0
    keyframes: int = 0
    frames_dropped: int = 0
    gaps: int = 0
    reordering_wait: Seconds = 0.0
    level: AudioLevel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpSource:
    """A synchronization source (SSRC), or a contributing source (CSRC) that a mixer named.

    Args:
        source: The SSRC or CSRC (RFC 3550 section 5.1).
        timestamp: RTP timestamp of its last frame or, for a CSRC, packet.
        arrival: Arrival of that frame or packet.
        level: Audio level of that frame; None where its sender says none, and for a CSRC.
    """

    source: int
    timestamp: int
    arrival: MonotonicTime
    level: AudioLevel | None = None


class SequenceCounter:
    """Extends the sequence numbers of one SSRC to ones that never wrap; counts loss and jitter.

    RFC 3550 appendix A.1, A.3 and A.8.

    Args:
        clock_rate: In Hz; may be set anew where the payload type changes.
        sequence_number: Of the first packet.

    Attributes:
        packets: Received, duplicates and late ones included.
        bytes: Payload of these.
        highest: The highest extended sequence number; rises over jumps of the sender as well.
        jumped: Set once sequence numbers went on elsewhere than expected; its reader clears it.
        last_arrival: Arrival of the last packet.
    """

    __slots__ = (
        "_arrival",
        "_awaited",
        "_base",
        "_confirmed",
        "_expected_before",
        "_jitter",
        "_packets_before",
        "_timestamp",
        "bytes",
        "clock_rate",
        "highest",
        "jumped",
        "last_arrival",
        "packets",
    )

    def __init__(self, *, clock_rate: int, sequence_number: int) -> None:
        self.clock_rate = clock_rate
        self.packets = 0
        self.bytes = 0
        # Room below, so that packets from before the first one have a number above zero.
        self.highest = 0x10000 + sequence_number - 1
        self.jumped = False
        self.last_arrival: MonotonicTime = 0.0
        self._base = self.highest
        self._awaited = -1
        self._confirmed = 0
        self._expected_before = 0
        self._packets_before = 0
        self._jitter = 0.0
        self._timestamp = -1
        self._arrival = 0.0

    @property
    def jitter(self) -> Seconds:
        """Interarrival jitter (RFC 3550 section 6.4.1), in seconds."""
        return self._jitter

    @property
    def lost(self) -> int:
        """Packets expected less packets received; negative where duplicates came."""
        return self.highest - self._base - self.packets

    def count(self, packet: RtpPacket, arrival: MonotonicTime) -> int:
        """Count a packet of the SSRC.

        Returns:
            Its extended sequence number; -1 where it is too far from all others to be believed yet.
            Once the next one confirms it, it had the number before that one's.
        """
        sequence_number, size = packet.sequence_number, len(packet.payload)
        highest = self.highest
        ahead = (sequence_number - highest) & 0xFFFF
        if 0 < ahead < DROPOUT_LIMIT:
            extended = self.highest = highest + ahead
            self._awaited = -1
        else:
            extended = self._count_odd(sequence_number, ahead=ahead)
            if extended < highest:
                if extended >= 0:
                    self.packets += 1
                    self.bytes += size
                return extended
        self.packets += 1
        self.bytes += size
        self.last_arrival = arrival
        timestamp = packet.timestamp
        # RFC 3550 appendix A.8 has all packets; those of one video frame leave together, so that
        # only the first of them tells of the network (libwebrtc does the same).
        if timestamp != self._timestamp:
            ticks = (timestamp - self._timestamp) & 0xFFFFFFFF
            if ticks >= 0x80000000:
                ticks -= 0x100000000
            drift = arrival - self._arrival - ticks / self.clock_rate
            if drift < 0.0:
                drift = -drift
            if drift < _LEAP and self._timestamp >= 0:
                self._jitter += (drift - self._jitter) / 16.0
            self._timestamp = timestamp
            self._arrival = arrival
        return extended

    def continues(self, sequence_number: int) -> bool:
        """True where a sequence number may well follow on those before."""
        return 0 < (sequence_number - self.highest) & 0xFFFF < DROPOUT_LIMIT

    def restart(self, sequence_number: int) -> None:
        """Believe the next sequence number, however far it is from those before."""
        if not self.continues(sequence_number):
            self._go_to(sequence_number)

    def fraction_lost(self) -> int:
        """Share of the packets expected since the last call, in 256ths (RFC 3550 appendix A.3)."""
        expected = self.highest - self._base
        interval = expected - self._expected_before
        lost = interval - (self.packets - self._packets_before)
        self._expected_before = expected
        self._packets_before = self.packets
        if interval <= 0 or lost <= 0:
            return 0
        return min(255, (lost << 8) // interval)

    def extend(self, sequence_number: int) -> int:
        """The nearest extended number of a sequence number, which is not counted here."""
        ahead = (sequence_number - self.highest) & 0xFFFF
        return self.highest + (ahead if ahead < 0x8000 else ahead - 0x10000)

    def _count_odd(self, sequence_number: int, *, ahead: int) -> int:
        behind = 0x10000 - ahead if ahead else 0
        # RFC 3550 appendix A.1: a number far from those before is believed once the next one
        # follows. Where the sender went back a little, more of them are needed.
        if sequence_number == self._awaited:
            self._confirmed += 1
        else:
            self._confirmed = 1
        self._awaited = (sequence_number + 1) & 0xFFFF
        late = behind < DROPOUT_LIMIT
        if self._confirmed < (BACK_CONFIRMATIONS if late else 2):
            return self.highest - behind if late else -1
        if late:
            self._go_to(sequence_number)
            self.highest += 1
        else:
            self._go_to((sequence_number - 1) & 0xFFFF)
            self.highest += 2
            self.packets += 1
        self.jumped = True
        return self.highest

    def _go_to(self, sequence_number: int) -> None:
        # On to the next number that ends so, as if none in between had been expected.
        step = (sequence_number - 1 - self.highest) & 0xFFFF
        self.highest += step
        self._base += step
        self._awaited = -1
        self._confirmed = 0


class SenderClock:
    """The wall clock of a sender by its RTP timestamps.

    Each sender report brings a pair of both times (RFC 3550 section 6.4.1), and so does the
    absolute capture time of a packet, which replaces reports once it comes.
    """

    __slots__ = ("_capture_time", "_has_capture_times", "_rate", "_reports", "_timestamp")

    def __init__(self) -> None:
        # (wall clock, RTP timestamp) of each report.
        self._reports: deque[tuple[UnixTime, int]] = deque(maxlen=REPORT_LIMIT)
        self._has_capture_times = False
        self._timestamp = 0
        self._capture_time: UnixTime | None = None
        self._rate: float | None = None

    def add_report(self, *, ntp_time: int, timestamp: int, clock_rate: int) -> None:
        """Take the times of a sender report.

        Args:
            ntp_time: 64 bits; 0 from a sender without a wall clock.
            timestamp: The RTP timestamp of the same moment.
            clock_rate: As agreed, in Hz.
        """
        # RFC 3550 section 6.4.1: a sender without a wall clock says zero.
        if not ntp_time:
            return
        wall = UnixTime(from_ntp(ntp_time))
        if self._reports and not 0.0 < wall - self._reports[-1][0] < _REPORT_GAP_LIMIT:
            # The sender's clock was set: earlier reports say nothing any more.
            self._reports.clear()
            self._rate = None
        self._reports.append((wall, timestamp))
        if not self._has_capture_times:
            self._timestamp, self._capture_time = timestamp, wall
            self._rate = self._measure_rate(clock_rate)

    def add_capture_time(self, timestamp: int, capture_time: UnixTime) -> None:
        """Take the absolute capture time that a packet says."""
        self._has_capture_times = True
        self._rate = None
        self._timestamp, self._capture_time = timestamp, capture_time

    def capture_time(self, timestamp: int, *, clock_rate: int) -> UnixTime | None:
        """The time of an RTP timestamp by the sender's wall clock; None before any report.

        Args:
            timestamp: 32 bits.
            clock_rate: As agreed, in Hz.
        """
        if self._capture_time is None:
            return None
        ticks = (timestamp - self._timestamp) % _WRAP
        if ticks >= _WRAP // 2:
            ticks -= _WRAP
        return UnixTime(self._capture_time + ticks / (self._rate or clock_rate))

    def _measure_rate(self, clock_rate: int) -> float | None:
        wall, timestamp = self._reports[-1]
        first_wall, first_timestamp = self._reports[0]
        if wall - first_wall < _BASELINE:
            return None
        rate = ((timestamp - first_timestamp) % _WRAP) / (wall - first_wall)
        return rate if abs(rate / clock_rate - 1.0) < DRIFT_LIMIT else None


class SsrcState:
    """The counts, the sender's clock and the RTCP reports of one SSRC.

    Its public counters are those of `StreamStatistics`.

    Args:
        ssrc: Of the stream.
        clock_rate: In Hz.
        sequence_number: Of its first packet.

    Attributes:
        repairs: The SSRC that it retransmits; None for media.
        counter: Extends and counts its sequence numbers.
        clock: The clock of its sender.
        last_frame: RTP timestamp, arrival and audio level of its last frame; None before it.
    """

    __slots__ = (
        "_last_sr",
        "_last_sr_arrival",
        "_reported",
        "clock",
        "counter",
        "discarded",
        "duplicates",
        "fir_count",
        "frames",
        "frames_dropped",
        "gaps",
        "keyframes",
        "last_frame",
        "malformed",
        "nack_count",
        "pli_count",
        "recovered",
        "repairs",
        "retransmitted_bytes",
        "retransmitted_packets",
        "ssrc",
    )

    def __init__(self, *, ssrc: int, clock_rate: int, sequence_number: int) -> None:
        self.ssrc = ssrc
        self.repairs: int | None = None
        self.counter = SequenceCounter(clock_rate=clock_rate, sequence_number=sequence_number)
        self.clock = SenderClock()
        self.last_frame: tuple[int, MonotonicTime, AudioLevel | None] | None = None
        self.discarded = 0
        self.duplicates = 0
        self.malformed = 0
        self.nack_count = 0
        self.pli_count = 0
        self.fir_count = 0
        self.recovered = 0
        self.retransmitted_packets = 0
        self.retransmitted_bytes = 0
        self.frames = 0
        self.keyframes = 0
        self.frames_dropped = 0
        self.gaps = 0
        self._last_sr = 0
        self._last_sr_arrival: MonotonicTime = 0.0
        self._reported = 0

    def __repr__(self) -> str:
        counter = self.counter
        return f"<SsrcState {self.ssrc} packets={counter.packets} lost={counter.lost}>"

    def receive_report(self, report: SenderReport, arrival: MonotonicTime) -> None:
        """Take a sender report about this SSRC."""
        self._last_sr = compact_ntp(report.ntp_time)
        self._last_sr_arrival = arrival
        self.clock.add_report(
            ntp_time=report.ntp_time,
            timestamp=report.rtp_timestamp,
            clock_rate=self.counter.clock_rate,
        )

    def report(self, now: MonotonicTime) -> ReceptionReport | None:
        """Make a reception report; None without packets since the last (RFC 3550 section 6.4)."""
        counter = self.counter
        if counter.packets == self._reported:
            return None
        self._reported = counter.packets
        # RFC 3550 section 6.4.1: both are zero before a sender report.
        delay = int((now - self._last_sr_arrival) * 65536) if self._last_sr else 0
        return ReceptionReport(
            ssrc=self.ssrc,
            fraction_lost=counter.fraction_lost(),
            cumulative_lost=counter.lost,
            # The first cycle is counted from one, so that no number is below zero.
            highest_sequence=(counter.highest - 0x10000) & 0xFFFFFFFF,
            jitter=min(int(counter.jitter * counter.clock_rate), 0xFFFFFFFF),
            last_sr=self._last_sr,
            delay_since_last_sr=max(0, min(delay, 0xFFFFFFFF)),
        )

    def source(self) -> RtpSource | None:
        """The SSRC as a synchronization source; None before its first frame."""
        if self.last_frame is None:
            return None
        timestamp, arrival, level = self.last_frame
        return RtpSource(source=self.ssrc, timestamp=timestamp, arrival=arrival, level=level)

    def statistics(self, reordering_wait: Seconds = 0.0) -> StreamStatistics:
        """The counts so far, with the present wait for missing packets in seconds."""
        counter = self.counter
        return StreamStatistics(
            ssrc=self.ssrc,
            repairs=self.repairs,
            packets=counter.packets,
            bytes=counter.bytes,
            lost=counter.lost,
            jitter=counter.jitter,
            last_arrival=counter.last_arrival,
            discarded=self.discarded,
            duplicates=self.duplicates,
            malformed=self.malformed,
            nack_count=self.nack_count,
            pli_count=self.pli_count,
            fir_count=self.fir_count,
            recovered=self.recovered,
            retransmitted_packets=self.retransmitted_packets,
            retransmitted_bytes=self.retransmitted_bytes,
            frames=self.frames,
            keyframes=self.keyframes,
            frames_dropped=self.frames_dropped,
            gaps=self.gaps,
            reordering_wait=reordering_wait,
            level=None if self.last_frame is None else self.last_frame[2],
        )


class SsrcTable:
    """The SSRCs of media and of retransmissions that one receiver gets, at most 16."""

    def __init__(self) -> None:
        self._states: OrderedDict[int, SsrcState] = OrderedDict()
        # SSRCs of media that are received at present, which are not forgotten.
        self._kept = frozenset[int]()
        # Sender reports may come before the first packet.
        self._early: OrderedDict[int, tuple[SenderReport, MonotonicTime]] = OrderedDict()

    def __iter__(self) -> Iterator[SsrcState]:
        return iter(self._states.values())

    def __len__(self) -> int:
        return len(self._states)

    def begin(self, packet: RtpPacket, clock_rate: int, *, beside: Iterable[int] = ()) -> SsrcState:
        """The state of a media stream that begins, or goes on, with this packet.

        Args:
            packet: The packet.
            clock_rate: In Hz.
            beside: SSRCs of media that are received as well; others may be forgotten.
        """
        self._kept = frozenset((packet.ssrc, *beside))
        state = self._state(packet, clock_rate)
        state.repairs = None
        state.counter.restart(packet.sequence_number)
        return state

    def count_rtx(
        self, packet: RtpPacket, *, repairs: int | None, clock_rate: int, arrival: MonotonicTime
    ) -> SsrcState | None:
        """Count an RTX packet; None for one of the media stream, or one too far ahead.

        Args:
            packet: The RTX packet.
            repairs: The SSRC that its stream repairs; None where that is not known.
            clock_rate: In Hz.
            arrival: Arrival of the packet.
        """
        if packet.ssrc in self._kept:
            return None
        state = self._state(packet, clock_rate)
        state.repairs = repairs
        return state if state.counter.count(packet, arrival) >= 0 else None

    def receive_report(self, report: SenderReport, arrival: MonotonicTime) -> None:
        """Take a sender report, and keep it where its stream has not begun."""
        state = self._states.get(report.ssrc)
        if state is not None:
            state.receive_report(report, arrival)
            return
        self._early[report.ssrc] = (report, arrival)
        self._early.move_to_end(report.ssrc)
        if len(self._early) > SSRC_LIMIT:
            self._early.popitem(last=False)

    def reports(self, now: MonotonicTime) -> tuple[ReceptionReport, ...]:
        """A reception report for each SSRC that sent since the last call."""
        reports = (state.report(now) for state in self._states.values())
        return tuple(report for report in reports if report is not None)

    def _state(self, packet: RtpPacket, clock_rate: int) -> SsrcState:
        ssrc = packet.ssrc
        state = self._states.get(ssrc)
        if state is None:
            state = SsrcState(
                ssrc=ssrc, clock_rate=clock_rate, sequence_number=packet.sequence_number
            )
            if (early := self._early.pop(ssrc, None)) is not None:
                state.receive_report(*early)
            self._states[ssrc] = state
            if len(self._states) > SSRC_LIMIT:
                self._forget_one()
        self._states.move_to_end(ssrc)
        return state

    def _forget_one(self) -> None:
        for ssrc in self._states:
            if ssrc not in self._kept:
                del self._states[ssrc]
                return
