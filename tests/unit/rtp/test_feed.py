"""The track behind which the application's tracks come and go."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from av import AudioFrame, VideoFrame
from av.packet import Packet

from peer.rtp.feed import Feed
from peer.rtp.tracks import MediaStreamError
from peer.rtp_parameters import MediaKind
from tests.support.clock import Clock
from tests.support.frames import flat_picture, tone
from tests.support.rtp import PushTrack

if TYPE_CHECKING:
    from peer.rtp.tracks import MediaItem


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def video(clock: Clock) -> Feed:
    return Feed(MediaKind.VIDEO, clock=clock)


@pytest.fixture
def audio(clock: Clock) -> Feed:
    return Feed(MediaKind.AUDIO, clock=clock)


def playing(feed: Feed, *items: MediaItem | BaseException) -> PushTrack:
    """A new track behind the feed, which gives these and then waits."""
    track = PushTrack(MediaKind(feed.kind))
    track.push(*items)
    feed.switch(track)
    return track


async def settled() -> None:
    """Let everything that can run now run."""
    loop = asyncio.get_running_loop()
    for _ in range(10):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


async def test_frames_pass_untouched(video: Feed) -> None:
    frame = flat_picture(16, 16, pts=3000)
    playing(video, frame)
    assert await video.recv() is frame
    assert frame.pts == 3000


async def test_frame_of_the_next_track_is_a_copy_in_time(video: Feed, clock: Clock) -> None:
    playing(video, flat_picture(16, 16, pts=0))
    await video.recv()
    clock.advance(2.0)
    frame = flat_picture(18, 14, luma=77, pts=999)
    playing(video, frame)
    sent = await video.recv()
    assert isinstance(sent, VideoFrame)
    assert (sent.pts, sent.time_base) == (180_000, Fraction(1, 90_000))
    assert (sent.width, sent.height) == (18, 14)
    assert sent.to_ndarray().tobytes() == frame.to_ndarray().tobytes()
    assert frame.pts == 999


async def test_switch_leaves_a_track_that_gives_nothing(video: Feed) -> None:
    silent = playing(video)
    waiting = asyncio.ensure_future(video.recv())
    await settled()
    frame = flat_picture(16, 16)
    playing(video, frame)
    assert await waiting is frame
    assert silent.readyState == "live"


async def test_track_may_be_none_for_a_while(video: Feed) -> None:
    waiting = asyncio.ensure_future(video.recv())
    await settled()
    assert not waiting.done()
    frame = flat_picture(16, 16)
    playing(video, frame)
    assert await waiting is frame


async def test_end_of_a_track_is_not_the_end(video: Feed, caplog: pytest.LogCaptureFixture) -> None:
    playing(video, MediaStreamError())
    waiting = asyncio.ensure_future(video.recv())
    await settled()
    assert video.source is None
    frame = flat_picture(16, 16)
    playing(video, frame)
    assert await waiting is frame
    assert not caplog.records


@pytest.mark.parametrize(
    "fault", [ZeroDivisionError("broken"), asyncio.CancelledError(), tone(440, 0.02)]
)
async def test_track_that_fails_counts_as_ended_and_is_reported(
    video: Feed, fault: BaseException | AudioFrame, caplog: pytest.LogCaptureFixture
) -> None:
    playing(video, fault)
    waiting = asyncio.ensure_future(video.recv())
    await settled()
    assert video.source is None
    assert "counts as ended" in caplog.text
    frame = flat_picture(16, 16)
    playing(video, frame)
    assert await waiting is frame


async def test_track_that_fails_while_it_is_left_disturbs_nobody(video: Feed) -> None:
    class Stubborn(PushTrack):
        async def recv(self) -> MediaItem:
            try:
                return await super().recv()
            except asyncio.CancelledError:
                raise ValueError("I was not done") from None

    video.switch(Stubborn(MediaKind.VIDEO))
    waiting = asyncio.ensure_future(video.recv())
    await settled()
    frame = flat_picture(16, 16)
    playing(video, frame)
    assert await waiting is frame
    await settled()


async def test_paused_track_is_read_and_dropped(video: Feed) -> None:
    video.paused = True
    track = playing(video, flat_picture(16, 16, pts=0))
    waiting = asyncio.ensure_future(video.recv())
    while not track.items.empty():
        await settled()
    video.paused = False
    frame = flat_picture(16, 16, pts=3000)
    track.push(frame)
    assert await waiting is frame


async def test_stop_ends_a_read_that_waits(video: Feed) -> None:
    track = playing(video)
    waiting = asyncio.ensure_future(video.recv())
    await settled()
    video.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    assert track.readyState == "live"


async def test_cancelled_read_leaves_no_read_behind(video: Feed) -> None:
    track = playing(video)
    waiting = asyncio.ensure_future(video.recv())
    await settled()
    waiting.cancel()
    await asyncio.wait({waiting})
    frame = flat_picture(16, 16)
    track.push(frame)
    assert await video.recv() is frame


async def test_encoded_packet_of_the_next_track_is_moved_in_time(video: Feed, clock: Clock) -> None:
    def packet(data: bytes) -> Packet:  # type: ignore[type-arg] # av gives its parameter no name
        packet = Packet(data)
        packet.pts, packet.time_base = 0, Fraction(1, 1000)
        return packet

    playing(video, packet(b"one"))
    await video.recv()
    clock.advance(1.0)
    playing(video, packet(b"two"))
    moved = await video.recv()
    assert isinstance(moved, Packet)
    assert (bytes(moved), moved.pts) == (b"two", 1000)


async def test_sound_of_another_shape_takes_the_first_one_s(audio: Feed, clock: Clock) -> None:
    first = tone(440, 0.02, channels=1)
    first.pts, first.time_base = 0, Fraction(1, 48_000)
    playing(audio, first)
    assert await audio.recv() is first
    clock.advance(0.02)
    track = playing(audio)
    for index in range(10):
        frame = AudioFrame(format="fltp", layout="stereo", samples=1024)
        frame.sample_rate, frame.pts = 44_100, index * 1024
        frame.time_base = Fraction(1, 44_100)
        track.push(frame)
    frames = [f for f in [await audio.recv() for _ in range(8)] if isinstance(f, AudioFrame)]
    shapes = {(f.format.name, f.layout.name, f.sample_rate, f.samples) for f in frames}
    assert shapes == {("s16", "mono", 48_000, 960)}
    assert [f.pts for f in frames] == [960 * (1 + index) for index in range(8)]


async def test_long_frames_of_sound_are_cut_to_20_ms(audio: Feed) -> None:
    long = tone(440, 0.1)
    long.pts, long.time_base = 0, Fraction(1, 48_000)
    playing(audio, long)
    frames = [f for f in [await audio.recv() for _ in range(5)] if isinstance(f, AudioFrame)]
    assert [(f.pts, f.samples) for f in frames] == [(960 * i, 960) for i in range(5)]


async def test_empty_sound_is_skipped(audio: Feed) -> None:
    empty = AudioFrame(format="s16", layout="mono", samples=0)
    empty.sample_rate = 48_000
    frame = tone(440, 0.02)
    frame.pts, frame.time_base = 0, Fraction(1, 48_000)
    playing(audio, empty, frame)
    assert await audio.recv() is frame
