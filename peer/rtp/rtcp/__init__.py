"""Parses and writes RTCP packets (RFC 3550 section 6, RFC 4585, RFC 5104). PURE."""

from peer.rtp.rtcp.compound import (
    ReceiverReport,
    ReceptionReport,
    RtcpPacket,
    SenderReport,
    parse,
    write,
)
from peer.rtp.rtcp.description import Goodbye, SourceDescription
from peer.rtp.rtcp.feedback import FullIntraRequest, Nack, PictureLossIndication
from peer.rtp.rtcp.header import UnknownPacket
from peer.rtp.rtcp.ntp import compact_ntp, from_ntp, to_ntp
from peer.rtp.rtcp.remb import ReceiverEstimatedMaximumBitrate
from peer.rtp.rtcp.transport_feedback import TransportFeedback

__all__ = [
    "FullIntraRequest",
    "Goodbye",
    "Nack",
    "PictureLossIndication",
    "ReceiverEstimatedMaximumBitrate",
    "ReceiverReport",
    "ReceptionReport",
    "RtcpPacket",
    "SenderReport",
    "SourceDescription",
    "TransportFeedback",
    "UnknownPacket",
    "compact_ntp",
    "from_ntp",
    "parse",
    "to_ntp",
    "write",
]
