"""RTCP packets as values, and as octets (RFC 3550 section 6, RFC 4585, RFC 5104)."""

from peer.rtp.rtcp.compound import RtcpPacket, parse, write
from peer.rtp.rtcp.description import Goodbye, SourceDescription
from peer.rtp.rtcp.feedback import FullIntraRequest, Nack, PictureLossIndication
from peer.rtp.rtcp.ntp import from_ntp, middle, to_ntp
from peer.rtp.rtcp.remb import ReceiverEstimatedMaximumBitrate
from peer.rtp.rtcp.reports import ReceiverReport, ReceptionReport, SenderReport
from peer.rtp.rtcp.transport_feedback import TransportFeedback
from peer.rtp.rtcp.unknown import UnknownPacket

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
    "from_ntp",
    "middle",
    "parse",
    "to_ntp",
    "write",
]
