"""What a recording of a room says, and which files it makes, without a room."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from handfast.recording.participant import Participant
from handfast.recording.report import RecordingReport
from handfast.recording.room_recorders import Arrangement, RoomRecorder, room_recorder_for
from handfast.recording.session import RecordError, check
from media import RecorderStats, Segment, SegmentEnd, Transcoding, TranscodingReason
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media import Recorder
    from peer import MediaStreamTrack


@dataclass
class _Recorder:
    """Notes what is asked of it."""

    path: Path = Path("out.webm")
    stats: RecorderStats = field(default_factory=RecorderStats)
    done: list[str] = field(default_factory=list)

    def addTrack(self, track: str) -> None:
        self.done.append(track)

    async def start(self) -> None:
        self.done.append("start")

    async def stop(self) -> None:
        self.done.append("stop")


def _account(*recorders: _Recorder) -> RecordingReport:
    return RecordingReport(cast("Sequence[Recorder]", recorders))


def _streams(name: str, **codecs: str) -> Participant:
    participant = Participant(name)
    for kind, codec in codecs.items():
        participant.add(kind=kind, codec=codec)
    return participant


def _room_recorder(arrangement: Arrangement, path: str) -> tuple[RoomRecorder, list[_Recorder]]:
    made: list[_Recorder] = []

    def make(path: Path) -> Recorder:
        made.append(_Recorder(path))
        return cast("Recorder", made[-1])

    return room_recorder_for(arrangement, Path(path), make), made


def _track(name: str) -> MediaStreamTrack:
    return cast("MediaStreamTrack", name)


def _file(name: str) -> Segment:
    return Segment(Path(name), 1, 62.3, 3_400_000, SegmentEnd.STOPPED)


def test_nothing_is_said_to_be_nothing() -> None:
    report = _account(_Recorder())

    assert report.line() == "Nobody has sent anything yet"
    assert list(report.summary()) == ["Nothing was recorded."]


def test_the_line_says_time_size_streams_and_gaps() -> None:
    report = _account(_Recorder(stats=RecorderStats(size=3_400_000, gaps=2, dropped=1)))
    report.begin("a", _streams("alice", audio="opus", video="VP8"), time.monotonic() - 62)

    assert report.line() == "●  1:02  3.4 MB  alice: VP8, Opus  2 gaps and 1 frame for a slow disk"


def test_the_summary_says_what_passed_and_what_did_not() -> None:
    changed = Transcoding(MediaKind.VIDEO, "H264", "VP8", TranscodingReason.CONTAINER)
    stats = RecorderStats(files=(_file("out.webm"), _file("out-2.webm")), transcoding=(changed,))
    report = _account(_Recorder(stats=stats))
    report.begin("a", _streams("alice", audio="opus", video="H264"), 0.0)
    report.begin("b", _streams("bob", audio="opus"), 0.0)

    assert list(report.summary()) == [
        "out.webm       1:02    3.4 MB",
        "out-2.webm     1:02    3.4 MB",
        "Written as it came: Opus.",
        "Encoded anew, as the file cannot hold it: H264 as VP8.",
        "Nothing was lost.",
    ]


async def test_together_is_one_recorder_for_all() -> None:
    recorder, made = _room_recorder(Arrangement.TOGETHER, "out.webm")
    for member in ("a", "b"):
        await recorder.participant_joined(member, name=member)
        await recorder.add_track(member, _track(member))
    await recorder.participant_left("a")
    await recorder.close()

    assert [one.done for one in made] == [["start", "a", "b", "stop"]]


async def test_each_participant_has_a_recorder_until_they_leave() -> None:
    recorder, made = _room_recorder(Arrangement.PER_PARTICIPANT, "dir/out.webm")
    for member in ("a", "b"):
        await recorder.participant_joined(member, name=member)
        await recorder.add_track(member, _track(member))
    await recorder.participant_left("a")
    assert [one.done for one in made] == [["start", "a", "stop"], ["start", "b"]]
    await recorder.close()

    assert [one.done[-1] for one in made] == ["stop", "stop"]


async def test_who_sent_nothing_is_forgotten() -> None:
    recorder, made = _room_recorder(Arrangement.PER_PARTICIPANT, "dir/out.webm")
    for member in ("a", "b", "c"):
        await recorder.participant_joined(member, name="alice")
    made[1].stats = RecorderStats(files=(_file("out-alice-b.webm"),))
    for member in ("a", "b", "c", "a"):
        await recorder.participant_left(member)
    await recorder.participant_joined("d", name="alice")

    assert [id(one) for one in recorder.recorders] == [id(made[1]), id(made[3])]
    # What the first one left behind, the recorder itself does not write over.
    assert made[3].path == made[0].path


async def test_what_people_call_themselves_is_no_path_and_no_template() -> None:
    recorder, made = _room_recorder(Arrangement.PER_PARTICIPANT, "dir/out.webm")
    long = "\N{GOTHIC LETTER AHSA}" * 64
    for number, name in enumerate(["../../etc/x", "{n}", "...", "ana", "ana", "Zoë\ud800", long]):
        await recorder.participant_joined(f"m{number}", name=name)

    names = ["etc-x", "n", "m2", "ana", "ana-m4", "Zoë", "\N{GOTHIC LETTER AHSA}" * 32]
    assert [str(one.path) for one in made] == [f"dir/out-{name}.webm" for name in names]


@pytest.mark.parametrize("name", ["out.avi", "out", "nowhere/out.webm", "out-{x}.webm"])
def test_what_cannot_be_recorded_is_said_before(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match=r"^[^\n]+\.$"):
        check(tmp_path / name)
    check(tmp_path / "out.webm")
