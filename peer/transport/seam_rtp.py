"""Owns every private name of aiortc's RTP sender and receiver that we touch.

An upgrade of aiortc fails here first. The names are pinned by version (`pyproject.toml`) and by
`tests/unit/rtp/test_seam_rtp.py`.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from aiortc import rtp
from aiortc.codecs import CODECS, HEADER_EXTENSIONS, get_encoder, is_rtx
from aiortc.codecs.opus import OpusEncoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpreceiver import NackGenerator, RTCRtpReceiver
from aiortc.rtcrtpsender import RTCEncodedFrame, RTCRtpSender
from aiortc.stats import RTCRemoteInboundRtpStreamStats, RTCRemoteOutboundRtpStreamStats

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from aiortc.codecs.base import Encoder
    from aiortc.rate import RemoteBitrateEstimator
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcrtpparameters import (
        RTCRtpCodecParameters,
        RTCRtpHeaderExtensionParameters,
        RTCRtpReceiveParameters,
        RTCRtpSendParameters,
    )
    from aiortc.rtcrtpreceiver import RemoteStreamTrack, StreamStatistics
    from aiortc.stats import RTCStatsReport
    from av.frame import Frame

EncodedFrame = JitterFrame
RtpPacket = rtp.RtpPacket
RtcpPacket = rtp.AnyRtcpPacket
HeaderExtensionsMap = rtp.HeaderExtensionsMap
PARSE_ERRORS = (ValueError, IndexError, struct.error)
NACK_LIMIT = rtp.RTP_HISTORY_SIZE


def installed_codecs(kind: str) -> Sequence[RTCRtpCodecParameters]:
    """The codecs that aiortc encodes and decodes, with its payload types."""
    return CODECS[kind]


def installed_header_extensions(kind: str) -> Sequence[RTCRtpHeaderExtensionParameters]:
    """The header extensions that aiortc reads and writes, with its ids."""
    return HEADER_EXTENSIONS[kind]


def parse_rtp(data: bytes, extensions: HeaderExtensionsMap) -> RtpPacket:
    """Raises one of PARSE_ERRORS."""
    return RtpPacket.parse(data, extensions)


def parse_rtcp(data: bytes) -> list[RtcpPacket]:
    """Raises one of PARSE_ERRORS."""
    return rtp.RtcpPacket.parse(data)


def rtcp_sources(packet: RtcpPacket) -> Sequence[int]:
    """The SSRCs of the peer's streams that the packet is about."""
    match packet:
        case rtp.RtcpSrPacket():
            return (packet.ssrc,)
        case rtp.RtcpByePacket():
            return packet.sources
        case _:
            return ()


def rtcp_subjects(packet: RtcpPacket) -> Sequence[int]:
    """The SSRCs of our streams that the packet is about. Raises one of PARSE_ERRORS."""
    match packet:
        case rtp.RtcpRrPacket() | rtp.RtcpSrPacket():
            return [report.ssrc for report in packet.reports]
        case rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_APP) if packet.fci[:4] == b"REMB":
            # The media SSRC of a REMB is 0; its FCI names the streams.
            return rtp.unpack_remb_fci(packet.fci)[1]
        case rtp.RtcpPsfbPacket() | rtp.RtcpRtpfbPacket():
            return (packet.media_ssrc,)
        case _:
            return ()


def deliver_rtp(
    receiver: RTCRtpReceiver, packet: RtpPacket, arrival_ms: int
) -> Coroutine[Any, Any, None]:
    """Hand a packet to the receiver it was routed to."""
    return receiver._handle_rtp_packet(packet, arrival_ms)


def deliver_rtcp(
    recipient: RTCRtpReceiver | RTCRtpSender, packet: RtcpPacket
) -> Coroutine[Any, Any, None]:
    """Hand an RTCP packet to one of those it concerns."""
    return recipient._handle_rtcp_packet(packet)


def streams_of(sender: RTCRtpSender) -> tuple[int, int]:
    """The SSRCs that a sender uses: of the media, and of its retransmissions."""
    return sender._ssrc, sender._rtx_ssrc


class MediaSender(RTCRtpSender):
    """aiortc's sender with streams named beforehand and a codec that may change while it runs.

    An error of the encoder costs one frame instead of the stream.

    Args:
        source: What it reads; it ends this sender when it raises `MediaStreamError`.
        face: Of the secure transport.
        on_encoder_error: Told of each frame that could not be encoded.
    """

    _RTCRtpSender__encoder: Encoder | None
    _RTCRtpSender__octet_count: int
    _RTCRtpSender__packet_count: int
    _RTCRtpSender__rtp_header_extensions_map: HeaderExtensionsMap
    _RTCRtpSender__rtp_history: dict[int, RtpPacket]
    _RTCRtpSender__rtx_payload_type: int | None
    _RTCRtpSender__stats: RTCStatsReport

    def __init__(
        self,
        source: MediaStreamTrack,
        face: RTCDtlsTransport,
        *,
        ssrc: int,
        rtx_ssrc: int,
        on_encoder_error: Callable[[Exception], None],
    ) -> None:
        super().__init__(source, face)
        self._ssrc = ssrc
        self._rtx_ssrc = rtx_ssrc
        self.__on_encoder_error = on_encoder_error
        self.__pending: RTCRtpSendParameters | None = None
        self.frames_encoded = 0

    @property
    def packets_sent(self) -> int:
        """Without retransmissions."""
        return self._RTCRtpSender__packet_count

    @property
    def bytes_sent(self) -> int:
        """Payload of `packets_sent`."""
        return self._RTCRtpSender__octet_count

    @property
    def remote_report(self) -> RTCRemoteInboundRtpStreamStats | None:
        """The peer's last word on what it receives."""
        found = self._RTCRtpSender__stats.values()
        return next((e for e in found if isinstance(e, RTCRemoteInboundRtpStreamStats)), None)

    async def begin(self, parameters: RTCRtpSendParameters) -> None:
        """Send with these parameters, whose codecs become this sender's own."""
        await self.send(parameters)

    def change(self, parameters: RTCRtpSendParameters) -> None:
        """Go on with other parameters from the frame after the present one.

        Streams, sequence numbers and time go on as well.
        """
        self.__pending = parameters
        self.transport._register_rtp_sender(self, parameters)

    def __adopt(self, codec: RTCRtpCodecParameters, parameters: RTCRtpSendParameters) -> None:
        wanted = parameters.codecs[0]
        if codec != wanted:
            # _run_rtp holds on to this object: it is the one way to the next frame's codec.
            codec.__dict__.update(wanted.__dict__)
            self._RTCRtpSender__encoder = None
            # What was sent before cannot be repaired under the RTX payload type to come.
            self._RTCRtpSender__rtp_history.clear()
        self._RTCRtpSender__rtx_payload_type = next(
            (
                each.payloadType
                for each in parameters.codecs
                if is_rtx(each) and each.parameters.get("apt") == wanted.payloadType
            ),
            None,
        )
        extensions = HeaderExtensionsMap()
        extensions.configure(parameters)
        self._RTCRtpSender__rtp_header_extensions_map = extensions

    def refresh(self) -> None:
        """Make the next picture one that can be decoded by itself."""
        self._send_keyframe()

    async def _next_encoded_frame(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        if self.__pending is not None:
            self.__adopt(codec, self.__pending)
            self.__pending = None
        if self._RTCRtpSender__encoder is None:
            encoder = self._RTCRtpSender__encoder = get_encoder(codec)
            if isinstance(encoder, OpusEncoder):
                # aiortc counts from the first packet of each encoder; a later encoder's
                # timestamps must follow those of the one before.
                encoder.first_packet_pts = 0
        try:
            frame = await super()._next_encoded_frame(codec)
        except (ConnectionError, MediaStreamError):
            raise
        except Exception as error:  # whatever a codec raises about one frame
            self._RTCRtpSender__encoder = None
            self.__on_encoder_error(error)
            return None
        if frame is not None:
            self.frames_encoded += 1
        return frame

    async def _handle_rtcp_packet(self, packet: RtcpPacket) -> None:
        if isinstance(packet, rtp.RtcpRtpfbPacket):
            # One NACK can name a packet hundreds of times over, each a retransmission.
            packet.lost = list(dict.fromkeys(packet.lost))[:NACK_LIMIT]
        await super()._handle_rtcp_packet(packet)


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
