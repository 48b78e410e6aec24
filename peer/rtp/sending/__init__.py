"""What a sender does with encoded frames, without clocks or sockets: packets, repairs, reports."""

from peer.rtp.sending.counters import TransmissionCounters
from peer.rtp.sending.keyframes import KeyframePolicy
from peer.rtp.sending.outbound import OutboundFrame, PacketSource, Urgency
from peer.rtp.sending.transmission import Transmission

__all__ = [
    "KeyframePolicy",
    "OutboundFrame",
    "PacketSource",
    "Transmission",
    "TransmissionCounters",
    "Urgency",
]
