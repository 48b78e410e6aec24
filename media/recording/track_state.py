"""Owns what a timeline knows of each of its tracks."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from media.recording.delay_growth import DelayGrowthDetector

if TYPE_CHECKING:
    from media.recording.clocks import Clock, SenderClocks
    from peer import EncodedFrame
    from peer.rtp_parameters import MediaKind


@dataclass(slots=True)
class TrackState:
    """What is known of a track.

    `offset` is what to add to `pts`, in seconds, to have our time; `away` how long after that time
    frames arrive as a rule.
    """

    kind: MediaKind
    sender: SenderClocks
    own: Clock | None = None
    clock: Clock | None = None
    by_wall: bool = False
    offset: Fraction | None = None
    moving: bool = False
    mapping: float | None = None
    away: float | None = None
    astray: int = 0
    lateness: DelayGrowthDetector = field(default_factory=DelayGrowthDetector)
    pts: Fraction = Fraction(0)
    since: float | None = None
    held: list[EncodedFrame] = field(default_factory=list)
    released: bool = False
    awaits_keyframe: bool = True


@dataclass(slots=True)
class Reached:
    """Where a track's last frame was; kept when it ends, as it may join again."""

    time: Fraction
    duration: Fraction
