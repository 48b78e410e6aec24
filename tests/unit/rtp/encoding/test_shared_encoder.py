"""One encoder for all its subscribers, with a worker that the test holds back."""

from __future__ import annotations

import asyncio
import threading
from fractions import Fraction

import pytest

from peer.rtp.codecs import EncodedAudioPacket, EncodedVideoFrame, EncodeError
from peer.rtp.encoding import EncodingSettings, OutgoingFrame
from peer.rtp.encoding.shared_encoder import MAX_WAITING, SharedEncoder, Subscriber
from peer.rtp.encoding.track_frame import TrackFrameReader
from peer.rtp.encoding.worker import EncodeJob, EncodeResult, EncoderWorker
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.clock.clock import Clock
from tests.support.clock.deadline import DEADLINE
from tests.support.media.frames import flat_picture
from tests.support.media.moving import codec_named, sound_at, vp8_pictures

VP8 = EncodingSettings(codec_named("VP8"))
OPUS = EncodingSettings(codec_named("opus"))
KEY, DELTA = vp8_pictures(2)


class HeldWorker(EncoderWorker):
    """Encodes nothing, notes its jobs, and works only as far as the test lets it."""

    def __init__(self, settings: EncodingSettings) -> None:
        super().__init__(settings)
        self.jobs: list[EncodeJob] = []
        self.threads: list[int] = []
        self.free = threading.Event()
        self.free.set()
        self.failing = False
        self.at_once = 0
        self.most_at_once = 0

    def run(self, job: EncodeJob) -> tuple[EncodeResult, ...]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.jobs.append(job)
        self.threads.append(threading.get_ident())
        assert self.free.wait(DEADLINE)
        self.at_once -= 1
        return tuple(self._result(job, number) for number in range(len(job.frames)))

    def _result(self, job: EncodeJob, number: int) -> EncodeResult:
        frame = job.frames[number]
        if self.failing:
            return EncodeResult(frame, error=EncodeError("would not"))
        if self._settings.codec.kind is MediaKind.AUDIO:
            return EncodeResult(
                frame, (EncodedAudioPacket(b"s", 0, Fraction(1, 48_000), Fraction(1, 50)),)
            )
        picture = EncodedVideoFrame(
            KEY if job.keyframe else DELTA, job.keyframe, frame.pts, frame.time_base
        )
        return EncodeResult(frame, (picture,))


class Sender:
    """A member that notes what it is given."""

    def __init__(self) -> None:
        self.frames: list[OutgoingFrame] = []
        self.errors: list[Exception] = []
        self.ended = 0
        self.subscriber = Subscriber(self.frames.append, self._end, self.errors.append)

    def _end(self) -> None:
        self.ended += 1

    @property
    def times(self) -> list[int]:
        return [frame.pts // 3000 for frame in self.frames]


class Bench:
    """An encoding, its worker and the clock; frames go in one each 1/30 s."""

    def __init__(self, settings: EncodingSettings = VP8) -> None:
        self.clock = Clock(1000.0)
        self.worker = HeldWorker(settings)
        self.asked = 0
        self.encoder = SharedEncoder(
            settings, clock=self.clock, ask_track=self._ask, worker=self.worker
        )
        self._reader = TrackFrameReader(settings.codec.kind)
        self._kind = settings.codec.kind
        self._next = 0

    def _ask(self) -> None:
        self.asked += 1

    def joined(self, bitrate: int | None = None) -> Sender:
        sender = Sender()
        sender.subscriber.bitrate = bitrate
        self.encoder.add(sender.subscriber)
        return sender

    def put(self) -> None:
        self.clock.advance(1 / 30)
        index = self._next
        self._next += 1
        item = (
            sound_at(index)
            if self._kind is MediaKind.AUDIO
            else flat_picture(16, 16, pts=index * 3000)
        )
        self.encoder.on_frame(self._reader.read(item, now=self.clock(), unix_now=UnixTime(0.0)))

    async def done(self) -> None:
        """Wait until the worker is idle and its results are delivered."""
        self.worker.free.set()
        async with asyncio.timeout(DEADLINE):
            while not self.encoder.idle:  # noqa: ASYNC110 - threads set no event of the loop
                await asyncio.sleep(0.001)

    async def play(self, count: int) -> None:
        for _ in range(count):
            self.put()
            await self.done()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_subscribers_get_the_same_frames(bench: Bench) -> None:
    one, other = bench.joined(), bench.joined()
    await bench.play(3)
    assert [a is b for a, b in zip(one.frames, other.frames, strict=True)] == [True] * 3
    assert len(bench.worker.jobs) == 3
    assert bench.encoder.counts.encoded == 3


async def test_late_subscriber_begins_with_a_keyframe(bench: Bench) -> None:
    first = bench.joined()
    await bench.play(20)
    second = bench.joined()
    await bench.play(3)
    assert [frame.keyframe for frame in first.frames] == [True] + [False] * 19 + [
        True,
        False,
        False,
    ]
    assert second.frames == first.frames[20:]


async def test_subscriber_does_not_get_the_frame_being_encoded(bench: Bench) -> None:
    bench.joined()
    await bench.play(20)
    bench.worker.free.clear()
    bench.put()
    late = bench.joined()
    await bench.done()
    assert late.frames == []
    await bench.play(1)
    assert [frame.keyframe for frame in late.frames] == [True]


async def test_many_requests_make_one_keyframe_each_500_ms(bench: Bench) -> None:
    senders = [bench.joined() for _ in range(50)]
    for _ in range(60):
        for sender in senders:
            assert sender.subscriber.active
            bench.encoder.request_keyframe()
        await bench.play(1)
    keyframes = [frame.keyframe for frame in senders[0].frames]
    assert (len(keyframes), sum(keyframes)) == (60, 4)


async def test_encoder_takes_the_least_bitrate_of_active_subscribers(bench: Bench) -> None:
    bench.joined(900_000)
    slow = bench.joined(200_000)
    bench.joined()
    await bench.play(1)
    slow.subscriber.active = False
    await bench.play(1)
    bench.encoder.remove(slow.subscriber)
    assert [job.bitrate for job in bench.worker.jobs] == [200_000, 900_000]
    assert bench.encoder.target_bitrate == 900_000


async def test_audio_encoder_has_no_target_bitrate() -> None:
    bench = Bench(OPUS)
    bench.joined(10)
    await bench.play(1)
    assert bench.worker.jobs[0].bitrate is None


async def test_video_frames_are_dropped_while_the_encoder_lags(bench: Bench) -> None:
    sender = bench.joined()
    bench.worker.free.clear()
    for _ in range(10):
        bench.put()
    await bench.done()
    # The one it was at, and the newest.
    assert sender.times == [0, 9]
    assert bench.encoder.counts.lagged == 8
    assert bench.worker.most_at_once == 1


async def test_audio_frames_wait_for_the_encoder_within_a_bound() -> None:
    bench = Bench(OPUS)
    sender = bench.joined()
    limit = MAX_WAITING[MediaKind.AUDIO]
    bench.worker.free.clear()
    for _ in range(limit + 11):
        bench.put()
    await bench.done()
    assert len(sender.frames) == 1 + limit
    assert bench.encoder.counts.lagged == 10
    assert bench.worker.most_at_once == 1


async def test_dropped_frame_does_not_lose_a_keyframe_request(bench: Bench) -> None:
    sender = bench.joined()
    await bench.play(20)
    bench.worker.free.clear()
    for _ in range(3):
        bench.encoder.request_keyframe()
        bench.put()
    await bench.done()
    assert [frame.keyframe for frame in sender.frames[20:]] == [True, False]


async def test_nothing_is_encoded_without_active_subscribers(bench: Bench) -> None:
    sender = bench.joined()
    await bench.play(2)
    sender.subscriber.active = False
    await bench.play(5)
    assert len(bench.worker.jobs) == 2
    assert bench.encoder.counts.read == 7


async def test_waiting_frames_are_dropped_without_active_subscribers(bench: Bench) -> None:
    sender = bench.joined()
    bench.worker.free.clear()
    bench.put()
    bench.put()
    sender.subscriber.active = False
    bench.put()
    await bench.done()
    assert len(bench.worker.jobs) == 1


async def test_paused_subscriber_gets_no_frames(bench: Bench) -> None:
    paused, other = bench.joined(), bench.joined()
    await bench.play(1)
    paused.subscriber.active = False
    await bench.play(2)
    assert (len(paused.frames), len(other.frames)) == (1, 3)


async def test_encoder_error_is_reported_once_until_a_frame_succeeds(bench: Bench) -> None:
    sender = bench.joined()
    for failing in (True, True, False, True):
        bench.worker.failing = failing
        await bench.play(20)
    assert [str(error) for error in sender.errors] == ["would not"] * 2
    assert bench.encoder.counts.unusable == 60
    assert sender.frames[0].keyframe


async def test_encoder_error_is_followed_by_a_keyframe(bench: Bench) -> None:
    sender = bench.joined()
    await bench.play(20)
    bench.worker.failing = True
    await bench.play(1)
    bench.worker.failing = False
    await bench.play(1)
    assert sender.frames[-1].keyframe


async def test_shared_encoder_limits_the_frame_rate() -> None:
    bench = Bench(EncodingSettings(codec_named("VP8"), max_framerate=10.0))
    sender = bench.joined()
    await bench.play(30)
    assert sender.times == list(range(0, 30, 3))
    assert bench.encoder.counts.lagged == 0


async def test_track_end_waits_for_the_encoder(bench: Bench) -> None:
    sender = bench.joined()
    bench.worker.free.clear()
    bench.put()
    bench.put()
    bench.encoder.finish()
    assert sender.ended == 0
    await bench.done()
    assert (sender.times, sender.ended) == ([0, 1], 1)
    assert bench.encoder.empty


async def test_removed_subscriber_gets_no_callbacks(bench: Bench) -> None:
    gone, stays = bench.joined(), bench.joined()
    bench.worker.free.clear()
    bench.put()
    bench.encoder.remove(gone.subscriber)
    await bench.done()
    bench.encoder.finish()
    assert (gone.frames, gone.ended) == ([], 0)
    assert (len(stays.frames), stays.ended) == (1, 1)


async def test_failing_subscriber_does_not_affect_others(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: OutgoingFrame) -> None:
        raise ZeroDivisionError

    bench.encoder.add(Subscriber(fail, lambda: None, lambda _: None))
    other = bench.joined()
    await bench.play(2)
    assert len(other.frames) == 2
    assert "failed to take a frame" in caplog.text


async def test_short_audio_is_encoded_within_the_call_once_the_encoder_is_open() -> None:
    bench = Bench(OPUS)
    sender = bench.joined()
    await bench.play(1)
    for _ in range(3):
        bench.put()
    assert (len(sender.frames), bench.encoder.idle) == (4, True)
    assert bench.worker.threads[1:] == [threading.get_ident()] * 3
    assert bench.worker.threads[0] != threading.get_ident()


async def test_long_audio_is_encoded_by_a_thread() -> None:
    bench = Bench(OPUS)
    sender = bench.joined()
    await bench.play(1)
    long = sound_at(1, seconds=1.0)
    reader = TrackFrameReader(MediaKind.AUDIO)
    bench.encoder.on_frame(reader.read(long, now=bench.clock(), unix_now=UnixTime(0.0)))
    assert not bench.encoder.idle
    await bench.done()
    assert len(sender.frames) == 2
    assert threading.get_ident() not in bench.worker.threads
