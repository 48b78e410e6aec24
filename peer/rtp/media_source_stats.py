"""The `media-source` entry of statistics (W3C webrtc-stats section 8.8)."""

from __future__ import annotations

from peer.statistics_entry import StatsEntry
from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSourceStats(StatsEntry):
    """The track that a sender sends (RTCMediaSourceStats).

    Args:
        trackIdentifier: Id of the track.
        kind: `audio` or `video`.
        audioLevel: Level of the audio sent last, 0 to 1 (the loudest); None where not known.
        width: Width of the last video frame in pixels; None where not known.
        height: Height of the last video frame in pixels; None where not known.
    """

    trackIdentifier: str
    kind: str
    audioLevel: float | None
    width: int | None
    height: int | None
