"""The track of encoded frames that senders read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.inbound.encoded_track import EncodedTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded_frames import key, picture

if TYPE_CHECKING:
    from peer.rtp.tracks import Frame


class Listened:
    """An encoded track, with its key frame requests."""

    def __init__(self, *frames: EncodedFrame, limit: int = 8) -> None:
        self.wanted = 0
        self.ended = 0
        self.track = EncodedTrack(MediaKind.VIDEO, self._want, limit)
        self.track.on("ended", self._end)
        for frame in frames:
            self.track.put(frame)

    def _want(self) -> None:
        self.wanted += 1

    def _end(self) -> None:
        self.ended += 1


async def test_encoded_track_gives_frames_unchanged() -> None:
    frames = [key(0), picture(1)]
    track = Listened(*frames).track
    assert track.kind == "video"
    assert [await track.recv(), await track.recv()] == frames


async def test_encoded_track_requests_key_frames() -> None:
    given = Listened(key(0))
    given.track.request_keyframe()
    assert given.wanted == 1


async def test_encoded_track_ends_after_frames_that_had_arrived() -> None:
    given = Listened(key(0))
    given.track.finish()
    assert (given.track.readyState, given.ended) == ("ended", 1)
    assert (await given.track.recv()).pts == 0
    for _ in range(2):
        with pytest.raises(MediaStreamError):
            await given.track.recv()


@pytest.mark.parametrize("way", ["stop", "abandon"])
async def test_stopped_encoded_track_gives_no_frames_and_requests_none(way: str) -> None:
    given = Listened(key(0))
    getattr(given.track, way)()
    given.track.request_keyframe()
    given.track.put(key(1))
    assert (given.track.readyState, given.ended, given.wanted) == ("ended", 1, 0)
    with pytest.raises(MediaStreamError):
        await given.track.recv()


async def test_waiting_recv_learns_of_end_of_encoded_track() -> None:
    given = Listened()
    read = asyncio.ensure_future(given.track.recv())
    await asyncio.wait([read], timeout=0)
    given.track.stop()
    with pytest.raises(MediaStreamError):
        await asyncio.wait_for(read, DEADLINE)


async def test_slow_sender_loses_runs_of_frames() -> None:
    given = Listened(*(picture(pts) if pts % 5 else key(pts) for pts in range(12)))
    frame = await given.track.recv()
    assert (frame.pts, frame.gap, given.track.dropped) == (5, True, 5)


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


class Handed:
    """A sink that keeps the frames of a track."""

    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []
        self.ended = 0

    def on_frame(self, frame: EncodedFrame | Frame) -> None:
        assert isinstance(frame, EncodedFrame)
        self.frames.append(frame)

    def on_track_ended(self) -> None:
        self.ended += 1


async def test_encoded_track_pushes_frames_after_those_that_waited() -> None:
    given, handed = Listened(key(0)), Handed()
    given.track.forward(handed)
    assert not handed.frames
    given.track.put(picture(1))
    assert [each.pts for each in handed.frames] == [0, 1]
    given.track.put(picture(2))
    await asyncio.sleep(0)
    assert ([each.pts for each in handed.frames], given.wanted) == ([0, 1, 2], 0)


async def test_waiting_frames_are_pushed_in_next_turn_of_loop() -> None:
    given, handed = Listened(key(0), picture(1)), Handed()
    given.track.forward(handed)
    await asyncio.sleep(0)
    assert [each.pts for each in handed.frames] == [0, 1]


async def test_no_frame_is_pushed_after_gap_until_key_frame() -> None:
    given, handed = Listened(), Handed()
    given.track.forward(handed)
    for frame in (picture(0), key(1), replace(picture(2), gap=True), picture(3), key(4)):
        given.track.put(frame)
    assert [(each.pts, each.gap) for each in handed.frames] == [(1, False), (4, True)]


async def test_key_frame_is_requested_in_later_turn_of_loop() -> None:
    given, handed = Listened(), Handed()
    given.track.forward(handed)
    await turns()
    assert given.wanted == 1
    given.track.put(key(0))
    given.track.put(replace(picture(1), gap=True))
    assert given.wanted == 1
    await asyncio.sleep(0)
    assert given.wanted == 2


@pytest.mark.parametrize(("way", "frames"), [("finish", 1), ("stop", 0), ("abandon", 0)])
async def test_frame_sink_learns_of_end_once(way: str, frames: int) -> None:
    given, handed = Listened(key(0)), Handed()
    given.track.forward(handed)
    getattr(given.track, way)()
    getattr(given.track, way)()
    assert not handed.ended
    await turns()
    assert (len(handed.frames), handed.ended) == (frames, 1)


async def test_frames_wait_for_recv_after_forwarding_stops() -> None:
    given, handed, other = Listened(key(0)), Handed(), Handed()
    given.track.forward(handed)
    await asyncio.sleep(0)
    given.track.stop_forwarding(other)
    given.track.put(picture(1))
    given.track.stop_forwarding(handed)
    given.track.put(picture(2))
    assert [each.pts for each in handed.frames] == [0, 1]
    assert (await given.track.recv()).pts == 2
