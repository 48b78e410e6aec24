from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import av
import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from media.recording.errors import DiskFullError, UnwritableError
from media.recording.events import (
    Progress,
    RecordingFailure,
    Segment,
    SegmentEnd,
    Transcoding,
    TranscodingReason,
)
from media.recording.recorder import Recorder, RecorderState
from peer import InvalidStateError, MediaStreamTrack, PeerConnection, RtpSender, TrackEvent
from signaling import Negotiator, channel_pair
from tests.support.clock.deadline import DEADLINE
from tests.support.media.feed import DELAY, Feed
from tests.support.media.frame_log import logging_frames
from tests.support.media.stamped import lags, numbers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


#: Frames of audio and video in five seconds, but for some on the way.
FRAMES = 360
#: Seconds by which a frame may be off its place, in a file that counts in milliseconds: 6.5 ms are
#: the delay of Opus.
EXACT = 0.01
#: Of the tracks of each call.
senders: WeakValueDictionary[str, RtpSender] = WeakValueDictionary()


@asynccontextmanager
async def call(*tracks: MediaStreamTrack, flowing: bool = True) -> AsyncIterator[list[TrackEvent]]:
    """Tracks of a connection of ours, once they flow or before."""
    here, there = channel_pair()
    events: asyncio.Queue[TrackEvent] = asyncio.Queue()
    async with PeerConnection() as caller, PeerConnection() as callee, asyncio.TaskGroup() as tasks:
        callee.on("track", events.put_nowait)
        tasks.create_task(Negotiator(caller, here, polite=False).run())
        tasks.create_task(Negotiator(callee, there, polite=True).run())
        for track in tracks:
            senders[track.id] = caller.addTrack(track)
        async with asyncio.timeout(DEADLINE):
            found = [await events.get() for _ in tracks]
            for each in found if flowing else ():
                async for _ in each.receiver.encoded_frames():
                    break
        yield found
        await asyncio.gather(caller.close(), callee.close())


@pytest.fixture
async def received() -> AsyncIterator[list[TrackEvent]]:
    """A picture and a sound."""
    async with call(SyntheticVideoTrack(width=320, height=240), SyntheticAudioTrack()) as found:
        yield found


class CountedTrack(MediaStreamTrack):
    """Gives the frames of another track, and lets a test wait for a number of them.

    Args:
        track: The other track.
    """

    def __init__(self, track: MediaStreamTrack) -> None:
        super().__init__()
        self.kind = track.kind
        self._track = track
        self._count = 0
        self._changed = asyncio.Condition()

    async def recv(self) -> Any:
        """Give the next frame of the other track."""
        frame = await self._track.recv()
        async with self._changed:
            self._count += 1
            self._changed.notify_all()
        return frame

    async def given(self, count: int) -> None:
        """Wait until so many frames were given."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._count >= count)


def times(path: Path, kind: str) -> list[float]:
    """Of each frame of a kind, decoded."""
    with av.open(str(path)) as file:
        if kind == "audio":
            found = [frame.time for frame in file.decode(file.streams.audio[0])]
        else:
            found = [frame.time for frame in file.decode(file.streams.video[0])]
        return [each for each in found if each is not None]


async def record(
    recorder: Recorder, events: list[TrackEvent], *, video: int = 0, audio: int = 0
) -> None:
    """Record all tracks of a call until so many frames have come."""
    for event in events:
        recorder.addTrack(event.track)
    async with logging_frames(event.receiver for event in events) as log:
        await recorder.start()
        await log.more(video=video, audio=audio)
    await recorder.stop()


@pytest.mark.parametrize("suffix", ["webm", "mkv", "mp4"])
async def test_call_of_five_seconds_is_in_the_file(
    received: list[TrackEvent], tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"out.{suffix}"
    recorder = Recorder(path)
    told: list[Progress] = []
    complete: list[Segment] = []
    encoded: list[Transcoding] = []
    written = asyncio.Event()

    @recorder.on("progress")
    def note(progress: Progress) -> None:
        told.append(progress)
        if progress.frames >= FRAMES:
            written.set()

    recorder.on("segment", complete.append)
    recorder.on("transcoding", encoded.append)
    for event in received:
        recorder.addTrack(event.track)
    await recorder.start()
    async with asyncio.timeout(DEADLINE):
        await written.wait()
    await recorder.stop()
    pictures, sounds = times(path, "video"), times(path, "audio")
    assert min(pictures[0], sounds[0]) == pytest.approx(0.0, abs=0.03)
    assert len(pictures) + len(sounds) >= FRAMES
    assert min(len(pictures), len(sounds)) >= FRAMES / 8
    assert [(each.path, each.end) for each in complete] == [(path, SegmentEnd.STOPPED)]
    assert complete[0].size == path.stat().st_size
    assert len(told) >= 3
    # On a busy machine the file has more: silence where sound came too late.
    assert recorder.stats.frames >= FRAMES
    assert recorder.stats.dropped == 0
    assert recorder.state is RecorderState.INACTIVE
    if suffix == "mp4":
        assert [(each.target, each.reason) for each in encoded] == [
            ("H264", TranscodingReason.CONTAINER)
        ]
    else:
        assert not encoded


async def record_feed(recorder: Recorder, feed: Feed, seconds: float) -> None:
    """Record what a feed gives within so many seconds."""
    for receiver in feed.receivers:
        recorder.addTrack(receiver, sender="one")
    await recorder.start()
    feed.begin()
    await feed.until(seconds)
    await recorder.stop()


async def test_file_has_every_frame_at_its_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.webm")
    feed = Feed(seconds=5.0)
    await record_feed(recorder, feed, 5.0)
    shown, sounds = numbers(tmp_path / "out.webm"), times(tmp_path / "out.webm", "audio")
    assert [number for _, number in shown] == list(range(len(shown)))
    assert len(shown) == pytest.approx(150, abs=2)
    assert len(sounds) == pytest.approx(250, abs=2)
    assert [at for at, _ in shown] == pytest.approx([n / 30 for n in range(len(shown))], abs=EXACT)
    assert sounds == pytest.approx([n / 50 for n in range(len(sounds))], abs=EXACT)


async def test_audio_that_starts_late_is_together_with_the_video(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.webm")
    feed = Feed(seconds=7.0, late_audio=3.0)
    await record_feed(recorder, feed, 7.0)
    # The place of the sound was kept for it.
    (file,) = recorder.stats.files
    found = lags(file.path, feed.video, feed.audio)
    assert len(found) >= 3
    assert max(map(abs, found)) < EXACT, found
    assert times(file.path, "audio")[0] == pytest.approx(3.0, abs=EXACT)


async def test_video_that_starts_late_is_together_with_the_audio(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.webm")
    feed = Feed(seconds=7.0, late_video=3.0)
    await record_feed(recorder, feed, 7.0)
    # There was room for the pictures.
    (file,) = recorder.stats.files
    found = lags(file.path, feed.video, feed.audio)
    assert len(found) >= 3
    assert max(map(abs, found)) < EXACT, found
    assert times(file.path, "video")[0] == pytest.approx(3.0, abs=EXACT)


@pytest.mark.parametrize("transcode", [None, "VP9"])
async def test_audio_and_video_of_one_moment_are_together_in_the_file(
    tmp_path: Path, transcode: str | None
) -> None:
    recorder = Recorder(tmp_path / "out.webm", transcode=transcode)
    feed = Feed(seconds=6.0)
    await record_feed(recorder, feed, 6.0)
    found = lags(tmp_path / "out.webm", feed.video, feed.audio)
    assert len(found) >= 5
    assert max(map(abs, found)) < EXACT, found


async def test_size_that_changes_does_not_end_the_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.webm")
    failures: list[RecordingFailure] = []
    recorder.on("error", failures.append)
    source = SyntheticVideoTrack(width=320, height=240)
    async with call(source, SyntheticAudioTrack()) as received:
        for event in received:
            recorder.addTrack(event.track)
        async with logging_frames(event.receiver for event in received) as log:
            await recorder.start()
            await log.more(video=40)
            await senders[source.id].replaceTrack(SyntheticVideoTrack(width=160, height=120))
            while all(frame.width != 160 for frame in log.video):
                await log.more(video=1)
            await log.more(video=30)
        await recorder.stop()
    with av.open(str(tmp_path / "out.webm")) as file:
        sizes = {frame.width for frame in file.decode(video=0)}
    assert sizes == {320, 160}
    assert not failures
    assert len(recorder.stats.files) == 1


async def test_full_disk_is_said_and_the_next_file_begins(
    received: list[TrackEvent], tmp_path: Path
) -> None:
    (tmp_path / "out.webm").symlink_to("/dev/full")
    recorder = Recorder(tmp_path / "out.webm")
    failures: list[RecordingFailure] = []
    recorder.on("error", failures.append)
    await record(recorder, received, video=100)
    (failure,) = failures
    assert isinstance(failure.error, DiskFullError)
    assert not failure.ended
    assert [each.end for each in recorder.stats.files][-1] is SegmentEnd.STOPPED
    assert len(times(tmp_path / "out-2.webm", "video")) >= 20


async def test_path_that_cannot_be_written_ends_the_recording_and_not_the_call(
    received: list[TrackEvent], tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path / "missing" / "out.webm")
    over = asyncio.Event()
    failures: list[RecordingFailure] = []

    @recorder.on("error")
    async def note(failure: RecordingFailure) -> None:
        failures.append(failure)
        if failure.ended:
            over.set()

    for event in received:
        recorder.addTrack(event.track)
    await recorder.start()
    async with asyncio.timeout(DEADLINE):
        await over.wait()
    assert recorder.state is RecorderState.INACTIVE
    assert all(isinstance(failure.error, UnwritableError) for failure in failures)
    for event in received:
        async with asyncio.timeout(DEADLINE):
            await event.track.recv()
    await recorder.stop()


async def test_segments_begin_at_key_frames_and_lose_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out-{n:03}.webm", segment_duration=1.5)
    # A key frame is at each full two seconds.
    await record_feed(recorder, Feed(seconds=7.0), 7.0)
    files = recorder.stats.files
    assert [each.path.name for each in files] == [f"out-{n:03}.webm" for n in range(1, 5)]
    assert {each.end for each in files[:-1]} == {SegmentEnd.DURATION}
    assert [each.duration for each in files] == pytest.approx([2.0, 2.0, 2.0, 1.0], abs=EXACT)
    assert {times(each.path, "video")[0] for each in files} == {0.0}
    assert sum(len(times(each.path, "audio")) for each in files) == pytest.approx(350, abs=2)
    assert sum(len(times(each.path, "video")) for each in files) == pytest.approx(210, abs=2)


async def test_paused_time_is_not_in_the_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.webm")
    feed = Feed(seconds=7.0)
    for receiver in feed.receivers:
        recorder.addTrack(receiver, sender="one")
    await recorder.start()
    feed.begin()
    paused = await feed.until(2.5)
    recorder.pause()
    # Between two looks at the clock: a busy machine may do something else meanwhile.
    slack = EXACT + feed.elapsed() - paused
    resumed = await feed.until(4.5)
    recorder.resume()
    slack += feed.elapsed() - resumed
    await feed.until(7.0)
    await recorder.stop()
    # A key frame is at each full two seconds, and pictures go on with one.
    assert paused < 4.0 < resumed < 6.0
    sounds = times(tmp_path / "out.webm", "audio")
    assert sounds[-1] - sounds[0] == pytest.approx(6.98 - (resumed - paused), abs=0.04 + slack)
    shown = {number: at for at, number in numbers(tmp_path / "out.webm")}
    # By our clock, frames are captured when they arrive.
    last = max(number for number in shown if number < 180) / 30 + DELAY
    assert paused - 1 / 30 - slack < last < paused + slack
    assert min(number for number in shown if number / 30 > paused) == pytest.approx(180, abs=1)
    assert shown[200] - shown[10] == pytest.approx(190 / 30 - (resumed - paused), abs=0.04 + slack)


async def test_track_that_comes_later_is_in_the_next_file(
    received: list[TrackEvent], tmp_path: Path
) -> None:
    sound, picture = sorted(received, key=lambda each: each.track.kind)
    recorder = Recorder(tmp_path / "out.webm")
    recorder.addTrack(sound.track)
    async with logging_frames(event.receiver for event in received) as log:
        await recorder.start()
        await log.more(audio=100)
        recorder.addTrack(picture.receiver)
        await log.more(video=60, audio=100)
    await recorder.stop()
    first, second = recorder.stats.files
    assert (first.end, first.path.name) == (SegmentEnd.TRACKS, "out.webm")
    assert second.path.name == "out-2.webm"
    with av.open(str(first.path)) as file:
        assert not file.streams.video
    assert len(times(second.path, "video")) >= 30
    assert len(times(second.path, "audio")) >= 60


async def test_tracks_that_nobody_encoded_are_and_that_is_said(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", transcode="VP9")
    encoded: list[Transcoding] = []
    recorder.on("transcoding", encoded.append)
    tracks = [
        CountedTrack(SyntheticVideoTrack(width=320, height=240, rate=15)),
        CountedTrack(SyntheticAudioTrack()),
    ]
    for track in tracks:
        recorder.addTrack(track)
    await recorder.start()
    video, audio = tracks
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(video.given(45), audio.given(150))
    await recorder.stop()
    assert {(each.source, each.target, each.reason) for each in encoded} == {
        ("raw", "VP9", TranscodingReason.RAW),
        ("raw", "opus", TranscodingReason.RAW),
    }
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.video[0].codec_context.name in ("vp9", "libvpx-vp9")
    assert len(times(tmp_path / "out.mp4", "video")) >= 35
    assert len(times(tmp_path / "out.mp4", "audio")) >= 125
    assert all(track.readyState == "live" for track in tracks)


class TimedSound(SyntheticAudioTrack):
    """A tone that notes where it lies on the clock of the machine.

    Attributes:
        began: The loop's time of its beginning, by the frame that was least late.
        end: That of its end so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.began = self.end = math.inf

    async def recv(self) -> av.AudioFrame:
        frame = await super().recv()
        assert frame.pts is not None
        at = frame.pts / frame.sample_rate
        self.began = min(self.began, asyncio.get_running_loop().time() - at)
        self.end = self.began + at
        return frame


async def test_track_that_ends_and_joins_again_is_in_the_same_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mka")
    steady, first, second = (TimedSound() for _ in range(3))
    recorder.addTrack(steady)
    recorder.addTrack(first)
    await recorder.start()
    await asyncio.sleep(2.0)
    first.stop()
    await asyncio.sleep(1.0)
    recorder.addTrack(second)
    await asyncio.sleep(2.0)
    await recorder.stop()
    (file,) = recorder.stats.files
    assert file.end is SegmentEnd.STOPPED
    with av.open(str(file.path)) as container:
        assert len(container.streams.audio) == 2
        found = [frame.time or 0.0 for frame in container.decode(container.streams.audio[1])]
    (gap,) = [later - earlier for earlier, later in pairwise(found) if later - earlier > 0.1]
    # By the line of each track: a busy machine may be as late with one as it likes.
    assert gap == pytest.approx(second.began - first.end, abs=0.3)
    apart = abs(steady.end - second.end)
    assert found[-1] == pytest.approx(file.duration, abs=0.2 + apart)


async def test_server_that_forwards_is_told_apart_by_name(
    received: list[TrackEvent], tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path / "out.webm")
    for event in received:
        recorder.addTrack(event.track, sender=event.track.kind)
    async with logging_frames(event.receiver for event in received) as log:
        await recorder.start()
        await log.more(video=60, audio=100)
    await recorder.stop()
    assert times(tmp_path / "out.webm", "video")
    assert times(tmp_path / "out.webm", "audio")


async def test_recorder_is_used_once(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.webm")
    await recorder.stop()
    await recorder.start()
    with pytest.raises(InvalidStateError):
        await recorder.start()
    with pytest.raises(InvalidStateError):
        recorder.resume()
    await recorder.stop()
    await recorder.stop()
    assert recorder.stats.files == ()
    with pytest.raises(InvalidStateError):
        recorder.addTrack(SyntheticAudioTrack())


@pytest.mark.parametrize(
    ("path", "arguments", "words"),
    [
        ("out.avi", {}, "no container"),
        ("out-{x}.webm", {}, "no field but n"),
        ("out.webm", {"transcode": "H264"}, "webm takes no H264"),
        ("out.webm", {"transcode": ["VP8", "VP9"]}, "as VP8 and as VP9"),
        ("out.webm", {"options": {"crf": "30"}}, "no options"),
        ("out.webm", {"segment_duration": 0}, "a file of 0 seconds"),
        ("out.webm", {"segment_duration": float("nan")}, "a file of nan seconds"),
        ("out.webm", {"segment_size": -1}, "a file of -1 octets"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    path: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Recorder(path, **arguments)
