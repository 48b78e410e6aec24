"""Hold and resume: what `track` events, recorders and bots make of a track that pauses."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import av
import pytest

from media import Recorder, SyntheticAudioTrack, SyntheticVideoTrack
from signaling import channel_pair
from tests.support.negotiation.connections import both_connected, direct, happened, until, within
from tests.support.negotiation.negotiating import negotiating

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media import Segment
    from peer import PeerConnection, TrackEvent


@contextlib.asynccontextmanager
async def holding() -> AsyncIterator[tuple[PeerConnection, PeerConnection, list[TrackEvent]]]:
    """A peer that sends sound and picture, one that has heard of both, and what it was told."""
    events: list[TrackEvent] = []
    async with negotiating(*channel_pair(), polite_first=False) as (left, right):
        right.pc.on("track", events.append)
        left.pc.addTrack(SyntheticVideoTrack(width=64, height=48))
        left.pc.addTrack(SyntheticAudioTrack())
        await both_connected(left.pc, right.pc)
        await until(lambda: len(events) == 2)
        yield left.pc, right.pc, events


async def agreed(end: PeerConnection, direction: str, sent: int = 2) -> None:
    """Wait until the first transceivers have this direction."""
    await until(
        lambda: (
            end.signalingState == "stable"
            and all(each.currentDirection == direction for each in end.getTransceivers()[:sent])
        )
    )


async def hold(end: PeerConnection, direction: str = "inactive") -> None:
    """Set a direction, and wait until it is agreed on."""
    direct(end, direction)
    await agreed(end, direction)


def _has(events: list[TrackEvent], count: int) -> bool:
    return len(events) == count


def _beyond(recorder: Recorder, frames: int) -> bool:
    return recorder.stats.frames > frames


@contextlib.contextmanager
def no_complaints() -> Any:
    """Check that no handler of an event raises."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield
    loop.set_exception_handler(None)
    assert complaints == []


async def test_a_track_that_is_resumed_is_announced_again_as_resumed() -> None:
    async with holding() as (left, _, events):
        assert [event.resumed for event in events] == [False, False]
        for count in (4, 6):
            await hold(left)
            await hold(left, "sendonly")
            await until(partial(_has, events, count))
        assert all(event.resumed for event in events[2:])
        assert {event.track for event in events} == {events[0].track, events[1].track}


async def test_hold_that_goes_on_sending_announces_nothing_again() -> None:
    async with holding() as (left, right, events):
        # Music on hold (RFC 6337 section 5.3): the peer sends, and does not want to hear.
        direct(right, "sendrecv")
        await agreed(right, "recvonly")
        await hold(left, "sendrecv")
        await hold(left, "sendonly")
        await hold(left, "sendrecv")
        assert len(events) == 2


async def test_a_recording_through_hold_and_resume_is_one_file_with_each_track_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "call.mkv"
    recorder = Recorder(path)
    files: list[Segment] = []
    recorder.on("segment", files.append)
    async with holding() as (left, right, events):
        with no_complaints():
            # As the recording in the README; its first events are told already.
            right.on("track", lambda event: recorder.addTrack(event.track))
            for event in events:
                recorder.addTrack(event.track)
            await recorder.start()
            await happened(recorder, "progress")
            for count in (4, 6):
                await hold(left)
                await hold(left, "sendonly")
                await until(partial(_has, events, count))
                before = recorder.stats.frames
                await until(partial(_beyond, recorder, before + 30))
            await recorder.stop()
    assert [file.path for file in files] == [path]
    with av.open(str(path)) as file:
        assert sorted(stream.type for stream in file.streams) == ["audio", "video"]


@pytest.mark.parametrize("direction", ["inactive", "recvonly"])
async def test_an_echo_goes_on_after_hold_with_no_other_track(direction: str) -> None:
    async with holding() as (left, right, events):
        with no_complaints():
            # As the echo in the README.
            def echo(event: TrackEvent) -> None:
                if not event.resumed:
                    right.addTrack(event.track)

            for event in events:
                echo(event)
            right.on("track", echo)
            direct(left, "sendrecv")
            await agreed(left, "sendrecv")
            await hold(left, direction)
            await hold(left, "sendrecv")
            await until(lambda: len(events) == 4)
            await within(left.getReceivers()[0].track.recv())
            assert len(right.getTransceivers()) == len(left.getTransceivers()) == 2
