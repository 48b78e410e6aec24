"""Unread media takes no more memory after ten minutes than after a second."""

from __future__ import annotations

import asyncio
import gc
import random
import tracemalloc
from collections.abc import Iterator

import pytest

from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.rtcp import SenderReport, to_ntp
from peer.rtp_parameters import MediaKind
from tests.support.clock.virtual_time import VirtualLoop
from tests.support.media.encoded_frames import OPUS
from tests.support.rtp.media_packets import VP8, AudioPackets, FakeEngine, VideoPackets, receiving

MINUTES = 10
#: Octets, of some 100 MB of pictures: what is remembered of losses is bounded, but not full yet
#: after a second.
TOLERANCE = 16_384
LIMIT = 4


class Media:
    """A call of one track: 30 video frames of 4 packets a second, or 50 audio packets a second."""

    def __init__(self, kind: MediaKind, *, loss: float = 0.0) -> None:
        self.engine = FakeEngine(asyncio.get_running_loop().time())
        self.control = ReceiverControl(kind, clock=asyncio.get_running_loop().time)
        video = kind is MediaKind.VIDEO
        self.control.start(self.engine, receiving(VP8 if video else OPUS), 99)
        self.received = 0
        self._rate = 30 if video else 50
        self._video = VideoPackets(packets=4) if video else None
        self._audio = AudioPackets()
        self._chance = random.Random(5)
        self._loss = loss
        self._keyframe = True

    async def play(self, seconds: int) -> None:
        for _ in range(seconds * 10):
            # The loop turns ten times a second; what came meanwhile is taken with its own time.
            await asyncio.sleep(0.1)
            count = self._rate // 10
            now = asyncio.get_running_loop().time()
            for each in range(count):
                self.engine.now = now - (count - 1 - each) / self._rate
                self._give()
            if round(now * 10) % 10 == 0:
                self._report()

    def _give(self) -> None:
        # A peer that is asked for a key frame sends one.
        keyframe = self._keyframe or bool(self.engine.sent)
        self._keyframe = False
        self.engine.sent.clear()
        if self._video is None:
            packets = [self._audio.packet()]
        else:
            packets = self._video.frame(keyframe=keyframe)
        kept = [each for each in packets if self._chance.random() >= self._loss]
        self.received += len(kept)
        self.engine.feed(kept)

    def _report(self) -> None:
        ssrc = self._audio.ssrc if self._video is None else self._video.ssrc
        self.engine.receive_rtcp(SenderReport(ssrc, to_ntp(1e9 + self.engine.now), 0, 0, 0))
        for port in self.engine.receivers:
            port.reports(self.engine.now)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def growth(media: Media) -> int:
    """Octets between one second and ten minutes."""
    await media.play(1)
    before = held()
    await media.play(MINUTES * 60 - 1)
    grown = held() - before
    await media.control.stop()
    return grown


def grows(kind: MediaKind, *, loss: float = 0.0, readers: bool = False) -> int:
    async def measure() -> int:
        media = Media(kind, loss=loss)
        if not readers:
            return await growth(media)
        # Readers that were made and never read fill their queues within the first second.
        frames = media.control.receiver.encoded_frames(LIMIT)
        track = media.control.receiver.encoded_track(LIMIT)
        grown = await growth(media)
        assert frames.dropped + track.dropped > 0
        return grown

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(measure())


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(("kind", "loss"), [(MediaKind.VIDEO, 0.0), (MediaKind.AUDIO, 0.01)])
def test_unread_track_takes_no_more_memory_after_ten_minutes(kind: MediaKind, loss: float) -> None:
    assert grows(kind, loss=loss) < TOLERANCE


@pytest.mark.usefixtures("traced")
def test_idle_readers_take_no_more_memory_after_ten_minutes() -> None:
    assert grows(MediaKind.AUDIO, readers=True) < TOLERANCE
