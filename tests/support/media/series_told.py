"""Owns what a series of files says while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from media.recording.events import Progress, RecordingFailure, Segment, SegmentEnd


@dataclass
class Told:
    """What a series said."""

    segments: list[Segment] = field(default_factory=list)
    failures: list[RecordingFailure] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    wanted: list[Hashable] = field(default_factory=list)

    def on_progress(self, progress: Progress) -> None:
        self.progress.append(progress)

    def on_segment(self, segment: Segment, progress: Progress) -> None:
        self.segments.append(segment)
        assert progress.path == segment.path

    def on_failure(self, failure: RecordingFailure) -> None:
        self.failures.append(failure)

    def on_keyframe_wanted(self, key: Hashable) -> None:
        self.wanted.append(key)

    @property
    def ends(self) -> list[tuple[str, SegmentEnd]]:
        return [(each.path.name, each.end) for each in self.segments]
