"""The bounded track that the application reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.rtp.inbound.received_track import ReceivedTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.media.frames import flat_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import Frame


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


class Sink:
    """Notes the frames that a track pushes."""

    def __init__(self) -> None:
        self.times: list[int | None] = []
        self.ended = 0

    def on_frame(self, frame: EncodedFrame | Frame) -> None:
        self.times.append(frame.pts)

    def on_track_ended(self) -> None:
        self.ended += 1


async def test_received_track_pushes_any_number_of_frames_within_the_call() -> None:
    reads, sink = Reads(), Sink()
    track = filled(2, reads=reads)
    track.forward(sink)
    assert (reads.begun, sink.times) == (1, [])
    await asyncio.sleep(0)
    assert sink.times == [0, 1]
    track.put([flat_picture(2, 2, pts=pts) for pts in range(2, 12)])
    assert (sink.times, track.dropped) == (list(range(12)), 0)
    track.stop_forwarding(sink)
    assert reads.ended == 1
    track.put([flat_picture(2, 2, pts=12)])
    assert len(sink.times) == 12
    assert (await track.recv()).pts == 12


async def test_received_track_gives_pushed_frames_to_a_reader_as_well() -> None:
    sink = Sink()
    track = filled(0)
    track.forward(sink)
    await asyncio.sleep(0)
    track.put([flat_picture(2, 2, pts=0)])
    read = asyncio.ensure_future(track.recv())
    await asyncio.sleep(0)
    track.put([flat_picture(2, 2, pts=1)])
    assert ((await read).pts, sink.times) == (1, [0, 1])


@pytest.mark.parametrize("end", [ReceivedTrack.finish, ReceivedTrack.stop])
async def test_received_track_tells_its_sink_once_that_it_has_ended(
    end: Callable[[ReceivedTrack], None],
) -> None:
    reads, sink = Reads(), Sink()
    track = filled(0, reads=reads)
    track.forward(sink)
    await asyncio.sleep(0)
    track.put([flat_picture(2, 2, pts=0)])
    end(track)
    end(track)
    await asyncio.sleep(0)
    assert (sink.times, sink.ended, reads.ended) == ([0], 1, 1)
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_received_track_that_has_ended_tells_a_new_sink() -> None:
    sink = Sink()
    track = filled(2)
    track.finish()
    track.forward(sink)
    await asyncio.sleep(0)
    assert (sink.times, sink.ended) == ([0, 1], 1)
