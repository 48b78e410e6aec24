"""Progress line and summary of a recording."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from handfast.recording.recorded_participant import RecordedParticipant
from handfast.recording.report import RecordingReport
from media import RecorderStats, Segment, SegmentEnd, Transcoding, TranscodingReason
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media import Recorder


@dataclass
class _Recorder:
    """Recorder that has only statistics."""

    stats: RecorderStats = field(default_factory=RecorderStats)


def _report(*recorders: _Recorder) -> RecordingReport:
    return RecordingReport(cast("Sequence[Recorder]", recorders))


def _participant(name: str, **codecs: str) -> RecordedParticipant:
    participant = RecordedParticipant(name)
    for kind, codec in codecs.items():
        participant.add(kind=kind, codec=codec)
    return participant


def _file(name: str) -> Segment:
    return Segment(Path(name), 1, 62.3, 3_400_000, SegmentEnd.STOPPED)


def test_report_of_an_empty_recording() -> None:
    report = _report(_Recorder())

    assert report.line() == "Nobody has sent anything yet"
    assert list(report.summary()) == ["Nothing was recorded."]


def test_the_line_says_time_size_participant_and_gaps() -> None:
    report = _report(_Recorder(stats=RecorderStats(size=3_400_000, gaps=2, dropped=1)))
    report.begin("a", _participant("alice", audio="opus", video="VP8"), time.monotonic() - 62)

    assert report.line() == "●  1:02  3.4 MB  alice: VP8, Opus  2 gaps and 1 frame for a slow disk"


def test_summary_tells_written_and_encoded_codecs() -> None:
    changed = Transcoding(MediaKind.VIDEO, "H264", "VP8", TranscodingReason.CONTAINER)
    stats = RecorderStats(files=(_file("out.webm"), _file("out-2.webm")), transcoding=(changed,))
    report = _report(_Recorder(stats=stats))
    report.begin("a", _participant("alice", audio="opus", video="H264"), 0.0)
    report.begin("b", _participant("bob", audio="opus"), 0.0)

    assert list(report.summary()) == [
        "out.webm       1:02    3.4 MB",
        "out-2.webm     1:02    3.4 MB",
        "Written as it came: Opus.",
        "Encoded anew, as the file cannot hold it: H264 as VP8.",
        "Nothing was lost.",
    ]
