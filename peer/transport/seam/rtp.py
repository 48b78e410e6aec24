"""Owns how aiortc's RTP packets, codecs and recipients are reached (part of the seam).

An upgrade of aiortc fails here first. The names are pinned by version (`pyproject.toml`) and by
`tests/unit/rtp/test_seam_rtp.py`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from aiortc import rtp
from aiortc.codecs import CODECS, HEADER_EXTENSIONS
from aiortc.jitterbuffer import JitterFrame

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters
    from aiortc.rtcrtpreceiver import RTCRtpReceiver
    from aiortc.rtcrtpsender import RTCRtpSender

EncodedFrame = JitterFrame
RtpPacket = rtp.RtpPacket
RtcpPacket = rtp.AnyRtcpPacket
HeaderExtensionsMap = rtp.HeaderExtensionsMap
PARSE_ERRORS = (ValueError, IndexError, struct.error)


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


def receiver_report(ssrc: int) -> bytes:
    """A report about nothing (RFC 3550 section 6.4.2; alone, as RFC 5506 has it)."""
    return bytes(rtp.RtcpRrPacket(ssrc=ssrc))


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
