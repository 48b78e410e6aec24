"""Owns the names under which the rest of the project knows aiortc's tracks and av's frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.frame import Frame
from av.packet import Packet

if TYPE_CHECKING:
    # What a track may give: decoded, or encoded already.
    MediaItem: TypeAlias = Frame | Packet[Any]

__all__ = ["Frame", "MediaStreamError", "MediaStreamTrack", "Packet"]
