"""Owns the `media-source` entry of statistics (W3C webrtc-stats section 8.8), as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSourceStats:
    """The track that a sender sends.

    Args:
        id: Unique within one report, the same for the same sender and track in each.
        type: `media-source`.
        timestamp: Milliseconds since 1970.
        trackIdentifier: The id of the track.
        kind: `audio` or `video`.
        audioLevel: How loud the sound sent last is, 0 to 1 (the loudest); None where not known.
        width: Of the picture sent last, in pixels; None where not known.
        height: Of the picture sent last, in pixels; None where not known.
    """

    id: str
    type: str
    timestamp: float
    trackIdentifier: str
    kind: str
    audioLevel: float | None
    width: int | None
    height: int | None
