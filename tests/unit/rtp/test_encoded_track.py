"""The track of encoded frames that senders read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.rtp.encoded_track import EncodedTrack
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.encoded_frames import key, picture

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame


class Listened:
    """A track with what it asked for and told."""

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


async def test_it_gives_the_frames_themselves() -> None:
    frames = [key(0), picture(1)]
    track = Listened(*frames).track
    assert track.kind == "video"
    assert [await track.recv(), await track.recv()] == frames


async def test_it_asks_for_key_frames_as_it_is_told() -> None:
    given = Listened(key(0))
    given.track.request_keyframe()
    assert given.wanted == 1


async def test_the_receiver_ends_it_after_what_had_come() -> None:
    given = Listened(key(0))
    given.track.finish()
    assert (given.track.readyState, given.ended) == ("ended", 1)
    assert (await given.track.recv()).pts == 0
    for _ in range(2):
        with pytest.raises(MediaStreamError):
            await given.track.recv()


@pytest.mark.parametrize("way", ["stop", "abandon"])
async def test_stopped_it_gives_and_asks_for_nothing(way: str) -> None:
    given = Listened(key(0))
    getattr(given.track, way)()
    given.track.request_keyframe()
    given.track.put(key(1))
    assert (given.track.readyState, given.ended, given.wanted) == ("ended", 1, 0)
    with pytest.raises(MediaStreamError):
        await given.track.recv()


async def test_whoever_waits_learns_of_the_end() -> None:
    given = Listened()
    read = asyncio.ensure_future(given.track.recv())
    await asyncio.wait([read], timeout=0)
    given.track.stop()
    with pytest.raises(MediaStreamError):
        await asyncio.wait_for(read, 1)


async def test_a_slow_sender_loses_runs() -> None:
    given = Listened(*(picture(pts) if pts % 5 else key(pts) for pts in range(12)))
    frame = await given.track.recv()
    assert (frame.pts, frame.gap, given.track.dropped) == (5, True, 5)
