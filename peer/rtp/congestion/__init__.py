"""PURE congestion control of one transport: Google Congestion Control, pacing, TWCC and REMB.

Time is an argument of every call, so that all of it is tested in virtual time.
"""

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
