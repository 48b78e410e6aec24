"""Owns every private name of aiortc's RTP receiver that we touch (part of the seam)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from aiortc import rtp
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import NackGenerator, RTCRtpReceiver
from aiortc.stats import RTCRemoteOutboundRtpStreamStats

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from datetime import datetime

    from aiortc.jitterbuffer import JitterFrame
    from aiortc.rate import RemoteBitrateEstimator
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
    from aiortc.rtcrtpreceiver import RemoteStreamTrack, StreamStatistics
    from aiortc.stats import RTCStatsReport
    from av.frame import Frame

    from peer.transport.seam.rtp import RtcpPacket, RtpPacket


class DecoderInput(Protocol):
    """The queue in front of the decoder's thread; None ends the thread."""

    def put(self, item: tuple[RTCRtpCodecParameters, JitterFrame] | None) -> None:
        """Called on the event loop."""

    def get(self) -> tuple[RTCRtpCodecParameters, JitterFrame] | None:
        """Called on the thread, and waits."""


class FrameSink(Protocol):
    """Where decoded frames go, on the event loop; None is the end."""

    async def put(self, frame: Frame | None) -> None:
        """Take one."""


class Timeline(Protocol):
    """Makes presentation times of RTP timestamps."""

    def map(self, timestamp: int) -> int:
        """In the clock of the codec, from zero."""


class _Outlet:
    def __init__(self, sink: FrameSink) -> None:
        self._queue = sink


class MediaReceiver(RTCRtpReceiver):
    """aiortc's receiver with queues of our own and parameters that may change while it runs.

    A BYE does not end it: the peer may send again (W3C webrtc-pc mutes the track).
    """

    _RTCRtpReceiver__active_ssrc: dict[int, datetime]
    _RTCRtpReceiver__codecs: dict[int, RTCRtpCodecParameters]
    _RTCRtpReceiver__decoder_error: threading.Event
    _RTCRtpReceiver__decoder_thread: threading.Thread | None
    _RTCRtpReceiver__lsr: dict[int, int]
    _RTCRtpReceiver__lsr_time: dict[int, float]
    _RTCRtpReceiver__remote_bitrate_estimator: RemoteBitrateEstimator | None
    _RTCRtpReceiver__remote_streams: dict[int, StreamStatistics]
    _RTCRtpReceiver__rtx_ssrc: dict[int, int]
    _RTCRtpReceiver__stats: RTCStatsReport

    def __init__(
        self,
        kind: str,
        face: RTCDtlsTransport,
        *,
        sink: FrameSink,
        decoder: DecoderInput,
        timeline: Timeline,
    ) -> None:
        super().__init__(kind, face)
        self.__kind = kind
        self.__decoder = decoder
        self._track = cast("RemoteStreamTrack", _Outlet(sink))
        self._RTCRtpReceiver__decoder_queue = decoder
        self._RTCRtpReceiver__timestamp_mapper = timeline

    @property
    def enabled(self) -> bool:
        """Whether packets are looked at, or dropped."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = enabled

    @property
    def streams(self) -> Mapping[int, StreamStatistics]:
        """By SSRC, RTX streams included."""
        return self._RTCRtpReceiver__remote_streams

    @property
    def remote_report(self) -> RTCRemoteOutboundRtpStreamStats | None:
        """The peer's last word on what it sends."""
        found = self._RTCRtpReceiver__stats.values()
        return next((e for e in found if isinstance(e, RTCRemoteOutboundRtpStreamStats)), None)

    def codec(self, payload_type: int) -> RTCRtpCodecParameters | None:
        """The codec agreed for a payload type."""
        return self._RTCRtpReceiver__codecs.get(payload_type)

    async def begin(self, parameters: RTCRtpReceiveParameters, rtcp_ssrc: int) -> None:
        """Receive, and report under `rtcp_ssrc`."""
        self._set_rtcp_ssrc(rtcp_ssrc)
        await self.receive(parameters)

    def change(self, parameters: RTCRtpReceiveParameters) -> None:
        """Go on with other parameters."""
        codecs = {
            each.payloadType: each for each in parameters.codecs if each.payloadType is not None
        }
        self._RTCRtpReceiver__codecs.clear()
        self._RTCRtpReceiver__codecs.update(codecs)
        for encoding in parameters.encodings:
            if encoding.rtx is not None:
                self.repair(encoding.rtx.ssrc, encoding.ssrc)
        self.transport._register_rtp_receiver(self, parameters)

    def move(self, face: RTCDtlsTransport, parameters: RTCRtpReceiveParameters) -> None:
        """Go on over another transport."""
        self.transport._unregister_rtp_receiver(self)
        self.setTransport(face)
        self.change(parameters)

    def repairs(self, rtx_ssrc: int) -> bool:
        """Whether it is known which stream this one repairs."""
        return rtx_ssrc in self._RTCRtpReceiver__rtx_ssrc

    def repair(self, rtx_ssrc: int, ssrc: int) -> None:
        """Take `rtx_ssrc` for retransmissions of `ssrc`."""
        self._RTCRtpReceiver__rtx_ssrc[rtx_ssrc] = ssrc

    def restart_stream(self) -> None:
        """Expect sequence numbers that have nothing to do with those before."""
        if self.__kind == "audio":
            self._RTCRtpReceiver__jitter_buffer = JitterBuffer(capacity=16, prefetch=4)
        else:
            self._RTCRtpReceiver__jitter_buffer = JitterBuffer(capacity=512, is_video=True)
            self._RTCRtpReceiver__nack_generator = NackGenerator()

    def request_picture(self) -> None:
        """Ask the peer, with the next packet, for a picture that can be decoded by itself."""
        self._RTCRtpReceiver__decoder_error.set()

    def forget_stream(self, ssrc: int) -> None:
        """Release what is kept about a stream."""
        for table in (
            self._RTCRtpReceiver__active_ssrc,
            self._RTCRtpReceiver__lsr,
            self._RTCRtpReceiver__lsr_time,
            self._RTCRtpReceiver__remote_streams,
            self._RTCRtpReceiver__rtx_ssrc,
        ):
            cast("dict[int, object]", table).pop(ssrc, None)
        if self._RTCRtpReceiver__remote_bitrate_estimator is not None:
            self._RTCRtpReceiver__remote_bitrate_estimator.ssrcs.pop(ssrc, None)

    async def end(self) -> None:
        """Stop for good; the decoder's thread is waited for off the event loop."""
        thread, self._RTCRtpReceiver__decoder_thread = self._RTCRtpReceiver__decoder_thread, None
        if thread is not None:
            self.__decoder.put(None)
            await asyncio.to_thread(thread.join)
        await self.stop()

    def admits(self, packet: RtpPacket, arrival_ms: int) -> bool:
        """Whether to look at the packet; for subclasses, which may restart the stream first."""
        return True

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._enabled and self.admits(packet, arrival_time_ms):
            await super()._handle_rtp_packet(packet, arrival_time_ms)

    async def _handle_rtcp_packet(self, packet: RtcpPacket) -> None:
        if not isinstance(packet, rtp.RtcpByePacket):
            await super()._handle_rtcp_packet(packet)
