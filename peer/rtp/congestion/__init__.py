"""How fast to send, and what to tell who sends to us. Pure: time comes in as numbers."""

from peer.rtp.congestion.allocation import Share, allocate
from peer.rtp.congestion.controller import CongestionController
from peer.rtp.congestion.pacer import Pacer
from peer.rtp.congestion.remb import RembEstimator
from peer.rtp.congestion.twcc_recorder import TwccRecorder

__all__ = [
    "CongestionController",
    "Pacer",
    "RembEstimator",
    "Share",
    "TwccRecorder",
    "allocate",
]
