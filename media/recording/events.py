"""Owns the events of a recording: their names, what they carry, and how handlers are called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp_parameters import MediaKind


class RecordingEvent(StrEnum):
    """The events, and the argument of their handlers."""

    PROGRESS = "progress"  # Progress, about each second
    ERROR = "error"  # RecordingFailure
    SEGMENT = "segment"  # Segment, when a file is complete
    TRANSCODING = "transcoding"  # Transcoding, when it begins


class SegmentEnd(StrEnum):
    """Why a file ended."""

    STOPPED = "stopped"
    DURATION = "duration"
    SIZE = "size"
    #: Codec or size of a picture changed, and the container cannot follow.
    CHANGED = "changed"
    #: A track came that is not in the file.
    TRACKS = "tracks"
    FAILED = "failed"


class TranscodingReason(StrEnum):
    """Why a track is not written as it came."""

    ASKED = "asked"
    #: It does not take the codec.
    CONTAINER = "container"
    #: The track gives pictures or sound that nobody had encoded.
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is.

    Args:
        path: The present file.
        duration: Of all files, in seconds.
        size: Of all files, in octets.
        frames: Written so far.
        dropped: Frames left out because the disk was too slow.
    """

    path: Path
    duration: float
    size: int
    frames: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of a recording, complete.

    Args:
        path: Where it is.
        number: In the series, from 1; those of names that were taken already are left out.
        duration: In seconds.
        size: In octets.
        end: Why no more is in it.
    """

    path: Path
    number: int
    duration: float
    size: int
    end: SegmentEnd


@dataclass(frozen=True, slots=True)
class RecordingFailure:
    """Something could not be recorded; what is written stays good.

    Args:
        error: What failed; of files it is a `RecordingError`.
        path: The file, where it is about one.
        ended: Whether the recording is over by it; else it goes on with the next file or key frame.
    """

    error: Exception
    path: Path | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Transcoding:
    """A track is encoded for the file, which costs time and quality.

    Args:
        kind: Sound or pictures.
        source: The codec it comes in, or "raw".
        target: The codec it is written in.
        reason: Why.
    """

    kind: MediaKind
    source: str
    target: str
    reason: TranscodingReason
