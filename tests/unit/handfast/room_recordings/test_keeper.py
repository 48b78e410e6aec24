"""The recordings of one server: their bounds, their ends, and what is deleted when."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handfast.room_recordings.bounds import RecordingBounds
from handfast.room_recordings.keeper import (
    RecordingRefusal,
    RecordingRefusedError,
    RoomRecordings,
)
from handfast.room_recordings.room_recording import (
    RecordingEnd,
    RecordingLayout,
    RoomRecording,
)
from media import Segment, SegmentEnd
from signaling import ConnectError
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connections import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PLENTY = 10**12


async def _record(recording: RoomRecording) -> None:
    """Write a file when the recording is over, as a recorder does."""
    await recording.over()
    recording.path.write_bytes(b"recorded")
    recording.files = (Segment(recording.path, 1, 1.0, 8, SegmentEnd.STOPPED),)


async def _record_nothing(recording: RoomRecording) -> None:
    await recording.over()


def _keeper(
    folder: Path,
    *,
    bounds: RecordingBounds | None = None,
    record: Callable[[RoomRecording], Awaitable[None]] = _record,
    free: Callable[[Path], int] = lambda _: _PLENTY,
) -> RoomRecordings:
    return RoomRecordings(folder, bounds or RecordingBounds(), record, free=free)


def _begin(keeper: RoomRecordings, room: str = "lobby") -> RoomRecording:
    return keeper.begin(room=room, asker="Ada", layout=RecordingLayout.GRID)


async def _finished(keeper: RoomRecordings, room: str = "lobby") -> RoomRecording:
    recording = _begin(keeper, room)
    recording.finish(RecordingEnd.STOPPED)
    await recording.done()
    return recording


def _refusal(keeper: RoomRecordings, room: str = "lobby") -> RecordingRefusal:
    with pytest.raises(RecordingRefusedError) as refused:
        _begin(keeper, room)
    return refused.value.refusal


async def test_recording_is_found_by_its_ticket_of_128_bits_and_by_no_other_word(
    tmp_path: Path,
) -> None:
    async with _keeper(tmp_path) as keeper:
        recording = _begin(keeper)

        assert len(recording.ticket) == 22
        assert keeper.find(recording.ticket) is recording
        assert keeper.find("lobby") is None
        assert recording.ticket not in repr(recording)
        assert recording.ticket not in str(recording.path)


async def test_room_that_is_recorded_is_not_recorded_a_second_time_until_the_first_is_done(
    tmp_path: Path,
) -> None:
    async with _keeper(tmp_path) as keeper:
        first = _begin(keeper)
        assert _refusal(keeper) is RecordingRefusal.RUNNING
        first.finish(RecordingEnd.STOPPED)
        await first.done()
        assert _begin(keeper) is not first


async def test_no_more_rooms_are_recorded_at_one_time_than_the_bound(tmp_path: Path) -> None:
    async with _keeper(tmp_path, bounds=RecordingBounds(at_once=1)) as keeper:
        _begin(keeper)
        assert _refusal(keeper, "kitchen") is RecordingRefusal.FULL


@pytest.mark.parametrize(
    ("bounds", "size", "end"),
    [
        (RecordingBounds(longest=0.01), 0, RecordingEnd.TIME),
        (RecordingBounds(largest=1000), 1000, RecordingEnd.SIZE),
        (RecordingBounds(unwatched=0.01), 0, RecordingEnd.UNWATCHED),
    ],
)
async def test_recording_ends_at_its_bound_and_its_file_is_kept(
    bounds: RecordingBounds, size: int, end: RecordingEnd, tmp_path: Path
) -> None:
    async with _keeper(tmp_path, bounds=bounds) as keeper:
        recording = _begin(keeper)
        recording.size = size
        await recording.done()

        assert recording.end is end
        assert recording.files[0].path.read_bytes() == b"recorded"


@in_virtual_time
async def test_recording_goes_on_while_its_page_asks_for_it_and_ends_after_that() -> None:
    begun = asyncio.get_running_loop().time()
    with tempfile.TemporaryDirectory() as folder:
        keeper = _keeper(Path(folder), bounds=RecordingBounds(unwatched=60.0))
        recording = _begin(keeper)
        for _ in range(600):
            await asyncio.sleep(1)
            keeper.watch(recording)
        assert not recording.is_done
        await recording.done()

    assert recording.end is RecordingEnd.UNWATCHED
    assert asyncio.get_running_loop().time() - begun == pytest.approx(660, abs=1)


async def test_recording_ends_when_the_disk_fills_and_none_begins_on_a_full_disk(
    tmp_path: Path,
) -> None:
    room = [_PLENTY]
    async with _keeper(tmp_path, free=lambda _: room[0]) as keeper:
        recording = _begin(keeper)
        room[0] = RecordingBounds().free - 1
        await recording.done()

        assert recording.end is RecordingEnd.DISK
        assert _refusal(keeper) is RecordingRefusal.DISK


async def test_folder_that_takes_nothing_is_a_refusal_that_says_why(tmp_path: Path) -> None:
    async with _keeper(tmp_path / "gone") as keeper:
        with pytest.raises(RecordingRefusedError, match="cannot save it: No such file") as refused:
            _begin(keeper)
        assert refused.value.refusal is RecordingRefusal.DISK


async def test_files_are_deleted_after_their_time_and_the_ticket_is_forgotten(
    tmp_path: Path,
) -> None:
    async with _keeper(tmp_path, bounds=RecordingBounds(kept_for=0.01)) as keeper:
        recording = await _finished(keeper)
        await until(lambda: keeper.find(recording.ticket) is None)
        await until(lambda: not recording.folder.exists())


async def test_recording_without_a_file_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    async with _keeper(tmp_path, record=_record_nothing) as keeper:
        recording = await _finished(keeper)
        await until(lambda: not recording.folder.exists())
        assert keeper.find(recording.ticket) is recording


async def test_oldest_recording_of_a_room_makes_place_for_another_of_that_room(
    tmp_path: Path,
) -> None:
    async with _keeper(tmp_path, bounds=RecordingBounds(kept_of_room=2)) as keeper:
        kept = [await _finished(keeper) for _ in range(3)]

        assert [keeper.find(each.ticket) is each for each in kept] == [False, True, True]


async def test_files_of_one_room_do_not_go_for_another_room(tmp_path: Path) -> None:
    bounds = RecordingBounds(kept=2, kept_of_room=2)
    async with _keeper(tmp_path, bounds=bounds) as keeper:
        kept = [await _finished(keeper, room) for room in ("lobby", "kitchen")]

        assert _refusal(keeper, "attic") is RecordingRefusal.FULL
        assert all(keeper.find(each.ticket) is each for each in kept)


async def test_recording_of_nothing_makes_place_for_that_of_another_room(tmp_path: Path) -> None:
    bounds = RecordingBounds(kept=1)
    async with _keeper(tmp_path, bounds=bounds, record=_record_nothing) as keeper:
        empty = await _finished(keeper)
        _begin(keeper, "kitchen")

        assert keeper.find(empty.ticket) is None


async def test_end_of_the_server_completes_what_runs_and_deletes_all_files(
    tmp_path: Path,
) -> None:
    async with _keeper(tmp_path) as keeper:
        done, running = await _finished(keeper), _begin(keeper, "kitchen")
        keeper.end_all()
        await running.done()
        assert running.end is RecordingEnd.SERVER
        assert running.files[0].path.exists()
        assert _refusal(keeper, "attic") is RecordingRefusal.FULL

    assert not done.folder.exists()
    assert not running.folder.exists()


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (ConnectError("the room is full"), "the recorder cannot be in the room: the room is full"),
        (OSError(28, "No space left on device"), "it cannot be saved: No space left on device"),
        (ZeroDivisionError("a secret"), "the recorder failed"),
    ],
)
async def test_failure_of_the_recorder_is_told_in_a_sentence_and_another_recording_may_begin(
    error: Exception, note: str, tmp_path: Path
) -> None:
    async def fail(_: RoomRecording) -> None:
        raise error

    async with _keeper(tmp_path, record=fail) as keeper:
        recording = _begin(keeper)
        await recording.done()

        assert recording.end is RecordingEnd.FAILED
        assert recording.notes == [note]
        _begin(keeper)


async def test_recording_ends_for_the_first_reason_and_keeps_a_few_notes_each_once() -> None:
    recording = RoomRecording(
        room="r", asker="", layout=RecordingLayout.SEPARATE, folder=Path("nowhere")
    )
    recording.finish(RecordingEnd.EMPTY)
    recording.finish(RecordingEnd.FAILED, "too late")
    for number in range(100):
        recording.note(f"note {number // 2}")

    assert recording.end is RecordingEnd.EMPTY
    assert recording.notes == [f"note {number}" for number in range(8)]
    await asyncio.wait_for(recording.over(), 1)


@pytest.mark.parametrize(
    ("room", "begin"),
    [("a/b", "a-b-2"), ("../../etc", "etc-2"), ("{n}", "n-2"), ("//", "room-2"), ("ü", "ü-2")],
)
async def test_name_of_a_room_is_no_path_and_no_template_in_the_name_of_its_file(
    room: str, begin: str
) -> None:
    recording = RoomRecording(
        room=room, asker="", layout=RecordingLayout.GRID, folder=Path("folder")
    )

    assert recording.path.parent == Path("folder")
    assert recording.path.name.startswith(begin)
    assert "{" not in recording.path.name
