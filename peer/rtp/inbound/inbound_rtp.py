"""All inbound RTP of one receiver: its pure core with timers, its readers, decoder and tones."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.frame_transform import transformed
from peer.rtp.inbound.decoding import Decoding
from peer.rtp.inbound.layers import LayerReaders
from peer.rtp.inbound.readers import Readers
from peer.rtp.inbound.tones import ToneReceiver
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import Goodbye, SenderReport
from peer.trust.level import UNKNOWN_PEER
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.engine.ports import EnginePort
    from peer.rtp.frame_transform import FrameTransform
    from peer.rtp.inbound.layers import ReceivedLayer
    from peer.rtp.inbound.readers import ItemConsumer
    from peer.rtp.packet import PlayoutDelay, RtpPacket
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket
    from peer.rtp_parameters import Codec, MediaKind, ReceiveParameters
    from peer.times import MonotonicTime
    from peer.trust.level import PeerTrust

#: Limit of the SSRCs whose last sender report is kept (ours).
_REPORT_LIMIT = 16


@dataclass(frozen=True, slots=True)
class RemoteReport:
    """The last sender report about an SSRC, and its arrival."""

    report: SenderReport
    arrival: MonotonicTime


class InboundRtp:
    """Takes the packets of one receiver, and gives its frames to readers and to the decoder.

    It is the `ReceiverPort` of the engine.

    Args:
        kind: Audio or video.
        clock: The engine's monotonic clock, in seconds.

    Attributes:
        kind: Audio or video.
        clock: The engine's monotonic clock, in seconds.
        parameters: Parameters that packets are received with; None before the start.
        agreed: Negotiated last, which may be before the start; None before negotiation.
        verified: True once media is known to come from the peer that signalled.
        peer: Tells who that is, and what says so.
        stream_receiver: Makes frames of packets.
        readers: The readers of encoded frames, which get them at once.
        layer_readers: The readers that choose an encoding of a simulcast.
        decoding: Decodes frames for the track.
        tones: Makes tones of telephone events.
        codec: The codec of the last frame; None before it.
        sender_reports: The last sender report of each SSRC, at most 16.
        transform: Changes each frame before anybody reads it; None for none.
    """

    def __init__(self, kind: MediaKind, clock: Callable[[], MonotonicTime]) -> None:
        self.stream_receiver = RtpStreamReceiver(
            kind,
            on_frame=self._on_frame,
            on_feedback=self._on_feedback,
            on_event=self._on_event,
            is_played=lambda: self.decoding.wants_frames,
        )
        self.readers: Readers[EncodedFrame] = Readers()
        self.layer_readers = LayerReaders(self.stream_receiver, lambda frame: self._changed(frame))
        self.decoding = Decoding(kind, clock, self.request_keyframe)
        self.tones = ToneReceiver()
        self.codec: Codec | None = None
        self.sender_reports: OrderedDict[int, RemoteReport] = OrderedDict()
        self.transform: FrameTransform | None = None
        # The frame that the transform was given last, and what became of its payload.
        self._last_change: tuple[EncodedFrame | None, bytes | None] = None, None
        # A frame was dropped by the transform: those that build on it cannot be decoded.
        self._was_dropped = False
        self.kind = kind
        self.clock = clock
        self.parameters: ReceiveParameters | None = None
        self.agreed: ReceiveParameters | None = None
        self.verified = False
        self.peer: Callable[[], PeerTrust] = lambda: UNKNOWN_PEER
        self._engine: EnginePort | None = None
        # Time of `stream_receiver`: packets held until the peer was verified keep their arrival.
        self._now = 0.0
        self._alarm = Alarm(clock, self._on_time)
        self._tone_alarm = Alarm(clock, self._on_tone_time)
        self._playout_delay: PlayoutDelay | None = None

    def __repr__(self) -> str:
        return f"<InboundRtp {self.kind} {self.stream_receiver!r}>"

    @property
    def engine(self) -> EnginePort | None:
        """The engine that packets come from; None before the start and after the end."""
        return self._engine

    def start(self, engine: EnginePort, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Receive the streams of `parameters`, and send feedback under `rtcp_ssrc`."""
        self._engine = engine
        self.parameters = parameters
        self.stream_receiver.configure(parameters, rtcp_ssrc)
        engine.add_receiver(self, parameters)

    def change(self, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Go on with other parameters on the same transport."""
        self.parameters = parameters
        self.stream_receiver.configure(parameters, rtcp_ssrc)
        if self._engine is not None:
            self._engine.add_receiver(self, parameters)

    def move(self, engine: EnginePort, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Go on over another transport."""
        if self._engine is not None:
            self._engine.remove_receiver(self)
        self.stream_receiver.restart(self.clock())
        self.start(engine, parameters, rtcp_ssrc)

    def pause(self) -> None:
        """Drop packets until `resume`."""
        self.stream_receiver.pause()

    def resume(self) -> None:
        """Take packets again, as the continuation of the stream before the pause."""
        self.stream_receiver.resume(self.clock())
        self._alarm.set(self.stream_receiver.deadline)

    def stop(self) -> None:
        """Take no more packets; readers get the frames so far, and then end."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.remove_receiver(self)
        self._alarm.cancel()
        self._tone_alarm.cancel()
        self.readers.finish()
        self.layer_readers.finish()
        self.tones.readers.finish()
        self.decoding.stop()

    def disown(self) -> None:
        """Drop the frames of a peer that is not the one that signalled, and end every reader."""
        self.stream_receiver.pause()
        self.readers.abandon()
        self.layer_readers.abandon()
        self.tones.readers.abandon()
        self.decoding.track.stop()

    def request_keyframe(self) -> None:
        """Request a key frame of the peer; audio needs none."""
        if self._engine is not None:
            self.stream_receiver.request_keyframe(self.clock())
            self._alarm.set(self.stream_receiver.deadline)

    def received_layers(self) -> tuple[ReceivedLayer, ...]:
        """List the encodings that were agreed on; none where there is one stream alone."""
        return self.layer_readers.layers(self.clock())

    def limit_layer(self, reader: ItemConsumer[EncodedFrame], most: str | None) -> None:
        """Give a reader no larger encoding of a simulcast than this one."""
        self.readers.remove(reader)
        self.layer_readers.limit(reader, most, now=self.clock())
        self._alarm.set(self.stream_receiver.deadline)

    def request_layer_keyframe(self, reader: ItemConsumer[EncodedFrame]) -> None:
        """Request a key frame of the encoding that a reader gets."""
        if self._engine is not None:
            self.layer_readers.request_keyframe(reader, self.clock())
            self._alarm.set(self.stream_receiver.deadline)

    def on_rtp(
        self, packet: RtpPacket, elements: Mapping[int, bytes], arrival: MonotonicTime
    ) -> None:
        """Take a packet that the engine routed here."""
        self._now = arrival
        self.stream_receiver.receive(packet, elements, arrival)
        deadline = self.stream_receiver.deadline
        # Mostly it is the same as after the packet before.
        if deadline != self._alarm.deadline:
            self._alarm.set(deadline)

    def on_rtcp(self, packet: RtcpPacket, arrival: MonotonicTime) -> None:
        """Take one part of a compound packet that is about a stream of this receiver."""
        match packet:
            case SenderReport():
                self.stream_receiver.receive_report(packet, arrival)
                self.sender_reports[packet.ssrc] = RemoteReport(packet, arrival)
                self.sender_reports.move_to_end(packet.ssrc)
                if len(self.sender_reports) > _REPORT_LIMIT:
                    self.sender_reports.popitem(last=False)
            case Goodbye():
                for ssrc in packet.ssrcs:
                    self.stream_receiver.goodbye(ssrc)
            case _:
                return
        self._alarm.set(self.stream_receiver.deadline)

    def reports(self, now: MonotonicTime) -> tuple[ReceptionReport, ...]:
        """The reception reports about the streams of this receiver."""
        if self._engine is not None and (seconds := self._engine.round_trip_time) is not None:
            self.stream_receiver.set_round_trip_time(seconds)
        return self.stream_receiver.reports(now)

    def _on_frame(self, frame: EncodedFrame) -> None:
        self.codec = frame.codec
        if self.transform is not None:
            changed = self._changed(frame)
            if changed is None:
                self._was_dropped = True
                return
            frame = replace(changed, gap=frame.gap or self._was_dropped)
            self._was_dropped = False
        self.readers.put(frame)
        if self.layer_readers.views:
            self.layer_readers.put_alone(frame)
        if self.decoding.track.awaits_media:
            self.decoding.track.on_media()
        delay = self.stream_receiver.playout_delay
        if delay is not None and delay != self._playout_delay:
            self.decoding.jitter_buffer.set_bounds(minimum=delay.minimum, maximum=delay.maximum)
            self._playout_delay = delay
        if self.decoding.wants_frames:
            self.decoding.push(frame, self._now)

    def _changed(self, frame: EncodedFrame) -> EncodedFrame | None:
        """Return a frame as the transform leaves it; None where that drops it.

        Readers of a simulcast may get one frame each: it is changed once, as a transform that
        decrypts may take it for a replay else.
        """
        if self.transform is None:
            return frame
        last, payload = self._last_change
        same = last is not None and last.payload is frame.payload
        if last is None or not same or (last.ssrc, last.timestamp) != (frame.ssrc, frame.timestamp):
            payload = transformed(self.transform, frame)
            self._last_change = frame, payload
        return None if payload is None else replace(frame, payload=payload)

    def _on_feedback(self, packets: tuple[RtcpPacket, ...]) -> None:
        if self._engine is not None:
            self._engine.send_rtcp(packets)

    def _on_event(self, codec: Codec, payload: bytes, timestamp: int) -> None:
        self.tones.receive(codec, payload, timestamp, self.clock())
        self._tone_alarm.set(self.tones.deadline)

    def _on_time(self, now: MonotonicTime) -> None:
        self._now = now
        self.stream_receiver.advance(now)
        self._alarm.set(self.stream_receiver.deadline)

    def _on_tone_time(self, now: MonotonicTime) -> None:
        self.tones.advance(now)
        self._tone_alarm.set(self.tones.deadline)
