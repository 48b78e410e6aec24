"""Owns how a receiver follows the peer from one stream (SSRC and codec) to the next."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.transport.seam.receiver import MediaReceiver

if TYPE_CHECKING:
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcrtpparameters import RTCRtpReceiveParameters

    from peer.transport.seam.receiver import DecoderInput, FrameSink
    from peer.transport.seam.rtp import RtpPacket

STREAM_LIMIT = 16
SETTLING_MS = 200
_WRAP = 1 << 32


class ReceiveTimeline:
    """Presentation times that rise through every change of stream, in the present codec's clock."""

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._pts = 0
        self._next = 0

    def map(self, timestamp: int) -> int:
        """The presentation time of an RTP timestamp; the first is 0."""
        if self._timestamp is None:
            self._pts = self._next
        else:
            # RFC 3550 section 5.1: timestamps wrap, so the nearer way round is meant.
            forward = (timestamp - self._timestamp) % _WRAP
            self._pts += forward if forward < _WRAP // 2 else forward - _WRAP
        self._timestamp = timestamp
        return self._pts

    def restart(self, *, elapsed_ms: int, clock_rate: int, former_clock_rate: int) -> None:
        """Expect timestamps that have nothing to do with those before.

        Args:
            elapsed_ms: Between the last packet before and the first to come.
            clock_rate: In hertz, of what comes.
            former_clock_rate: Of what was.
        """
        reached = self._pts * clock_rate // former_clock_rate
        self._next = reached + max(1, elapsed_ms * clock_rate // 1000)
        self._timestamp = None


@dataclass(frozen=True, slots=True)
class _Stream:
    ssrc: int
    payload_type: int
    clock_rate: int
    since_ms: int


class InboundMedia(MediaReceiver):
    """aiortc's receiver, which knows one stream, made to follow the peer to another one.

    A packet of another stream restarts the buffers, at most every 200 ms: until then packets of
    that stream are dropped, so that stragglers of the former one do not undo the change.

    Attributes:
        bytes_received: Payload of the packets that were admitted, by SSRC.
    """

    def __init__(
        self,
        kind: str,
        face: RTCDtlsTransport,
        *,
        sink: FrameSink,
        decoder: DecoderInput,
    ) -> None:
        self._timeline = ReceiveTimeline()
        super().__init__(kind, face, sink=sink, decoder=decoder, timeline=self._timeline)
        self._stream: _Stream | None = None
        self._last_arrival_ms = 0
        self._resumed = False
        self.bytes_received: OrderedDict[int, int] = OrderedDict()

    def pause(self) -> None:
        """Drop what arrives."""
        self.enabled = False

    def resume(self) -> None:
        """Take what arrives, as the continuation of what was before the pause."""
        if not self.enabled:
            self.enabled = True
            self._resumed = True
            self.request_picture()

    def go_on_over(self, face: RTCDtlsTransport, parameters: RTCRtpReceiveParameters) -> None:
        """Take what arrives over another transport, as the continuation of what was before."""
        self.enabled = True
        self._resumed = self._stream is not None
        self.move(face, parameters)

    def admits(self, packet: RtpPacket, arrival_ms: int) -> bool:
        """Whether the packet belongs to the present stream, or to one that it starts."""
        codec = self.codec(packet.payload_type)
        if codec is None:
            return False
        if codec.name.lower() == "rtx":
            admitted = self._links_repair(packet.ssrc)
        else:
            admitted = self._follows(packet, codec.clockRate, arrival_ms)
        if admitted:
            self._count(packet)
        return admitted

    def _links_repair(self, ssrc: int) -> bool:
        if self.repairs(ssrc):
            return True
        if self._stream is None:
            return False
        # RFC 4588 section 5.3: where nothing was signalled, the RTX stream of a session that
        # repairs only one stream can only repair that one.
        self.repair(ssrc, self._stream.ssrc)
        return True

    def _follows(self, packet: RtpPacket, clock_rate: int, arrival_ms: int) -> bool:
        former = self._stream
        same = former is not None and (former.ssrc, former.payload_type) == (
            packet.ssrc,
            packet.payload_type,
        )
        if same and not self._resumed:
            self._last_arrival_ms = arrival_ms
            return True
        if former is not None:
            if not self._resumed and arrival_ms - former.since_ms < SETTLING_MS:
                return False
            self._timeline.restart(
                elapsed_ms=arrival_ms - self._last_arrival_ms,
                clock_rate=clock_rate,
                former_clock_rate=former.clock_rate,
            )
            self.restart_stream()
        self._resumed = False
        self._stream = _Stream(packet.ssrc, packet.payload_type, clock_rate, arrival_ms)
        self._last_arrival_ms = arrival_ms
        return True

    def _count(self, packet: RtpPacket) -> None:
        counts = self.bytes_received
        counts[packet.ssrc] = counts.get(packet.ssrc, 0) + len(packet.payload)
        counts.move_to_end(packet.ssrc)
        if len(counts) > STREAM_LIMIT:
            ssrc, _ = counts.popitem(last=False)
            self.forget_stream(ssrc)
