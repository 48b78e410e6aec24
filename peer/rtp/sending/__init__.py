"""PURE sending of one RTP stream: packets, retransmissions, sender reports, keyframe requests."""

from peer.rtp.sending.counters import SendStreamCounters
from peer.rtp.sending.keyframe_throttle import KeyframeThrottle
from peer.rtp.sending.outbound_frame import OutboundFrame, PacketPriority, PacketSource
from peer.rtp.sending.stream_sender import RtpStreamSender

__all__ = [
    "KeyframeThrottle",
    "OutboundFrame",
    "PacketPriority",
    "PacketSource",
    "RtpStreamSender",
    "SendStreamCounters",
]
