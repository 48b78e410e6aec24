"""Owns the running half of a sender: from the frames of its track to the engine, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.congestion import Share
from peer.rtp.encoding import EncodingSettings, subscribe
from peer.rtp.outbound.outgoing_track import OutgoingTrack
from peer.rtp.outbound.repair_part import RepairPart
from peer.rtp.outbound.sender_reports import SenderReports
from peer.rtp.outbound.stream_clock import StreamClock
from peer.rtp.rtcp import (
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    SenderReport,
)
from peer.rtp.sending import KeyframeThrottle, RtpStreamSender
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.encoding import OutgoingFrame
    from peer.rtp.engine.ports import SendingEngine
    from peer.rtp.outbound.outgoing_track import Subscribe
    from peer.rtp.outbound.send_parameters import RtpEncodingParameters
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import SendParameters

#: Bits a second of what is encoded here, where the application says nothing.
DEFAULT_BITRATE = 2_500_000
#: Bits a second that sound needs, whichever codec it has.
SOUND_BITRATE = 96_000
#: Bits a second below which a picture is worth nothing.
LEAST_PICTURE_BITRATE = 50_000
# What a rate of packets leaves for payloads: headers are 2 to 8 per cent.
_PAYLOAD_PART = 0.95


@dataclass(slots=True)
class OutboundCounts:
    """What a sender counts beside its transmission.

    Args:
        frames: That the track gave, as far as they were not dropped before.
        encoded: Those of them that were encoded here.
        keyframes: Those of `encoded` that can be decoded by themselves.
        encode_time: Seconds spent on `encoded`.
        plis: Picture loss indications of the peer.
        firs: Full intra requests of the peer.
        round_trips: Measurements of the round trip.
        round_trip_total: Their sum in seconds.
    """

    frames: int = 0
    encoded: int = 0
    keyframes: int = 0
    encode_time: float = 0.0
    plis: int = 0
    firs: int = 0
    round_trips: int = 0
    round_trip_total: float = 0.0


@dataclass(frozen=True, slots=True)
class PeerReport:
    """The peer's last word on what it receives: `arrival` is in seconds of the engine's clock."""

    report: ReceptionReport
    arrival: float


class OutboundMedia:
    """Sends one stream from its making to `stop`; the `SenderPort` of the engine.

    Args:
        kind: Audio or video.
        engine: Of the transport.
        parameters: What was agreed.
        encoding: What the application set.
        ssrc: Of the stream.
        rtx_ssrc: Of its retransmissions.
        subscribe: Gives the frames of a track.

    Attributes:
        transmission: The stream as packets.
        counts: What was counted.
        last: The frame sent last.
        peer_report: The peer's last word.
        target: Bits a second of packets that congestion control leaves us; None before it said.
    """

    def __init__(
        self,
        kind: MediaKind,
        engine: SendingEngine,
        parameters: SendParameters,
        encoding: RtpEncodingParameters,
        *,
        ssrc: int,
        rtx_ssrc: int,
        subscribe: Subscribe = subscribe,
    ) -> None:
        self.counts = OutboundCounts()
        self.last: OutgoingFrame | None = None
        self.peer_report: PeerReport | None = None
        self.target: int | None = None
        self._kind = kind
        self._engine = engine
        self._ssrcs = ssrc, rtx_ssrc
        self._parameters = parameters
        self._encoding = encoding
        self._agreed = True
        self._quiet_until: int | None = None
        self._clock = StreamClock(parameters.codecs[0].clock_rate)
        self._keyframes = KeyframeThrottle()
        self._repairs = RepairPart()
        self._keyframe_alarm = Alarm(engine.clock, self._on_keyframe_due)
        self.transmission = RtpStreamSender(
            kind,
            parameters,
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            on_keyframe_needed=self.request_keyframe,
        )
        self._reports = SenderReports(engine, self.transmission, self._ssrcs, parameters.cname)
        self._source = OutgoingTrack(kind, self._on_frame, subscribe)
        self._source.configure(self._settings)
        self._source.pause(self.paused)
        engine.add_sender(self, parameters, self._ssrcs)
        self._take_part()

    @property
    def parameters(self) -> SendParameters:
        """What was agreed last."""
        return self._parameters

    @property
    def clock_rate(self) -> int:
        """Of timestamps, in hertz."""
        return self._parameters.codecs[0].clock_rate

    @property
    def repairs_apart(self) -> bool:
        """Whether packets are sent again as a stream of their own (RFC 4588)."""
        codec, *others = self._parameters.codecs
        return any(each.is_rtx and each.apt == codec.payload_type for each in others)

    @property
    def paused(self) -> bool:
        """Whether what the track gives is dropped, as agreed or as the application wants it."""
        return not self._agreed or not self._encoding.active or self._encoding.maxFramerate == 0

    @property
    def bitrate(self) -> int | None:
        """Bits a second that the encoder is to keep to; None for sound and before it is known."""
        if self.target is None or self._kind is MediaKind.AUDIO:
            return None
        part = _PAYLOAD_PART * (1 - self._repairs.part)
        return min(int(self.target * part), self._most)

    @property
    def limited(self) -> bool:
        """Whether the way to the peer leaves less than a picture would be given otherwise."""
        bitrate = self.bitrate
        return bitrate is not None and not self.paused and bitrate < self._most

    def switch(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none, as the same stream."""
        self._clock.begin_track()
        self._source.switch(track)

    def agree(self, parameters: SendParameters | None) -> None:
        """Go on with other parameters; None drops what the track gives until there are some."""
        self._agreed = parameters is not None
        if parameters is not None and parameters != self._parameters:
            self._parameters = parameters
            self.transmission.configure(parameters)
            self._reports.cname = parameters.cname
            self._clock.set_rate(self.clock_rate)
            self._engine.add_sender(self, parameters, self._ssrcs)
        self._adjust()

    def encode(self, encoding: RtpEncodingParameters) -> None:
        """Go on with what the application set."""
        self._encoding = encoding
        self._adjust()

    def request_keyframe(self) -> None:
        """Make the next picture one that can be decoded by itself, or one soon after."""
        if self._keyframes.on_request(self._engine.clock()):
            self._source.request_keyframe()
        self._keyframe_alarm.set(self._keyframes.deadline)

    def tone_time(self, now: float, duration: float) -> int:
        """The timestamp of an event that begins now; until it ends, no sound is sent.

        Args:
            now: In seconds of the engine's clock.
            duration: In seconds.
        """
        begin = self._clock.at(now)
        self._quiet_until = begin + int(duration * self.clock_rate)
        return begin

    def send_event(
        self, payload: bytes, *, timestamp: int, payload_type: int, marker: bool, begun: float
    ) -> None:
        """Send a packet of an event (RFC 4733) among those of the sound."""
        if self.paused:
            return
        frame = self.transmission.make_frame(
            (payload,),
            timestamp=timestamp,
            payload_type=payload_type,
            marker=marker,
            capture_monotonic=begun,
        )
        if frame is not None:
            self._engine.send_frame(frame)

    def on_target(self, bps: int) -> None:
        """From congestion control: send no faster."""
        self.target = bps
        self._follow()

    def on_rtcp(self, packet: RtcpPacket, arrival: float) -> None:
        """From the engine: the peer asks or tells something about our streams."""
        ssrc = self._ssrcs[0]
        match packet:
            case Nack(media_ssrc=media, lost=lost) if media == ssrc:
                for repair in self.transmission.on_nack(lost, arrival):
                    self._engine.send_frame(repair)
            case PictureLossIndication(media_ssrc=media) if media == ssrc:
                self.counts.plis += 1
                self.request_keyframe()
            case FullIntraRequest(entries=entries):
                for number in (number for media, number in entries if media == ssrc):
                    self._on_fir(number, arrival)
            case SenderReport(reports=reports) | ReceiverReport(reports=reports):
                for report in reports:
                    if report.ssrc == ssrc:
                        self._on_report(report, arrival)
            case _:
                """It concerns the transport, or another stream."""

    def stop(self) -> None:
        """Say goodbye, and release everything."""
        self._source.close()
        self._keyframe_alarm.cancel()
        self._engine.set_share(self, None)
        self._engine.discard(self.transmission)
        self._reports.end()
        self._engine.remove_sender(self)

    @property
    def _most(self) -> int:
        return self._encoding.maxBitrate or DEFAULT_BITRATE

    @property
    def _settings(self) -> EncodingSettings:
        return EncodingSettings(
            codec=self._parameters.codecs[0],
            scale_down_by=self._encoding.scaleResolutionDownBy or 1.0,
            max_framerate=self._encoding.maxFramerate or None,
        )

    def _adjust(self) -> None:
        self._source.pause(self.paused)
        self._source.configure(self._settings)
        # Where our part does not change, maxBitrate may.
        self._follow()
        self._take_part()

    def _follow(self) -> None:
        bitrate = self.bitrate
        if bitrate is not None:
            self._source.set_bitrate(bitrate)

    def _take_part(self) -> None:
        self._engine.set_share(self, None if self.paused else self._share)

    @property
    def _share(self) -> Share:
        if self._kind is MediaKind.AUDIO:
            return Share(SOUND_BITRATE, SOUND_BITRATE)
        if self._encoding.maxBitrate is None:
            # Frames that came encoded may need any rate.
            return Share(LEAST_PICTURE_BITRATE)
        most = int(self._encoding.maxBitrate / _PAYLOAD_PART)
        return Share(min(LEAST_PICTURE_BITRATE, most), most)

    def _on_frame(self, frame: OutgoingFrame) -> None:
        timestamp = self._clock.place(frame)
        counts = self.counts
        counts.frames += 1
        if frame.encoded:
            counts.encoded += 1
            counts.keyframes += frame.keyframe
            counts.encode_time += frame.encode_time
        if self._quiet_until is not None:
            if timestamp < self._quiet_until:
                return
            self._quiet_until = None
        outbound = self.transmission.make_frame(
            frame.payloads,
            timestamp=timestamp,
            keyframe=frame.keyframe,
            level=frame.level,
            capture_time=frame.capture_time,
            capture_monotonic=frame.capture,
        )
        if outbound is None:
            return
        if frame.keyframe and self._kind is MediaKind.VIDEO:
            self._keyframes.on_keyframe(self._engine.clock())
            self._keyframe_alarm.set(self._keyframes.deadline)
        self.last = frame
        self._engine.send_frame(outbound)

    def _on_fir(self, number: int, now: float) -> None:
        self.counts.firs += 1
        if self._keyframes.on_fir(number, now=now):
            self._source.request_keyframe()
        self._keyframe_alarm.set(self._keyframes.deadline)

    def _on_report(self, report: ReceptionReport, arrival: float) -> None:
        self.peer_report = PeerReport(report, arrival)
        round_trip = self.transmission.on_report(report, arrival)
        if round_trip is not None:
            self.counts.round_trips += 1
            self.counts.round_trip_total += round_trip
            self._engine.on_round_trip(round_trip)
        counters = self.transmission.counters
        if self._repairs.update(counters.octets, counters.retransmitted_octets):
            self._follow()
        self._engine.on_loss(report.fraction_lost / 256)

    def _on_keyframe_due(self, now: float) -> None:
        if self._keyframes.advance(now):
            self._source.request_keyframe()
        self._keyframe_alarm.set(self._keyframes.deadline)
