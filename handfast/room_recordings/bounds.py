"""Bounds of the recordings that the people in rooms ask for."""

from __future__ import annotations

from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingBounds:
    """Bounds of the recordings of one server; all defaults are ours.

    Args:
        longest: Seconds after which a recording ends.
        largest: Octets of all its files after which it ends.
        at_once: Most recordings that run at one time, one for each room.
        kept: Most recordings that are known, the finished ones included.
        kept_of_room: Most finished recordings of one room; the oldest makes place for another.
        kept_for: Seconds for which the files of a finished recording can be downloaded.
        free: Octets of the disk that recordings leave to others.
        alone: Seconds for which a recorder waits in a room that everybody has left, as for a page
            that is loaded again.
        unwatched: Seconds after which a recording ends whose page has not asked how far it is, as
            one that was closed does not.
    """

    longest: float = 3600.0
    largest: int = 2_000_000_000
    at_once: int = 2
    kept: int = 64
    kept_of_room: int = 4
    kept_for: float = 3600.0
    free: int = 500_000_000
    alone: float = 15.0
    unwatched: float = 300.0
