"""How fast to send, and what to tell who sends to us. Pure: time comes in as numbers."""

from peer.rtp.congestion.allocation import Share, allocate
from peer.rtp.congestion.arrivals import ArrivalRecorder
from peer.rtp.congestion.controller import TransportCongestion
from peer.rtp.congestion.pacing import Pacer
from peer.rtp.congestion.remb import RembEstimator

__all__ = [
    "ArrivalRecorder",
    "Pacer",
    "RembEstimator",
    "Share",
    "TransportCongestion",
    "allocate",
]
