"""The bounded track that the application reads."""

from __future__ import annotations

import asyncio

import pytest

from peer.rtp.received_track import ReceivedTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.frames import flat_picture


async def filled(count: int, *, limit: int = 3) -> ReceivedTrack:
    track = ReceivedTrack(MediaKind.VIDEO, limit)
    for pts in range(count):
        await track.put(flat_picture(2, 2, pts=pts))
    return track


async def test_oldest_frames_are_dropped_and_counted() -> None:
    track = await filled(5)
    assert [(await track.recv()).pts for _ in range(3)] == [2, 3, 4]
    assert (track.received, track.dropped) == (5, 2)


async def test_finish_gives_what_had_arrived_and_then_ends() -> None:
    track = await filled(2)
    ended: list[None] = []
    track.on("ended", lambda: ended.append(None))
    track.finish()
    assert (track.readyState, len(ended)) == ("ended", 1)
    assert [(await track.recv()).pts for _ in range(2)] == [0, 1]
    for _ in range(2):
        with pytest.raises(MediaStreamError):
            await track.recv()


async def test_finish_of_a_full_track_still_ends() -> None:
    track = await filled(3)
    track.finish()
    assert [(await track.recv()).pts for _ in range(2)] == [1, 2]
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_every_reader_learns_of_the_end() -> None:
    track = await filled(0)
    readers = [asyncio.ensure_future(track.recv()) for _ in range(3)]
    await asyncio.wait(readers, timeout=0)
    track.finish()
    for reader in readers:
        with pytest.raises(MediaStreamError):
            await reader


async def test_stop_drops_what_had_arrived() -> None:
    track = await filled(2)
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_stopped_track_takes_nothing() -> None:
    track = await filled(0)
    track.stop()
    await track.put(flat_picture(2, 2))
    await track.put(None)
    assert track.received == 0
