"""Tracks that are read once, encoded by real libraries, for any number of senders."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from peer.rtp.codecs import FrameDecoder
from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.encoding import EncodingSettings, OutgoingFrame, Subscription, subscribe
from peer.rtp.formats import format_of
from peer.rtp.inbound.encoded_track import EncodedTrack
from peer.rtp.tracks import MediaStreamError, MediaStreamTrack
from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE
from tests.support.media.frames import flat_picture, tone
from tests.support.media.moving import codec_named, moving_picture, sound_at, vp8_pictures
from tests.support.rtp.parameters import QueueTrack

if TYPE_CHECKING:
    from peer.rtp.tracks import MediaItem

VP8 = EncodingSettings(codec_named("VP8"))
OPUS = EncodingSettings(codec_named("opus"))


class Sender:
    """Subscribes and notes what it is given."""

    def __init__(self, track: MediaStreamTrack, settings: EncodingSettings = VP8) -> None:
        self.frames: list[OutgoingFrame] = []
        self.errors: list[Exception] = []
        self.ended = 0
        self._changed = asyncio.Event()
        self.subscription: Subscription = subscribe(
            track, settings, on_frame=self._take, on_ended=self._end, on_error=self.errors.append
        )

    def _take(self, frame: OutgoingFrame) -> None:
        self.frames.append(frame)
        self._changed.set()

    def _end(self) -> None:
        self.ended += 1
        self._changed.set()

    async def has(self, count: int) -> None:
        """Wait for `count` frames."""
        async with asyncio.timeout(DEADLINE):
            while len(self.frames) < count:
                self._changed.clear()
                await self._changed.wait()

    async def end(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while not self.ended:
                self._changed.clear()
                await self._changed.wait()


class Unpaced(MediaStreamTrack):
    """Gives a frame whenever it is asked, without ever waiting."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def recv(self) -> MediaItem:
        self.reads += 1
        return flat_picture(64, 48, pts=self.reads * 3000)


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def camera() -> QueueTrack:
    return QueueTrack(MediaKind.VIDEO)


async def play(track: QueueTrack, sender: Sender, indices: range) -> None:
    """Push pictures, each once the one before was given on."""
    for index in indices:
        had = len(sender.frames)
        track.push(moving_picture(index))
        await sender.has(had + 1)


@pytest.mark.parametrize("name", ["VP8", "H264", "VP9", "AV1"])
async def test_subscribed_video_can_be_decoded(camera: QueueTrack, name: str) -> None:
    settings = EncodingSettings(codec_named(name))
    sender = Sender(camera, settings)
    await play(camera, sender, range(5))
    decoder = FrameDecoder(settings.codec)
    for index, frame in enumerate(sender.frames):
        assert frame.keyframe == (index == 0)
        assert (frame.pts, frame.time_base) == (index * 3000, Fraction(1, 90_000))
        assert (frame.width, frame.height) == (320, 240)
        assert all(0 < len(payload) <= 1200 for payload in frame.payloads)
        assert len(decoder.decode(format_of(settings.codec).assemble(frame.payloads), 0)) == 1
    sender.subscription.close()


@pytest.mark.parametrize("name", ["opus", "G722", "PCMU", "PCMA"])
async def test_subscribed_audio_has_level_and_duration(name: str) -> None:
    settings = EncodingSettings(codec_named(name))
    track = QueueTrack(MediaKind.AUDIO)
    sender = Sender(track, settings)
    track.push(*(sound_at(index) for index in range(10)))
    await sender.has(9)
    rate = settings.codec.clock_rate
    assert [frame.pts for frame in sender.frames[:9]] == [index * rate // 50 for index in range(9)]
    for frame in sender.frames:
        assert frame.duration == Fraction(1, 50)
        assert frame.level is not None
        assert len(frame.payloads) == 1
    sender.subscription.close()


async def test_ten_senders_cost_one_reader_and_one_encoder(camera: QueueTrack) -> None:
    senders = [Sender(camera) for _ in range(10)]
    await play(camera, senders[0], range(5))
    assert camera.reads == 6
    for sender in senders:
        assert [id(frame) for frame in sender.frames] == [id(f) for f in senders[0].frames]
    counts = senders[3].subscription.counts
    assert (counts.read, counts.encoded) == (5, 5)
    for sender in senders:
        sender.subscription.close()


async def test_other_settings_have_an_encoder_of_their_own(camera: QueueTrack) -> None:
    full = Sender(camera)
    half = Sender(camera, EncodingSettings(codec_named("VP8"), scale_down_by=2.0))
    h264 = Sender(camera, EncodingSettings(codec_named("H264"), payload_limit=300))
    for index in range(3):
        camera.push(moving_picture(index))
        for sender in (full, half, h264):
            await sender.has(index + 1)
    assert camera.reads == 4
    assert (full.frames[0].width, half.frames[0].width) == (320, 160)
    assert max(len(payload) for frame in h264.frames for payload in frame.payloads) <= 300
    for sender in (full, half, h264):
        sender.subscription.close()


async def test_last_subscription_ends_the_reading_and_not_the_track(camera: QueueTrack) -> None:
    one, other = Sender(camera), Sender(camera)
    await turns()
    one.subscription.close()
    one.subscription.close()
    await play(camera, other, range(2))
    other.subscription.close()
    await turns()
    reads = camera.reads
    camera.push(moving_picture(3), moving_picture(4))
    await turns()
    assert (camera.reads, camera.readyState) == (reads, "live")
    assert (len(one.frames), one.ended, other.ended) == (0, 0, 0)
    # And it may begin anew.
    again = Sender(camera)
    await again.has(1)
    assert again.frames[0].keyframe
    again.subscription.close()


async def test_changed_settings_lose_no_frame(camera: QueueTrack) -> None:
    before = Sender(camera)
    await play(camera, before, range(2))
    before.subscription.close()
    after = Sender(camera, EncodingSettings(codec_named("VP8"), scale_down_by=2.0))
    await play(camera, after, range(2, 4))
    assert [frame.pts for frame in after.frames] == [6000, 9000]
    assert camera.reads == 5
    after.subscription.close()


async def test_subscription_pauses_and_resumes(camera: QueueTrack) -> None:
    paused, other = Sender(camera), Sender(camera)
    await play(camera, other, range(3))
    paused.subscription.pause()
    assert not paused.subscription.active
    await play(camera, other, range(3, 6))
    paused.subscription.resume()
    paused.subscription.resume()
    assert len(paused.frames) == 3
    await asyncio.wait_for(until_keyframe(camera, other, paused), DEADLINE)
    assert paused.frames[3].keyframe
    paused.subscription.close()
    other.subscription.close()


async def until_keyframe(camera: QueueTrack, pace: Sender, waiting: Sender) -> None:
    """Play in real time until the other one is given something again."""
    had, index = len(waiting.frames), 100
    while len(waiting.frames) == had:
        await play(camera, pace, range(index, index + 1))
        await asyncio.sleep(0.02)
        index += 1


async def test_subscription_ends_with_its_track(camera: QueueTrack) -> None:
    senders = [Sender(camera), Sender(camera)]
    camera.push(moving_picture(0), MediaStreamError())
    for sender in senders:
        await sender.end()
        assert (len(sender.frames), sender.ended, sender.errors) == (1, 1, [])
        assert not sender.subscription.active
        sender.subscription.resume()
        sender.subscription.close()


async def test_subscription_to_an_ended_track_ends(camera: QueueTrack) -> None:
    camera.push(MediaStreamError(), MediaStreamError())
    first = Sender(camera)
    await first.end()
    late = Sender(camera)
    await late.end()
    assert (first.ended, late.ended) == (1, 1)


@pytest.mark.parametrize(
    "fault", [ZeroDivisionError("broken"), asyncio.CancelledError(), tone(440, 0.02)]
)
async def test_failing_track_ends_its_subscriptions(
    camera: QueueTrack, fault: MediaItem | BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Sender(camera)
    camera.push(fault)
    await sender.end()
    assert len(sender.errors) == 1
    assert "the track failed" in str(sender.errors[0])
    assert "counts as ended" in caplog.text


async def test_subscribe_refuses_a_track_of_another_kind(camera: QueueTrack) -> None:
    with pytest.raises(ValueError, match="kind video is not for audio/opus"):
        Sender(camera, OPUS)


async def test_track_that_never_waits_does_not_block_the_loop() -> None:
    track = Unpaced()
    sender = Sender(track)
    await sender.has(3)
    sender.subscription.pause()
    await turns()
    before = track.reads
    await asyncio.sleep(0.05)
    # Read on, but not as fast as that can be done.
    assert 0 < track.reads - before <= 25
    sender.subscription.close()


async def test_encoded_track_is_passed_through_and_asked_for_keyframes(camera: QueueTrack) -> None:
    class Askable(QueueTrack):
        asked = 0

        def request_keyframe(self) -> None:
            self.asked += 1

    track = Askable(MediaKind.VIDEO)
    sender = Sender(track)
    assert track.asked == 1
    (key,) = vp8_pictures(1)
    frame = EncodedFrame(
        codec=VP8.codec, payload=key, ssrc=1, timestamp=0, pts=0, arrival=0.0, keyframe=True
    )
    track.items.put_nowait(frame)
    await sender.has(1)
    assert format_of(VP8.codec).assemble(sender.frames[0].payloads) == key
    assert not sender.frames[0].encoded
    sender.subscription.close()


async def test_pushed_frame_reaches_all_subscriptions_in_one_call() -> None:
    track = EncodedTrack(MediaKind.VIDEO, lambda: None, 8)
    senders = [Sender(track), Sender(track)]
    (key,) = vp8_pictures(1)
    frame = EncodedFrame(
        codec=VP8.codec, payload=key, ssrc=1, timestamp=0, pts=0, arrival=0.0, keyframe=True
    )
    track.put(frame)
    assert [len(each.frames) for each in senders] == [1, 1]
    for sender in senders:
        sender.subscription.close()
    await turns()
    track.put(frame)
    assert [len(each.frames) for each in senders] == [1, 1]
    # It is the application's again, and the next sender's after that.
    assert await asyncio.wait_for(track.recv(), DEADLINE) is frame
    later = Sender(track)
    track.put(frame)
    assert len(later.frames) == 1
    track.finish()
    await later.end()
    assert not later.errors


async def test_pushed_frame_of_another_kind_ends_the_forwarding() -> None:
    track = EncodedTrack(MediaKind.VIDEO, lambda: None, 8)
    sender = Sender(track)
    sound = EncodedFrame(codec=OPUS.codec, payload=b"x", ssrc=1, timestamp=0, pts=0, arrival=0.0)
    track.put(sound)
    assert (len(sender.errors), sender.ended) == (1, 1)
    track.put(sound)
    assert len(sender.errors) == 1


async def test_track_is_not_asked_within_a_push() -> None:
    asked: list[None] = []
    track = EncodedTrack(MediaKind.VIDEO, lambda: asked.append(None), 8)
    (key,) = vp8_pictures(1)
    frame = EncodedFrame(
        codec=VP8.codec, payload=key, ssrc=1, timestamp=0, pts=0, arrival=0.0, keyframe=True
    )
    late: list[Sender] = []
    first = subscribe(
        track,
        VP8,
        # With settings of its own it has an encoding of its own, which asks as it is made.
        on_frame=lambda _: late.append(Sender(track, replace(VP8, payload_limit=600))),
        on_ended=lambda: None,
        on_error=lambda _: None,
    )
    await turns()
    asked.clear()
    track.put(frame)
    assert late
    assert not asked
    await turns()
    assert asked
    for each in (first, late[0].subscription):
        each.close()


async def test_track_that_fails_to_request_a_keyframe_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stubborn(QueueTrack):
        def request_keyframe(self) -> None:
            raise ZeroDivisionError

    sender = Sender(Stubborn(MediaKind.VIDEO))
    assert "failed to ask for a key frame" in caplog.text
    sender.subscription.close()


async def test_unread_track_is_released(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    track = QueueTrack(MediaKind.VIDEO)
    sender = Sender(track)
    await play(track, sender, range(2))
    sender.subscription.close()
    gone = weakref.ref(track)
    del track, sender
    await turns()
    gc.collect()
    assert gone() is None
    assert not caplog.records


async def test_least_bitrate_of_subscriptions_holds(camera: QueueTrack) -> None:
    fast, slow = Sender(camera), Sender(camera)
    fast.subscription.set_bitrate(2_000_000)
    slow.subscription.set_bitrate(150_000)
    assert fast.subscription.target_bitrate == 150_000
    slow.subscription.close()
    assert fast.subscription.target_bitrate == 2_000_000
    fast.subscription.close()
