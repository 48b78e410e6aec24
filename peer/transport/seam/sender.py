"""Owns every private name of aiortc's RTP sender that we touch (part of the seam)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc import rtp
from aiortc.codecs import get_encoder, is_rtx
from aiortc.codecs.opus import OpusEncoder
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpsender import RTCEncodedFrame, RTCRtpSender
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from peer.transport.seam.rtp import HeaderExtensionsMap, RtcpPacket, RtpPacket

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.codecs.base import Encoder
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
    from aiortc.stats import RTCStatsReport

NACK_LIMIT = rtp.RTP_HISTORY_SIZE


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
