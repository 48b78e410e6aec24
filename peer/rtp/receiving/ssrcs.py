"""Owns what is kept about one SSRC for as long as it is remembered: counts, clock, reports."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.receiving.timestamps import SenderClock
from peer.rtp.rtcp import ReceptionReport, compact_ntp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.rtp.packet import RtpPacket
    from peer.rtp.rtcp import SenderReport


#: SSRCs that are remembered; the one that has been followed or heard the longest ago is forgotten.
SSRC_LIMIT = 16
#: RFC 3550 appendix A.1, MAX_DROPOUT: a number further ahead than this needs to be confirmed.
DROPOUT_LIMIT = 3000
#: How many in a row confirm that a sender went back. Two, as appendix A.1 has it for all jumps,
#: are too easily retransmissions of packets that were given up.
BACK_CONFIRMATIONS = 16
#: A leap of the timestamps beyond this many seconds says nothing about the network.
_LEAP = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatistics:
    """The counts of one SSRC, at one moment.

    Args:
        ssrc: Of the stream.
        repairs: The SSRC that it retransmits (RFC 4588); None for a stream of media.
        packets: Received, duplicates included.
        bytes: Payload of these packets, without headers and padding.
        lost: As RFC 3550 section 6.4.1 counts it: negative where duplicates came.
        jitter: Interarrival jitter (RFC 3550 section 6.4.1), in seconds.
        last_arrival: Of a packet, in seconds of our monotonic clock.
        discarded: Packets that came too late, or too far ahead, to be used.
        duplicates: Packets that were there already.
        malformed: Packets or frames that their payload format does not allow.
        nack_count: RTCP NACK packets sent.
        pli_count: Picture loss indications sent.
        fir_count: Full intra requests sent.
        recovered: Packets that a retransmission stream brought back.
        retransmitted_packets: Received in the retransmission stream, needed or not.
        retransmitted_bytes: Payload of these.
        frames: Given, whole.
        keyframes: Those of them that can be decoded by themselves.
        frames_dropped: Pictures that came whole, but cannot be decoded after a loss.
        gaps: Times that a loss was given up.
        hold: Seconds that a loss is waited for, at present.
    """

    ssrc: int
    repairs: int | None = None
    packets: int = 0
    bytes: int = 0
    lost: int = 0
    jitter: float = 0.0
    last_arrival: float = 0.0
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
    hold: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributingSource:
    """Somebody whom a mixer named (RFC 3550 section 5.1, CSRC).

    Args:
        source: The CSRC.
        timestamp: Of RTP, of the last packet that named it.
        arrival: Of that packet, in seconds of our monotonic clock.
    """

    source: int
    timestamp: int
    arrival: float


class SequenceCounter:
    """Extends the numbers of one SSRC to ones that never wrap, and counts what came and did not.

    Args:
        clock_rate: In hertz; may be set anew where the payload type changes.

    Attributes:
        packets: Received, duplicates and late ones included.
        bytes: Payload of these.
        highest: The extended highest number; it goes on rising over jumps of the peer.
        jumped: Set once the numbers went on elsewhere than expected; whoever looks clears it.
        last_arrival: In seconds.
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

    def __init__(self, clock_rate: int, sequence_number: int) -> None:
        self.clock_rate = clock_rate
        self.packets = 0
        self.bytes = 0
        # Room below, so that packets from before the first one have a number above zero.
        self.highest = 0x10000 + sequence_number - 1
        self.jumped = False
        self.last_arrival = 0.0
        self._base = self.highest
        self._awaited = -1
        self._confirmed = 0
        self._expected_before = 0
        self._packets_before = 0
        self._jitter = 0.0
        self._timestamp = -1
        self._arrival = 0.0

    @property
    def jitter(self) -> float:
        """Interarrival jitter (RFC 3550 section 6.4.1), in seconds."""
        return self._jitter

    @property
    def lost(self) -> int:
        """Expected less received; negative where duplicates came."""
        return self.highest - self._base - self.packets

    def count(self, sequence_number: int, timestamp: int, size: int, arrival: float) -> int:
        """Count a packet.

        Returns:
            Its extended number; -1 where it is too far from all others to be believed yet. Once
            the next one confirms it, it had the number before that one's.
        """
        highest = self.highest
        ahead = (sequence_number - highest) & 0xFFFF
        if 0 < ahead < DROPOUT_LIMIT:
            number = self.highest = highest + ahead
            self._awaited = -1
        else:
            number = self._count_odd(sequence_number, ahead)
            if number < highest:
                if number >= 0:
                    self.packets += 1
                    self.bytes += size
                return number
        self.packets += 1
        self.bytes += size
        self.last_arrival = arrival
        # RFC 3550 appendix A.8 has all packets; those of one picture leave together, so that only
        # the first of them tells of the network (libwebrtc does the same).
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
        return number

    def continues(self, sequence_number: int) -> bool:
        """Whether it may well follow on those before."""
        return 0 < (sequence_number - self.highest) & 0xFFFF < DROPOUT_LIMIT

    def restart(self, sequence_number: int) -> None:
        """Believe the next number, however far it is from those before."""
        if not self.continues(sequence_number):
            self._go_to(sequence_number)

    def fraction_lost(self) -> int:
        """Of what was expected since the last call, in 256ths (RFC 3550 appendix A.3)."""
        expected = self.highest - self._base
        interval = expected - self._expected_before
        lost = interval - (self.packets - self._packets_before)
        self._expected_before = expected
        self._packets_before = self.packets
        if interval <= 0 or lost <= 0:
            return 0
        return min(255, (lost << 8) // interval)

    def extend(self, sequence_number: int) -> int:
        """The extended number of a packet that is not counted here; the nearest one is meant."""
        ahead = (sequence_number - self.highest) & 0xFFFF
        return self.highest + (ahead if ahead < 0x8000 else ahead - 0x10000)

    def _count_odd(self, sequence_number: int, ahead: int) -> int:
        behind = 0x10000 - ahead if ahead else 0
        # RFC 3550 appendix A.1: far from those before, it is believed once the next one follows.
        # Where the sender went back a little, the same is asked for more often.
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
        # On to the next number that ends so, as if nothing in between had been expected.
        step = (sequence_number - 1 - self.highest) & 0xFFFF
        self.highest += step
        self._base += step
        self._awaited = -1
        self._confirmed = 0


class SsrcState:
    """One SSRC.

    Args:
        ssrc: Of the stream.
        clock_rate: In hertz.
        sequence_number: Of its first packet.

    Attributes:
        repairs: The SSRC that it retransmits; None for media.
        counter: Of its packets.
        clock: Of its sender.
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
        "malformed",
        "nack_count",
        "pli_count",
        "recovered",
        "repairs",
        "retransmitted_bytes",
        "retransmitted_packets",
        "ssrc",
    )

    def __init__(self, ssrc: int, clock_rate: int, sequence_number: int) -> None:
        self.ssrc = ssrc
        self.repairs: int | None = None
        self.counter = SequenceCounter(clock_rate, sequence_number)
        self.clock = SenderClock()
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
        self._last_sr_arrival = 0.0
        self._reported = 0

    def receive_report(self, report: SenderReport, arrival: float) -> None:
        """Take what the peer says of its clock."""
        self._last_sr = compact_ntp(report.ntp_time)
        self._last_sr_arrival = arrival
        self.clock.report(report.ntp_time, report.rtp_timestamp, arrival, self.counter.clock_rate)

    def report(self, now: float) -> ReceptionReport | None:
        """What to report; None where nothing came since the last call (RFC 3550 section 6.4)."""
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

    def statistics(self, hold: float = 0.0) -> StreamStatistics:
        """The counts so far."""
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
            hold=hold,
        )


class SsrcTable:
    """Media and retransmissions, by SSRC."""

    def __init__(self) -> None:
        self._sources: OrderedDict[int, SsrcState] = OrderedDict()
        self._followed: SsrcState | None = None
        # Sender reports may come before the first packet.
        self._early: OrderedDict[int, tuple[SenderReport, float]] = OrderedDict()

    def __iter__(self) -> Iterator[SsrcState]:
        return iter(self._sources.values())

    def __len__(self) -> int:
        return len(self._sources)

    def follow(self, packet: RtpPacket, clock_rate: int) -> SsrcState:
        """The source of a stream of media that begins, or goes on, with this packet."""
        source = self._source(packet, clock_rate)
        source.repairs = None
        source.counter.restart(packet.sequence_number)
        self._followed = source
        return source

    def repair(
        self, packet: RtpPacket, repairs: int | None, clock_rate: int, arrival: float
    ) -> SsrcState | None:
        """Count a packet of retransmissions; None for one that was counted as media before."""
        if self._followed is not None and packet.ssrc == self._followed.ssrc:
            return None
        source = self._source(packet, clock_rate)
        source.repairs = repairs
        number = source.counter.count(
            packet.sequence_number, packet.timestamp, len(packet.payload), arrival
        )
        return source if number >= 0 else None

    def receive_report(self, report: SenderReport, arrival: float) -> None:
        """Take what the peer says of its clock."""
        source = self._sources.get(report.ssrc)
        if source is not None:
            source.receive_report(report, arrival)
            return
        self._early[report.ssrc] = (report, arrival)
        self._early.move_to_end(report.ssrc)
        if len(self._early) > SSRC_LIMIT:
            self._early.popitem(last=False)

    def reports(self, now: float) -> tuple[ReceptionReport, ...]:
        """For each source heard since the last call."""
        reports = (source.report(now) for source in self._sources.values())
        return tuple(report for report in reports if report is not None)

    def _source(self, packet: RtpPacket, clock_rate: int) -> SsrcState:
        ssrc = packet.ssrc
        source = self._sources.get(ssrc)
        if source is None:
            source = SsrcState(ssrc, clock_rate, packet.sequence_number)
            if (early := self._early.pop(ssrc, None)) is not None:
                source.receive_report(*early)
            self._sources[ssrc] = source
            if len(self._sources) > SSRC_LIMIT:
                self._forget_one()
        self._sources.move_to_end(ssrc)
        return source

    def _forget_one(self) -> None:
        for ssrc, source in self._sources.items():
            if source is not self._followed:
                del self._sources[ssrc]
                return
