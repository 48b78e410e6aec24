"""The bounded track that the application reads."""

from __future__ import annotations

import asyncio

import pytest

from peer.rtp.inbound.received_track import ReceivedTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.media.frames import flat_picture


class Reads:
    """Counts the reads that began and ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    def begin_read(self) -> None:
        self.begun += 1

    def end_read(self) -> None:
        self.ended += 1


def filled(count: int, *, limit: int = 3, reads: Reads | None = None) -> ReceivedTrack:
    track = ReceivedTrack(MediaKind.VIDEO, reads or Reads(), limit)
    track.put([flat_picture(2, 2, pts=pts) for pts in range(count)])
    return track


async def test_full_track_drops_and_counts_oldest_frames() -> None:
    track = filled(5)
    assert [(await track.recv()).pts for _ in range(3)] == [2, 3, 4]
    assert (track.received, track.dropped) == (5, 2)


async def test_finished_track_gives_waiting_frames_and_then_ends() -> None:
    track = filled(2)
    ended: list[None] = []
    track.on("ended", lambda: ended.append(None))
    track.finish()
    assert (track.readyState, len(ended)) == ("ended", 1)
    assert [(await track.recv()).pts for _ in range(2)] == [0, 1]
    for _ in range(2):
        with pytest.raises(MediaStreamError):
            await track.recv()


async def test_full_track_ends_when_finished() -> None:
    track = filled(3)
    track.finish()
    assert [(await track.recv()).pts for _ in range(2)] == [1, 2]
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_every_waiting_recv_learns_of_end_of_track() -> None:
    track = filled(0)
    readers = [asyncio.ensure_future(track.recv()) for _ in range(3)]
    await asyncio.wait(readers, timeout=0)
    track.finish()
    for reader in readers:
        with pytest.raises(MediaStreamError):
            await reader


async def test_stopped_track_drops_waiting_frames() -> None:
    track = filled(2)
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_stopped_track_takes_no_frames() -> None:
    track = filled(0)
    track.stop()
    track.put([flat_picture(2, 2)])
    assert track.received == 0


async def test_listener_learns_of_every_read_even_cancelled() -> None:
    reads = Reads()
    track = filled(1, reads=reads)
    await track.recv()
    assert (reads.begun, reads.ended) == (1, 1)
    read = asyncio.ensure_future(track.recv())
    await asyncio.wait([read], timeout=0)
    assert (reads.begun, reads.ended) == (2, 1)
    read.cancel()
    await asyncio.wait([read])
    assert (reads.begun, reads.ended) == (2, 2)


async def test_frames_that_waited_without_reads_are_dropped() -> None:
    track = filled(2)
    track.drop_waiting()
    track.put([flat_picture(2, 2, pts=9)])
    assert ((await track.recv()).pts, track.dropped) == (9, 2)


async def test_end_of_track_survives_drop_of_waiting_frames() -> None:
    track = filled(1)
    track.finish()
    track.drop_waiting()
    assert (await track.recv()).pts == 0
