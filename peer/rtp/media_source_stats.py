"""The `media-source` entry of statistics (W3C webrtc-stats section 8.8)."""

from __future__ import annotations

from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSourceStats:
    """The track that a sender sends (RTCMediaSourceStats).

    Args:
        id: Unique within one report, and the same in all reports for one sender and track.
        type: `media-source`.
        timestamp: Milliseconds since 1970.
        trackIdentifier: Id of the track.
        kind: `audio` or `video`.
        audioLevel: Level of the audio sent last, 0 to 1 (the loudest); None where not known.
        width: Width of the last video frame in pixels; None where not known.
        height: Height of the last video frame in pixels; None where not known.
    """

    id: str
    type: str
    timestamp: float
    trackIdentifier: str
    kind: str
    audioLevel: float | None
    width: int | None
    height: int | None
