"""Assembles frames of the packets of one SSRC, and gives them presentation times. PURE."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.formats import format_of, nal_unit_format
from peer.rtp.malformed import MalformedError
from peer.rtp.receiving.access_units import VIDEO_FRAME_LIMIT, AccessUnits
from peer.rtp.receiving.payload_types import PayloadRole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peer.rtp.formats import PayloadFormat
    from peer.rtp.levels import AudioLevel
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrcs import SsrcState
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime, Seconds

logger = logging.getLogger(__name__)

#: RTP timestamps have 32 bits (RFC 3550 section 5.1).
_WRAP = 1 << 32
#: Seconds by which timestamps and arrivals may differ before timestamps count as unrelated to those
#: before: no network holds a packet back so long (ours).
LEAP = 10.0


class ReceiveTimeline:
    """The presentation times of one receiver: rise through wraps and every change of stream."""

    __slots__ = ("_arrival", "_clock_rate", "_pts", "_restarting", "_step", "_timestamp")

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._pts = 0
        self._arrival = 0.0
        self._clock_rate = 0
        self._restarting = False
        self._step: Seconds | None = None

    def pts(self, timestamp: int, *, arrival: MonotonicTime, clock_rate: int) -> int:
        """The presentation time of a frame, in ticks of `clock_rate`; 0 for the first.

        Args:
            timestamp: The RTP timestamp of the frame, 32 bits.
            arrival: Arrival of the frame, which tells how long a stream was away.
            clock_rate: In Hz; another rate than before restarts the timeline.
        """
        former = self._timestamp
        self._timestamp = timestamp
        elapsed: Seconds = arrival - self._arrival
        self._arrival = arrival
        if former is None:
            self._clock_rate = clock_rate
            self._restarting = False
            return 0
        # RFC 3550 section 5.1: timestamps wrap, so the shorter distance is meant.
        ticks = (timestamp - former) % _WRAP
        if ticks >= _WRAP // 2:
            ticks -= _WRAP
        if (
            self._restarting
            or clock_rate != self._clock_rate
            or abs(ticks / clock_rate - elapsed) > LEAP
        ):
            reached = self._pts * clock_rate // self._clock_rate
            if self._restarting and self._step is not None:
                elapsed = self._step
            ticks = max(1, round(elapsed * clock_rate))
            self._pts = reached
            self._clock_rate = clock_rate
            self._restarting = False
        self._pts += ticks
        return self._pts

    def restart(self, step: Seconds | None = None) -> None:
        """Expect timestamps that are unrelated to those before.

        Args:
            step: Seconds to the next frame; None where its arrival tells.
        """
        self._restarting = True
        self._step = step


class FrameAssembler:
    """Gives audio packet by packet, and video frames once their last packet is there.

    After a loss, video frames are dropped up to the next key frame. The same holds at the
    beginning, and where the payload type changes.

    Args:
        types: The agreed payload types, by number; looked into where a packet has another one.
        state: Counts the frames.
        timeline: Gives presentation times.
        on_frame: Gets each frame.
        on_keyframe: Called after each key frame of video was given.
        on_wait: Called with the time to call `release`, where a frame waits for what follows.

    Attributes:
        awaits_keyframe: True while no frame can be decoded before the next key frame.
        partial: True while a video frame has begun and is not complete.
        payload_format: Of the present payload type; None before the first packet.
    """

    __slots__ = (
        "_clock_rate",
        "_codec",
        "_gap",
        "_on_frame",
        "_on_keyframe",
        "_packet_is_frame",
        "_payload_type",
        "_payloads",
        "_state",
        "_timeline",
        "_timestamp",
        "_told_of_sets",
        "_types",
        "_units",
        "awaits_keyframe",
        "on_wait",
        "payload_format",
    )

    def __init__(
        self,
        types: Mapping[int, PayloadType],
        state: SsrcState,
        timeline: ReceiveTimeline,
        *,
        on_frame: Callable[[EncodedFrame], None],
        on_keyframe: Callable[[], None],
        on_wait: Callable[[MonotonicTime], None],
    ) -> None:
        self.on_wait = on_wait
        self.awaits_keyframe = True
        self.payload_format: PayloadFormat | None = None
        self._types = types
        self._state = state
        self._timeline = timeline
        self._on_frame = on_frame
        self._on_keyframe = on_keyframe
        self._codec: Codec | None = None
        self._clock_rate = 1
        self._packet_is_frame = False
        self._payload_type = -1
        self._timestamp = -1
        self._payloads: list[bytes] = []
        # Of the present payload type, where that is of NAL units.
        self._units: AccessUnits | None = None
        self._told_of_sets = False
        self._gap = False

    @property
    def partial(self) -> bool:
        return bool(self._payloads) or (self._units is not None and self._units.partial)

    @property
    def release_at(self) -> MonotonicTime | None:
        """Time to call `release`; None where no frame waits for what follows."""
        return None if self._units is None else self._units.release_at

    def configure(self, types: Mapping[int, PayloadType]) -> None:
        """Use other payload types from now on."""
        self._types = types
        known = types.get(self._payload_type)
        if known is None or known.codec != self._codec:
            self._payload_type = -1

    def add(self, packet: RtpPacket, level: AudioLevel | None, arrival: MonotonicTime) -> None:
        """Take the next packet; one that is not media only fills its sequence number."""
        if packet.payload_type != self._payload_type and not self._change_payload_type(packet):
            return
        payload = packet.payload
        # A packet that only pads is no part of a frame.
        if not payload:
            return
        if self._packet_is_frame:
            self._assemble((payload,), packet.timestamp, level, arrival)
            return
        if self._units is not None:
            self._units.add(packet, arrival)
            return
        payloads = self._payloads
        if payloads and packet.timestamp != self._timestamp:
            # A frame without a marker: the beginning of the next frame ends it as well.
            self._finish(arrival)
            payloads = self._payloads
        if not payloads:
            if self.awaits_keyframe and not self._is_keyframe_start(payload):
                if packet.marker:
                    self._state.frames_dropped += 1
                return
            self._timestamp = packet.timestamp
        payloads.append(payload)
        if packet.marker:
            self._finish(arrival)
        elif len(payloads) >= VIDEO_FRAME_LIMIT:
            self.on_broken()

    def release(self) -> None:
        """Give the frame that is whole unless something follows, which has not come."""
        if self._units is not None:
            self._units.release()

    def on_loss(self) -> None:
        """Take note that packets before the next one are lost."""
        if self._units is not None:
            self._units.on_loss()
        self.drop()

    def drop(self) -> None:
        """Drop what has come of a frame."""
        self._gap = True
        if not self._packet_is_frame:
            if self._payloads:
                self._payloads = []
            if self._units is not None:
                self._units.drop()
            self.awaits_keyframe = True

    def on_unit(self, payloads: list[bytes], timestamp: int, arrival: MonotonicTime) -> None:
        """Take the payloads of an access unit."""
        self._assemble(payloads, timestamp, None, arrival)

    def on_undecodable(self) -> None:
        """Count an access unit that was left out."""
        self._state.frames_dropped += 1

    def on_broken(self) -> None:
        """Count a frame that is cut or too large."""
        self._state.malformed += 1
        self.on_loss()

    def _is_keyframe_start(self, payload: bytes) -> bool:
        return self.payload_format is not None and self.payload_format.is_keyframe_start(payload)

    def _change_payload_type(self, packet: RtpPacket) -> bool:
        known = self._types.get(packet.payload_type)
        if known is None or known.role is not PayloadRole.MEDIA:
            return False
        self.release()
        if self.partial:
            self._payloads = []
            self._gap = True
        self._payload_type = packet.payload_type
        self._codec = known.codec
        self._clock_rate = self._state.counter.clock_rate = known.codec.clock_rate
        self.payload_format = format_of(known.codec)
        self._packet_is_frame = self.payload_format.packet_is_frame
        units = nal_unit_format(self.payload_format)
        self._units = None if units is None else AccessUnits(units, self, self._state.ssrc)
        self.awaits_keyframe = not self._packet_is_frame
        return True

    def _finish(self, arrival: MonotonicTime) -> None:
        payloads, self._payloads = self._payloads, []
        self._assemble(payloads, self._timestamp, None, arrival)

    def _assemble(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        level: AudioLevel | None,
        arrival: MonotonicTime,
    ) -> None:
        state, codec, payload_format = self._state, self._codec, self.payload_format
        if codec is None or payload_format is None:
            return
        try:
            frame = payload_format.assemble(payloads)
        except MalformedError:
            self.on_broken()
            return
        shape = payload_format.describe(frame)
        if self.awaits_keyframe and not shape.keyframe:
            state.frames_dropped += 1
            if self._units is not None and not self._told_of_sets:
                self._told_of_sets = True
                logger.warning(
                    "a key frame of SSRC %d cannot be decoded: it has no parameter sets, in packets"
                    " or description, or no random access picture",
                    state.ssrc,
                )
            return
        state.frames += 1
        state.last_frame = (timestamp, arrival, level)
        clock_rate = self._clock_rate
        self._on_frame(
            EncodedFrame(
                codec=codec,
                payload=frame,
                ssrc=state.ssrc,
                timestamp=timestamp,
                pts=self._timeline.pts(timestamp, arrival=arrival, clock_rate=clock_rate),
                arrival=arrival,
                wall_clock=state.clock.capture_time(timestamp, clock_rate=clock_rate),
                keyframe=shape.keyframe,
                gap=self._gap,
                width=shape.width,
                height=shape.height,
                level=level,
            )
        )
        self._gap = False
        if shape.keyframe:
            state.keyframes += 1
            if not self._packet_is_frame:
                self.awaits_keyframe = False
                self._on_keyframe()
