"""Owns the names under which the rest of the project knows aiortc's tracks and av's frames."""

from __future__ import annotations

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.frame import Frame
from av.packet import Packet

__all__ = ["Frame", "MediaStreamError", "MediaStreamTrack", "Packet"]
