"""Files that several participants become, without a room."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from handfast.recording.room_recorders import (
    Arrangement,
    RoomRecorder,
    files_of,
    room_recorder_for,
)
from media import RecorderStats, Segment, SegmentEnd
from tests.support.clock.cancelling import cancelled_at

if TYPE_CHECKING:
    from media import Recorder
    from peer import MediaStreamTrack


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class _Recorder:
    """Recorder that notes its calls."""

    path: Path = Path("out.webm")
    stats: RecorderStats = field(default_factory=RecorderStats)
    done: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    may_stop: asyncio.Event = field(default_factory=_open)

    def addTrack(self, track: str, *, name: str = "") -> None:
        self.done.append(track)
        self.names.append(name)

    async def start(self) -> None:
        self.done.append("start")

    async def stop(self) -> None:
        await self.may_stop.wait()
        self.done.append("stop")


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


async def test_single_file_recorder_records_all_participants() -> None:
    recorder, made = _room_recorder(Arrangement.TOGETHER, "out.webm")
    for member in ("a", "b"):
        await recorder.participant_joined(member, name=member)
        await recorder.add_track(member, _track(member))
    await recorder.participant_left("a")
    await recorder.close()

    assert [one.done for one in made] == [["start", "a", "b", "stop"]]
    assert made[0].names == ["a", "b"]


async def test_per_participant_recorder_completes_a_file_when_its_member_leaves() -> None:
    recorder, made = _room_recorder(Arrangement.PER_PARTICIPANT, "dir/out.webm")
    for member in ("a", "b"):
        await recorder.participant_joined(member, name=member)
        await recorder.add_track(member, _track(member))
    await recorder.participant_left("a")
    assert [one.done for one in made] == [["a", "start", "stop"], ["b", "start"]]
    await recorder.close()

    assert [one.done[-1] for one in made] == ["stop", "stop"]


async def test_per_participant_recorder_stops_all_where_a_close_was_cancelled() -> None:
    recorder, made = _room_recorder(Arrangement.PER_PARTICIPANT, "out.webm")
    for member in ("a", "b"):
        await recorder.participant_joined(member, name=member)
        await recorder.add_track(member, _track(member))
    made[0].may_stop.clear()
    assert await cancelled_at(2, recorder.close())
    made[0].may_stop.set()
    await recorder.close()

    assert [one.done[-1] for one in made] == ["stop", "stop"]


async def test_per_participant_recorder_forgets_members_that_sent_nothing() -> None:
    recorder, made = _room_recorder(Arrangement.PER_PARTICIPANT, "dir/out.webm")
    for member in ("a", "b", "c"):
        await recorder.participant_joined(member, name="alice")
        await recorder.add_track(member, _track(member))
    made[1].stats = RecorderStats(files=(_file("out-alice-b.webm"),))
    for member in ("a", "b", "c", "a"):
        await recorder.participant_left(member)
    for member in ("d", "e"):
        await recorder.participant_joined(member, name="alice")
    await recorder.add_track("d", _track("d"))

    assert [id(one) for one in recorder.recorders] == [id(made[1]), id(made[3])]
    # What the first one left behind, the recorder itself does not write over.
    assert made[3].path == made[0].path


async def test_participant_name_is_neither_path_nor_template_in_a_file_name() -> None:
    recorder, made = _room_recorder(Arrangement.PER_PARTICIPANT, "dir/out.webm")
    long = "\N{GOTHIC LETTER AHSA}" * 64
    for number, name in enumerate(["../../etc/x", "{n}", "...", "ana", "ana", "Zoë\ud800", long]):
        await recorder.participant_joined(f"m{number}", name=name)
        await recorder.add_track(f"m{number}", _track(name))

    names = ["etc-x", "n", "m2", "ana", "ana-m4", "Zoë", "\N{GOTHIC LETTER AHSA}" * 32]
    assert [str(one.path) for one in made] == [f"dir/out-{name}.webm" for name in names]


async def test_room_is_a_file_each_of_which_the_first_to_send_has_the_plain_name() -> None:
    recorder, made = _room_recorder(Arrangement.SEPARATE, "dir/out.webm")
    for member in ("viewer", "ana", "bob"):
        await recorder.participant_joined(member, name=member)
    for member in ("ana", "bob", "ana"):
        await recorder.add_track(member, _track(member))
    await recorder.close()

    assert [str(one.path) for one in made] == ["dir/out.webm", "dir/out-bob.webm"]
    assert [one.done for one in made] == [["ana", "start", "ana", "stop"], ["bob", "start", "stop"]]


async def test_plain_name_is_free_again_where_the_first_one_sent_nothing() -> None:
    recorder, made = _room_recorder(Arrangement.SEPARATE, "out.webm")
    for member in ("ana", "bob"):
        await recorder.participant_joined(member, name=member)
        await recorder.add_track(member, _track(member))
        await recorder.participant_left(member)

    assert [str(one.path) for one in made] == ["out.webm", "out.webm"]


@pytest.mark.parametrize(
    ("arrangement", "words"),
    [
        (Arrangement.SEPARATE, ["dir/out.webm", "dir/out-NAME.webm", "--composite"]),
        (Arrangement.TOGETHER, ["dir/out.webm", "players show the first one"]),
        (Arrangement.PER_PARTICIPANT, ["dir/out-NAME.webm"]),
        (Arrangement.COMPOSITE, ["dir/out.webm", "one picture and one sound"]),
    ],
)
def test_files_of_a_room_are_said_before_they_begin(
    arrangement: Arrangement, words: list[str]
) -> None:
    said = files_of(arrangement, Path("dir/out.webm"))
    assert [word for word in words if word not in said] == []


async def test_stream_takes_the_first_who_sends_and_refuses_others_by_name() -> None:
    room, made = _room_recorder(Arrangement.FIRST, "-")
    await room.participant_joined("1", name="alice")
    await room.participant_joined("2", name="bob")
    await room.add_track("2", cast("MediaStreamTrack", "bob's"))
    with pytest.raises(ValueError, match="one stream holds one participant"):
        await room.add_track("1", cast("MediaStreamTrack", "alice's"))
    await room.add_track("2", cast("MediaStreamTrack", "bob's other"))
    await room.close()
    assert [each.done for each in made] == [["start", "bob's", "bob's other", "stop"]]
