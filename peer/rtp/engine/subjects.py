"""Owns which streams an RTCP packet is about: the peer's, or ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from peer.rtp.rtcp import (
    FullIntraRequest,
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverEstimatedMaximumBitrate,
    ReceiverReport,
    SenderReport,
    SourceDescription,
    TransportFeedback,
    UnknownPacket,
)

if TYPE_CHECKING:
    from peer.rtp.rtcp import RtcpPacket


def sources(packet: RtcpPacket) -> tuple[int, ...]:
    """The SSRCs of the peer's streams that the packet is about."""
    match packet:
        case SenderReport():
            return (packet.ssrc,)
        case Goodbye():
            return packet.ssrcs
        case _:
            return ()


def subjects(packet: RtcpPacket) -> tuple[int, ...]:
    """The SSRCs of our streams that the packet is about."""
    match packet:
        case SenderReport() | ReceiverReport():
            return tuple(report.ssrc for report in packet.reports)
        case Nack() | PictureLossIndication():
            return (packet.media_ssrc,)
        case FullIntraRequest():
            return tuple(ssrc for ssrc, _ in packet.entries)
        case (
            # These two are about the transport as a whole.
            ReceiverEstimatedMaximumBitrate()
            | TransportFeedback()
            | SourceDescription()
            | Goodbye()
            | UnknownPacket()
        ):
            return ()
        case never:
            assert_never(never)
