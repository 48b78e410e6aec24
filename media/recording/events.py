"""Events of a recording, and their arguments."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp_parameters import MediaKind


class RecordingEvent(StrEnum):
    """Names of the events; a comment names the argument of the handlers."""

    PROGRESS = "progress"  # Progress, about each second
    ERROR = "error"  # RecordingFailure
    SEGMENT = "segment"  # Segment, when a file is complete
    TRANSCODING = "transcoding"  # Transcoding, when it begins


class SegmentEnd(StrEnum):
    """Reasons for the end of a file."""

    STOPPED = "stopped"
    DURATION = "duration"
    SIZE = "size"
    #: The codec or the video size changed, and the container cannot follow.
    CHANGED = "changed"
    #: A track was added that is not in the file.
    TRACKS = "tracks"
    FAILED = "failed"


class TranscodingReason(StrEnum):
    """Reasons for the transcoding of a track."""

    ASKED = "asked"
    #: The container does not take the codec.
    CONTAINER = "container"
    #: The track gives decoded frames.
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a recording.

    Args:
        path: Path of the present file.
        duration: Duration of all files in seconds.
        size: Size of all files in bytes.
        frames: Number of frames written.
        dropped: Number of frames dropped because the disk was too slow.
    """

    path: Path
    duration: float
    size: int
    frames: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Complete file of a recording.

    Args:
        path: Path of the file.
        number: Number in the series, from 1; numbers of existing files are skipped.
        duration: Duration in seconds.
        size: Size in bytes.
        end: Reason for the end of the file.
        url: URL of the file, where it was recorded to one.
    """

    path: Path
    number: int
    duration: float
    size: int
    end: SegmentEnd
    url: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingFailure:
    """Failure of a recording; the files written so far stay playable.

    Args:
        error: The error; a `RecordingError` where it concerns a file.
        path: Path of the file; None where it does not concern one.
        ended: True if the recording has ended; else it goes on with the next file or key frame.
    """

    error: Exception
    path: Path | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Transcoding:
    """Transcoding of a track for the file, which costs time and quality.

    Args:
        kind: Audio or video.
        source: Codec of the track, or "raw" for decoded frames.
        target: Codec in the file.
        reason: Reason for the transcoding.
    """

    kind: MediaKind
    source: str
    target: str
    reason: TranscodingReason
