"""Runs one outgoing stream: frames of a track to the RTP engine, RTCP of the peer back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.congestion import Share
from peer.rtp.encoding import EncodingSettings, subscribe
from peer.rtp.encoding.settings import PAYLOAD_LIMIT
from peer.rtp.formats.red import COPIES, RedWriter
from peer.rtp.outbound.bandwidth_report import BandwidthReport
from peer.rtp.outbound.encodings import priority_weight
from peer.rtp.outbound.outgoing_track import OutgoingTrack
from peer.rtp.outbound.retransmission_share import RetransmissionShare
from peer.rtp.outbound.sender_report_scheduler import SenderReportScheduler
from peer.rtp.outbound.timestamps import RtpTimestampGenerator
from peer.rtp.push_track import PushTrack
from peer.rtp.rtcp import (
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    SenderReport,
)
from peer.rtp.sending import KeyframeThrottle, RtpStreamSender
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.encoding import OutgoingFrame
    from peer.rtp.engine.ports import SendingEngine
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.outgoing_track import Subscribe
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import SendParameters
    from peer.times import MonotonicTime, Seconds

#: Highest bitrate of an encoder in bits/s without `maxBitrate` (ours; libwebrtc: 2.5 Mbit/s for
#: 1280x720).
DEFAULT_BITRATE = 2_500_000
#: Share of audio in bits/s, for any codec (ours).
AUDIO_BITRATE = 96_000
#: Least share of video in bits/s (ours): below, video is of no use.
MIN_VIDEO_BITRATE = 50_000
#: Part of a bitrate of packets that is left for payloads (ours): headers are 2% to 8%.
_PAYLOAD_PART = 0.95
#: Octets of the RTP header of a packet with the usual extensions (ours).
_HEADER = 32


@dataclasses.dataclass(slots=True)
class OutboundStreamCounts:
    """Counts frames, keyframe requests and round trips of one outgoing stream.

    Args:
        frames: Frames that the track gave, as far as they were not dropped before.
        encoded: Frames of `frames` that were encoded here.
        keyframes: Keyframes among `encoded`.
        encode_time: Seconds spent on `encoded`.
        plis: Picture loss indications received.
        firs: Full intra requests received.
        round_trips: Measurements of the round trip.
        round_trip_total: Sum of these round trips in seconds.
    """

    frames: int = 0
    encoded: int = 0
    keyframes: int = 0
    encode_time: Seconds = 0.0
    plis: int = 0
    firs: int = 0
    round_trips: int = 0
    round_trip_total: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class PeerReport:
    """The last report block of the peer on a stream, and when it arrived."""

    report: ReceptionReport
    arrival: MonotonicTime


class OutboundStream:
    """Sends one stream until `stop`; the `SenderPort` of the engine.

    Args:
        kind: Audio or video.
        engine: RTP engine of the transport.
        parameters: Negotiated parameters.
        encoding: Encoding parameters set by the application.
        ssrc: SSRC of the stream.
        rtx_ssrc: SSRC of the RTX stream.
        rid: RID that the packets of the stream say (RFC 8852); None for a stream without one.
        subscribe: Subscribes to the frames of a track.

    Attributes:
        rtp: Packets of the stream.
        counts: Counts of frames, keyframe requests and round trips.
        last_frame: Frame sent last.
        peer_report: Last report block of the peer.
        target: Bitrate of packets in bits/s that congestion control allots; None before it did.
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
        rid: str | None = None,
        subscribe: Subscribe = subscribe,
    ) -> None:
        self.counts = OutboundStreamCounts()
        self.last_frame: OutgoingFrame | None = None
        self.peer_report: PeerReport | None = None
        self.target: int | None = None
        self._kind = kind
        self._engine = engine
        self._ssrcs = ssrc, rtx_ssrc
        self._parameters = parameters
        self._encoding = encoding
        self._sends = True
        self._event_end: int | None = None
        self._payload_limit = PAYLOAD_LIMIT
        # Pixels of the last key frame that came encoded.
        self._relayed_pixels = 0
        self._timestamps = RtpTimestampGenerator(parameters.codecs[0].clock_rate)
        self._red = _red_writer(parameters)
        self._keyframes = KeyframeThrottle()
        self._retransmissions = RetransmissionShare()
        self._keyframe_alarm = Alarm(engine.clock, self._on_keyframe_due)
        self.rtp = RtpStreamSender(
            kind,
            parameters,
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            rid=rid,
            on_keyframe_needed=self.request_keyframe,
        )
        self._reports = SenderReportScheduler(engine, self.rtp, self._ssrcs, parameters.cname)
        self._report: BandwidthReport | None = None
        # What a layer of a simulcast of ours gets is not what the sender has.
        self._is_layer = rid is not None
        self._track = OutgoingTrack(kind, self._on_frame, subscribe)
        self._track.configure(self._settings)
        self._track.pause(self._drops_frames)
        engine.add_sender(self, parameters, self._ssrcs)
        self._update_share()

    def __repr__(self) -> str:
        """Show the kind, the SSRC, the target in bits/s, and the packets sent."""
        state = " paused" if self.paused else ""
        packets = self.rtp.counters.packets
        return (
            f"<OutboundStream {self._kind.value} ssrc={self._ssrcs[0]} target={self.target}"
            f" packets={packets}{state}>"
        )

    @property
    def parameters(self) -> SendParameters:
        """The negotiated parameters, or the last ones while negotiation has paused the stream."""
        return self._parameters

    @property
    def ssrcs(self) -> tuple[int, int]:
        """The SSRCs of the stream and of its RTX stream."""
        return self._ssrcs

    @property
    def clock_rate(self) -> int:
        """The clock rate of RTP timestamps in Hz."""
        return self._parameters.codecs[0].clock_rate

    @property
    def sends(self) -> bool:
        """True unless negotiation has paused the stream."""
        return self._sends

    @property
    def uses_rtx(self) -> bool:
        """True where retransmissions are a stream of their own (RFC 4588)."""
        codec, *others = self._parameters.codecs
        return any(each.is_rtx and each.apt == codec.payload_type for each in others)

    @property
    def paused(self) -> bool:
        """True while frames are dropped, by negotiation or because the application wants it."""
        return not self._sends or not self._encoding.active or self._encoding.maxFramerate == 0

    @property
    def _drops_frames(self) -> bool:
        """True while frames are dropped, for any reason."""
        return self.paused

    @property
    def bitrate(self) -> int | None:
        """The target bitrate of the encoder in bits/s; None for audio and before it is known."""
        if self.target is None or self._kind is MediaKind.AUDIO:
            return None
        part = _PAYLOAD_PART * (1 - self._retransmissions.share)
        return min(int(self.target * part), self._max_bitrate)

    @property
    def is_bandwidth_limited(self) -> bool:
        """True where congestion control keeps the encoder below its highest bitrate."""
        bitrate = self.bitrate
        return bitrate is not None and not self.paused and bitrate < self._max_bitrate

    @property
    def octets_sent(self) -> int:
        """Octets of all packets so far, with retransmissions and padding."""
        sent = self.rtp.counters
        again = sent.retransmitted_octets + sent.retransmitted_packets * _HEADER
        return sent.octets + sent.header_octets + again

    def pad(self, octets: int) -> None:
        """Send so many octets of packets that the peer has, so that more can be measured."""
        for frame in self.rtp.padding(octets, self._engine.clock()):
            self._engine.send_frame(frame)

    def set_track(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none, as the same stream."""
        self._timestamps.begin_track()
        self._track.set_track(track)
        if self._report is not None:
            self._report.stop()
            self._report = None
        if isinstance(track, PushTrack) and track.follows_bandwidth and not self._is_layer:
            self._report = BandwidthReport(track, self._engine.clock, self._pad)
            self._report.set_bandwidth(self._bandwidth)

    def set_parameters(self, parameters: SendParameters | None) -> None:
        """Use other negotiated parameters; None drops frames until there are parameters again."""
        self._sends = parameters is not None
        if parameters is not None and parameters != self._parameters:
            self._parameters = parameters
            self.rtp.configure(parameters)
            self._reports.cname = parameters.cname
            self._red = _red_writer(parameters)
            self._timestamps.set_clock_rate(self.clock_rate)
            self._engine.add_sender(self, parameters, self._ssrcs)
        self._apply()

    def set_encoding(self, encoding: RtpEncodingParameters) -> None:
        """Use other encoding parameters of the application."""
        self._encoding = encoding
        self._apply()

    def request_keyframe(self) -> None:
        """Make the next video frame a keyframe, or one at most 500 ms later."""
        if self._keyframes.on_request(self._engine.clock()):
            self._track.request_keyframe()
        self._keyframe_alarm.set(self._keyframes.deadline)

    def begin_event(self, now: MonotonicTime, duration: Seconds) -> int:
        """Return the RTP timestamp of an event that begins now; no audio is sent until its end.

        Args:
            now: Present time.
            duration: Duration of the event in seconds.
        """
        begin = self._timestamps.at(now)
        self._event_end = begin + int(duration * self.clock_rate)
        return begin

    def send_event(
        self,
        payload: bytes,
        *,
        timestamp: int,
        payload_type: int,
        marker: bool,
        begun: MonotonicTime,
    ) -> None:
        """Send a packet of a telephone event (RFC 4733) in the stream of the audio.

        Args:
            payload: RTP payload.
            timestamp: RTP timestamp of the event, as of `begin_event`.
            payload_type: Payload type of telephone events.
            marker: Whether the packet begins an event.
            begun: When the event began.
        """
        if self.paused:
            return
        frame = self.rtp.make_frame(
            (payload,),
            timestamp=timestamp,
            payload_type=payload_type,
            marker=marker,
            capture_monotonic=begun,
        )
        if frame is not None:
            self._engine.send_frame(frame)

    def on_target(self, bps: int) -> None:
        """Follow the bitrate in bits/s that congestion control allots to the stream."""
        self.target = bps
        self._update_encoder_bitrate()

    def on_payload_limit(self, octets: int) -> None:
        """Cut frames into smaller payloads, or larger ones; video begins with a keyframe then."""
        if self._kind is MediaKind.VIDEO:
            self._payload_limit = octets
            self._track.configure(self._settings)

    def on_rtcp(self, packet: RtcpPacket, arrival: MonotonicTime) -> None:
        """Handle one RTCP packet of the peer about this stream."""
        ssrc = self._ssrcs[0]
        match packet:
            case Nack(media_ssrc=media, lost=lost) if media == ssrc:
                for retransmission in self.rtp.on_nack(lost, arrival):
                    self._engine.send_frame(retransmission)
            case PictureLossIndication(media_ssrc=media) if media == ssrc:
                self.counts.plis += 1
                self.request_keyframe()
            case FullIntraRequest(entries=entries):
                for number in (number for media, number in entries if media == ssrc):
                    self._on_fir(number, now=arrival)
            case SenderReport(reports=reports) | ReceiverReport(reports=reports):
                for report in reports:
                    if report.ssrc == ssrc:
                        self._on_report(report, arrival)
            case _:
                """The packet is about the transport, or another stream."""

    def stop(self) -> None:
        """Send a BYE, and release everything."""
        self._track.close()
        if self._report is not None:
            self._report.stop()
        self._keyframe_alarm.cancel()
        self._engine.set_share(self, None)
        self._engine.discard(self.rtp)
        self._reports.stop()
        self._engine.remove_sender(self)

    @property
    def _max_bitrate(self) -> int:
        return self._encoding.maxBitrate or DEFAULT_BITRATE

    @property
    def _settings(self) -> EncodingSettings:
        return EncodingSettings(
            codec=self._parameters.codecs[0],
            scale_down_by=self._encoding.scaleResolutionDownBy or 1.0,
            max_framerate=self._encoding.maxFramerate or None,
            payload_limit=self._payload_limit,
        )

    def _apply(self) -> None:
        self._track.pause(self._drops_frames)
        self._track.configure(self._settings)
        # maxBitrate may have changed, even where the target has not.
        self._update_encoder_bitrate()
        self._update_share()

    def _update_encoder_bitrate(self) -> None:
        bitrate = self.bitrate
        if bitrate is not None:
            self._track.set_bitrate(bitrate)
        if self._report is not None:
            self._report.set_bandwidth(self._bandwidth)

    @property
    def _bandwidth(self) -> int | None:
        """Bits/s of payload that may be sent; None while nothing is, and before it is known."""
        if self.target is None or self.paused:
            return None
        bandwidth = int(self.target * _PAYLOAD_PART * (1 - self._retransmissions.share))
        return min(bandwidth, self._encoding.maxBitrate or bandwidth)

    def _pad(self, octets: int) -> int:
        """Send padding of so many octets; returns the octets sent since the beginning."""
        if octets:
            self.pad(octets)
        return self.octets_sent

    def _update_share(self) -> None:
        self._engine.set_share(self, None if self.paused else self._share)

    @property
    def _share(self) -> Share:
        if self._kind is MediaKind.AUDIO:
            bitrate = AUDIO_BITRATE * (1 if self._red is None else 1 + COPIES)
            return Share(bitrate, bitrate)
        weight = priority_weight(self._encoding)
        if self._encoding.maxBitrate is None:
            # Frames that were encoded elsewhere may need any bitrate.
            return Share(MIN_VIDEO_BITRATE, weight=weight)
        most = int(self._encoding.maxBitrate / _PAYLOAD_PART)
        return Share(min(MIN_VIDEO_BITRATE, most), most, weight)

    def _on_frame(self, frame: OutgoingFrame) -> None:
        timestamp = self._timestamps.place(frame)
        counts = self.counts
        counts.frames += 1
        if frame.encoded:
            counts.encoded += 1
            counts.keyframes += frame.keyframe
            counts.encode_time += frame.encode_time
        if self._event_end is not None:
            if timestamp < self._event_end:
                return
            self._event_end = None
        if frame.keyframe and not frame.encoded:
            self._note_relayed((frame.width or 0) * (frame.height or 0))
        payloads, payload_type = self._as_sent(frame.payloads, timestamp)
        outbound = self.rtp.make_frame(
            payloads,
            payload_type=payload_type,
            timestamp=timestamp,
            keyframe=frame.keyframe,
            level=frame.level,
            capture_time=frame.capture_time,
            capture_monotonic=frame.capture_monotonic,
        )
        if outbound is None:
            return
        if frame.keyframe and self._kind is MediaKind.VIDEO:
            self._keyframes.on_keyframe(self._engine.clock())
            self._keyframe_alarm.set(self._keyframes.deadline)
        self.last_frame = frame
        self._engine.send_frame(outbound)

    def _note_relayed(self, pixels: int) -> None:
        """Forget what waits of a larger encoding, where a key frame of a smaller one replaces it.

        The path takes less than the larger one needs: what is left of it would hold up the smaller
        one for seconds.
        """
        if 0 < pixels < self._relayed_pixels:
            self._engine.discard(self.rtp)
            self.rtp.forget_packets()
        self._relayed_pixels = pixels

    def _as_sent(
        self, payloads: tuple[bytes, ...], timestamp: int
    ) -> tuple[tuple[bytes, ...], int | None]:
        """Return the payloads, as redundant data where that was agreed, and its payload type."""
        if self._red is None or (red := self._parameters.red) is None:
            return payloads, None
        return tuple(self._red.write(each, timestamp) for each in payloads), red.payload_type

    def _on_fir(self, number: int, *, now: MonotonicTime) -> None:
        self.counts.firs += 1
        if self._keyframes.on_fir(number, now=now):
            self._track.request_keyframe()
        self._keyframe_alarm.set(self._keyframes.deadline)

    def _on_report(self, report: ReceptionReport, arrival: MonotonicTime) -> None:
        self.peer_report = PeerReport(report, arrival)
        round_trip = self.rtp.on_report(report, arrival)
        if round_trip is not None:
            self.counts.round_trips += 1
            self.counts.round_trip_total += round_trip
            self._engine.on_round_trip(round_trip)
        counters = self.rtp.counters
        if self._retransmissions.update(
            octets=counters.octets,
            retransmitted=counters.retransmitted_octets - counters.padding_octets,
        ):
            self._update_encoder_bitrate()
        self._engine.on_loss(report.fraction_lost / 256)

    def _on_keyframe_due(self, now: MonotonicTime) -> None:
        if self._keyframes.advance(now):
            self._track.request_keyframe()
        self._keyframe_alarm.set(self._keyframes.deadline)


def _red_writer(parameters: SendParameters) -> RedWriter | None:
    if parameters.red is None:
        return None
    return RedWriter(parameters.codecs[0].payload_type, limit=PAYLOAD_LIMIT)
