"""Owns `RtpStreamReceiver`: what one receiver makes of the packets that are routed to it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from peer.rtp.header_extensions import AbsoluteCaptureTime, ExtensionIds, PlayoutDelay
from peer.rtp.levels import AudioLevel
from peer.rtp.malformed import MalformedError
from peer.rtp.receiving.payload_types import Role, payload_types_of
from peer.rtp.receiving.rtx import RtxStreams, restore_rtx
from peer.rtp.receiving.ssrc_receiver import SsrcReceiver
from peer.rtp.receiving.ssrcs import ContributingSource, SsrcTable
from peer.rtp.receiving.timestamps import ReceiveTimeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrcs import StreamStatistics
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket, SenderReport
    from peer.rtp_parameters import Codec, MediaKind, ReceiveParameters

#: Seconds for which a new stream is kept to, so that stragglers of the former one do not undo it.
SETTLING = 0.2
#: Contributing sources that are remembered.
CONTRIBUTING_LIMIT = 32

_LEVELS = tuple(AudioLevel.parse(bytes((value,))) for value in range(256))
_NONE = -1


class RtpStreamReceiver:
    """Packets in, whole frames in order and RTCP feedback out. Pure: time is what it is told.

    A frame is given as soon as it is whole and those before it were given or given up. After a
    picture was lost for good nothing is given until the next key frame, and that is asked for.

    Args:
        kind: Audio or video.
        on_frame: Gets each frame, from within `receive` and `advance`.
        on_feedback: Gets RTCP to send at once; none of it is a report.
        on_event: Gets codec, payload and RTP timestamp of each telephone-event packet (RFC 4733),
            as it comes, in whatever order.

    Attributes:
        unexpected: Packets of payload types that were not agreed.
        unsettled: Packets of other streams, dropped while a new one was kept to.
    """

    __slots__ = (
        "_contributing",
        "_ended",
        "_ids",
        "_kind",
        "_looks",
        "_on_event",
        "_on_feedback",
        "_on_frame",
        "_paused",
        "_playout_delay",
        "_playout_raw",
        "_repairs",
        "_round_trip",
        "_rtcp_ssrc",
        "_since",
        "_sources",
        "_ssrc",
        "_stream",
        "_timeline",
        "_types",
        "_wished",
        "unexpected",
        "unsettled",
    )

    def __init__(
        self,
        kind: MediaKind,
        *,
        on_frame: Callable[[EncodedFrame], None],
        on_feedback: Callable[[tuple[RtcpPacket, ...]], None],
        on_event: Callable[[Codec, bytes, int], None] | None = None,
    ) -> None:
        self.unexpected = 0
        self.unsettled = 0
        self._kind = kind
        self._on_frame = on_frame
        self._on_feedback = on_feedback
        self._on_event = on_event
        self._types: dict[int, PayloadType] = {}
        self._ids = ExtensionIds()
        self._looks = False
        self._rtcp_ssrc = 0
        self._repairs = RtxStreams()
        self._sources = SsrcTable()
        self._timeline = ReceiveTimeline()
        self._stream: SsrcReceiver | None = None
        # Of the stream whose packets go straight to it; none while something else comes first.
        self._ssrc = _NONE
        self._since = 0.0
        self._ended = False
        self._paused = False
        self._wished = False
        self._round_trip: float | None = None
        self._playout_delay: PlayoutDelay | None = None
        self._playout_raw = b""
        self._contributing: OrderedDict[int, ContributingSource] = OrderedDict()

    @property
    def deadline(self) -> float | None:
        """When `advance` has to be called next, in seconds of the clock of `arrival`.

        None where nothing waits. It may change with any call.
        """
        return None if self._stream is None else self._stream.deadline

    @property
    def playout_delay(self) -> PlayoutDelay | None:
        """What the sender last asked for by the playout-delay extension."""
        return self._playout_delay

    @property
    def ssrc(self) -> int | None:
        """Of the stream that is followed at present."""
        return None if self._stream is None else self._stream.source.ssrc

    def configure(self, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Expect what `parameters` describe from now on; feedback goes out under `rtcp_ssrc`."""
        self._types = payload_types_of(parameters.codecs)
        self._ids = ids = ExtensionIds.of(parameters.extensions)
        self._looks = any(
            each is not None for each in (ids.audio_level, ids.abs_capture_time, ids.playout_delay)
        )
        self._rtcp_ssrc = rtcp_ssrc
        self._repairs.configure(parameters.rtx)
        if self._stream is not None:
            self._stream.configure(self._types, rtcp_ssrc)

    def receive(self, packet: RtpPacket, elements: Mapping[int, bytes], arrival: float) -> None:
        """Take a packet with the elements of its header extension by id. Never raises for it."""
        stream = self._stream
        known = self._types.get(packet.payload_type)
        if (
            stream is None
            or known is None
            or packet.ssrc != self._ssrc
            or known.role is not Role.MEDIA
        ):
            self._receive_other(packet, known, elements, arrival)
            return
        if known is not stream.type:
            stream.use(known)
        level = None
        if elements and self._looks:
            level = self._look(packet, elements)
        if packet.csrcs:
            self._contribute(packet, arrival)
        stream.take(packet, level, arrival)

    def receive_report(self, report: SenderReport, arrival: float) -> None:
        """Take what the peer says of its clock and of how much it sent."""
        self._sources.receive_report(report, arrival)

    def goodbye(self, ssrc: int) -> None:
        """The peer ended this stream (RFC 3550 section 6.6); another one may follow at once."""
        if self._stream is not None and self._stream.source.ssrc == ssrc:
            self._stream.end()
            self._expect()

    def advance(self, now: float) -> None:
        """Do what is due: give up on losses, ask for packets and for key frames."""
        stream = self._stream
        if stream is not None and stream.deadline is not None and now >= stream.deadline:
            stream.advance(now)

    def request_keyframe(self, now: float) -> None:
        """Ask for a picture that can be decoded by itself; asked again until one comes."""
        if self._stream is None or self._paused:
            self._wished = True
        else:
            self._stream.request_keyframe(now)

    def reports(self, now: float) -> tuple[ReceptionReport, ...]:
        """One for each stream heard since the last call, for a receiver or sender report."""
        return self._sources.reports(now)

    def pause(self) -> None:
        """Drop what arrives."""
        if not self._paused:
            self._paused = True
            if self._stream is not None:
                self._stream.end()
            self._expect()

    def resume(self, now: float) -> None:
        """Take what arrives, as the continuation of what was before the pause."""
        if self._paused:
            self._paused = False
            self.request_keyframe(now)

    def restart(self, now: float) -> None:
        """Take what arrives over another transport, as the continuation of what was before.

        A stream that goes on there with the next packet goes on here, without a gap.
        """
        self.resume(now)
        self._expect()

    def set_round_trip_time(self, seconds: float) -> None:
        """Until it is called, repairs that come back are measured."""
        self._round_trip = seconds
        if self._stream is not None:
            self._stream.set_round_trip_time(seconds)

    def contributing(self) -> tuple[ContributingSource, ...]:
        """Whom mixers named, the last one last; at most 32."""
        return tuple(self._contributing.values())

    def statistics(self, now: float | None = None) -> tuple[StreamStatistics, ...]:
        """For each stream, retransmissions included; at most 16.

        Args:
            now: For the seconds that a loss is waited for; as of the last packet where it is None.
        """
        current = self._stream
        return tuple(
            source.statistics(
                current.hold(source.counter.last_arrival if now is None else now)
                if current is not None and source is current.source
                else 0.0
            )
            for source in self._sources
        )

    def _receive_other(
        self,
        packet: RtpPacket,
        known: PayloadType | None,
        elements: Mapping[int, bytes],
        arrival: float,
    ) -> None:
        if self._paused:
            return
        if known is None:
            self.unexpected += 1
            return
        if known.role is Role.REPAIR:
            self._receive_repair(packet, known, elements, arrival)
            return
        stream = self._stream
        if packet.ssrc != self._ssrc or stream is None:
            stream = self._follow(packet, known, elements, arrival)
            if stream is None:
                self.unsettled += 1
                return
        level = self._look(packet, elements) if elements and self._looks else None
        if packet.csrcs:
            self._contribute(packet, arrival)
        if known.role is Role.EVENT:
            stream.take(packet, None, arrival)
            if self._on_event is not None:
                self._on_event(known.codec, packet.payload, packet.timestamp)
            return
        stream.use(known)
        if self._wished:
            self._wished = False
            stream.wish_keyframe()
        stream.take(packet, level, arrival)
        stream.advance(arrival)

    def _follow(
        self,
        packet: RtpPacket,
        known: PayloadType,
        elements: Mapping[int, bytes],
        arrival: float,
    ) -> SsrcReceiver | None:
        former = self._stream
        if former is not None and not self._ended and arrival - self._since < SETTLING:
            return None
        if (rid := elements.get(self._ids.rid or 0)) is not None:
            self._repairs.name(rid, packet.ssrc)
        self._ssrc = packet.ssrc
        if (
            self._ended
            and former is not None
            and former.source.ssrc == packet.ssrc
            and former.source.counter.continues(packet.sequence_number)
        ):
            self._ended = False
            return former
        if former is not None:
            former.end()
            self._timeline.restart()
        self._ended = False
        self._since = arrival
        source = self._sources.follow(packet, known.codec.clock_rate)
        self._stream = stream = SsrcReceiver(
            self._kind,
            source,
            source.counter.extend(packet.sequence_number),
            payload_type=known,
            types=self._types,
            timeline=self._timeline,
            rtcp_ssrc=self._rtcp_ssrc,
            on_frame=self._on_frame,
            on_feedback=self._on_feedback,
        )
        if self._round_trip is not None:
            stream.set_round_trip_time(self._round_trip)
        return stream

    def _receive_repair(
        self,
        packet: RtpPacket,
        known: PayloadType,
        elements: Mapping[int, bytes],
        arrival: float,
    ) -> None:
        stream = self._stream
        if stream is None or self._ssrc == _NONE:
            return
        followed = stream.source
        named = elements.get(self._ids.repaired_rid or 0)
        ssrc = self._repairs.repaired(packet.ssrc, named, followed.ssrc)
        repair = self._sources.repair(packet, ssrc, known.codec.clock_rate, arrival)
        apt = known.codec.apt
        if repair is None or ssrc != followed.ssrc or apt is None:
            return
        followed.retransmitted_packets += 1
        followed.retransmitted_bytes += len(packet.payload)
        original = self._types.get(apt)
        whole = restore_rtx(packet, apt, ssrc)
        if whole is not None and original is not None and original.role is Role.MEDIA:
            stream.take_repair(whole, arrival)

    def _look(self, packet: RtpPacket, elements: Mapping[int, bytes]) -> AudioLevel | None:
        ids, stream = self._ids, self._stream
        try:
            if (value := elements.get(ids.abs_capture_time or 0)) and stream is not None:
                captured = AbsoluteCaptureTime.parse(value)
                stream.source.clock.capture(packet.timestamp, captured.seconds)
            value = elements.get(ids.playout_delay or 0)
            if value and value != self._playout_raw:
                self._playout_delay = PlayoutDelay.parse(value)
                self._playout_raw = value
        except MalformedError:
            # An extension that nobody can read changes nothing about the payload.
            pass
        value = elements.get(ids.audio_level or 0)
        return _LEVELS[value[0]] if value else None

    def _contribute(self, packet: RtpPacket, arrival: float) -> None:
        contributing = self._contributing
        for source in packet.csrcs:
            contributing[source] = ContributingSource(
                source=source, timestamp=packet.timestamp, arrival=arrival
            )
            contributing.move_to_end(source)
            if len(contributing) > CONTRIBUTING_LIMIT:
                contributing.popitem(last=False)

    def _expect(self) -> None:
        # Whatever comes next is followed, without settling.
        self._ended = True
        self._ssrc = _NONE
