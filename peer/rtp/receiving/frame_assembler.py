"""Owns making whole frames of the packets of one stream, which come in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.formats import format_of
from peer.rtp.malformed import MalformedError
from peer.rtp.receiving.payload_types import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peer.rtp.formats import PayloadFormat
    from peer.rtp.levels import AudioLevel
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrcs import SsrcState
    from peer.rtp.receiving.timestamps import ReceiveTimeline
    from peer.rtp_parameters import Codec

#: Packets of one picture: at 1,200 octets each, nearly 5 MB.
PICTURE_LIMIT = 4096


class FrameAssembler:
    """Gives sound packet by packet, and pictures once their last packet is there.

    After a loss, pictures are dropped up to one that can be decoded by itself. The same holds at
    the beginning, and where the payload type changes.

    Args:
        types: What payload types mean; looked into where one is new.
        source: Counts what is given.
        timeline: Of the receiver.
        on_frame: Gets each frame.
        on_keyframe: Called after each picture that can be decoded by itself was given.

    Attributes:
        broken: Whether only a key frame helps.
        partial: Whether a picture has begun and is not complete.
        format: Of the present payload type; None before the first packet.
    """

    __slots__ = (
        "_clock_rate",
        "_codec",
        "_gap",
        "_on_frame",
        "_on_keyframe",
        "_payload_type",
        "_payloads",
        "_single",
        "_source",
        "_timeline",
        "_timestamp",
        "_types",
        "broken",
        "format",
    )

    def __init__(
        self,
        types: Mapping[int, PayloadType],
        source: SsrcState,
        timeline: ReceiveTimeline,
        *,
        on_frame: Callable[[EncodedFrame], None],
        on_keyframe: Callable[[], None],
    ) -> None:
        self.broken = True
        self.format: PayloadFormat | None = None
        self._types = types
        self._source = source
        self._timeline = timeline
        self._on_frame = on_frame
        self._on_keyframe = on_keyframe
        self._codec: Codec | None = None
        self._clock_rate = 1
        self._single = False
        self._payload_type = -1
        self._timestamp = -1
        self._payloads: list[bytes] = []
        self._gap = False

    @property
    def partial(self) -> bool:
        return bool(self._payloads)

    def configure(self, types: Mapping[int, PayloadType]) -> None:
        """Payload types mean something else from now on."""
        self._types = types
        known = types.get(self._payload_type)
        if known is None or known.codec != self._codec:
            self._payload_type = -1

    def add(self, packet: RtpPacket, level: AudioLevel | None, arrival: float) -> None:
        """Take the next packet. What is not media only fills its place."""
        if packet.payload_type != self._payload_type and not self._change(packet):
            return
        payload = packet.payload
        # A packet that only pads is no part of a frame.
        if not payload:
            return
        if self._single:
            self._give((payload,), packet.timestamp, level, arrival)
            return
        payloads = self._payloads
        if payloads and packet.timestamp != self._timestamp:
            # It had no packet with a marker; the next picture ends it as well.
            self._finish(arrival)
            payloads = self._payloads
        if not payloads:
            if self.broken and not self._begins(payload):
                if packet.marker:
                    self._source.frames_dropped += 1
                return
            self._timestamp = packet.timestamp
        payloads.append(payload)
        if packet.marker:
            self._finish(arrival)
        elif len(payloads) >= PICTURE_LIMIT:
            self._source.malformed += 1
            self.lost()

    def lost(self) -> None:
        """Something before the next packet is lost."""
        self._gap = True
        if not self._single:
            if self._payloads:
                self._payloads = []
            self.broken = True

    def _begins(self, payload: bytes) -> bool:
        return self.format is not None and self.format.is_keyframe_start(payload)

    def _change(self, packet: RtpPacket) -> bool:
        known = self._types.get(packet.payload_type)
        if known is None or known.role is not Role.MEDIA:
            return False
        if self._payloads:
            self._payloads = []
            self._gap = True
        self._payload_type = packet.payload_type
        self._codec = known.codec
        self._clock_rate = self._source.counter.clock_rate = known.codec.clock_rate
        self.format = format_of(known.codec)
        self._single = self.format.packet_is_frame
        self.broken = not self._single
        return True

    def _finish(self, arrival: float) -> None:
        payloads, self._payloads = self._payloads, []
        self._give(payloads, self._timestamp, None, arrival)

    def _give(
        self, payloads: Sequence[bytes], timestamp: int, level: AudioLevel | None, arrival: float
    ) -> None:
        source, codec, form = self._source, self._codec, self.format
        if codec is None or form is None:
            return
        try:
            whole = form.assemble(payloads)
        except MalformedError:
            source.malformed += 1
            self.lost()
            return
        shape = form.describe(whole)
        if self.broken and not shape.keyframe:
            source.frames_dropped += 1
            return
        source.frames += 1
        clock_rate = self._clock_rate
        self._on_frame(
            EncodedFrame(
                codec=codec,
                payload=whole,
                ssrc=source.ssrc,
                timestamp=timestamp,
                pts=self._timeline.map(timestamp, arrival, clock_rate),
                arrival=arrival,
                wall_clock=source.clock.wall(timestamp, clock_rate),
                keyframe=shape.keyframe,
                gap=self._gap,
                width=shape.width,
                height=shape.height,
                level=level,
            )
        )
        self._gap = False
        if shape.keyframe:
            source.keyframes += 1
            if not self._single:
                self.broken = False
                self._on_keyframe()
