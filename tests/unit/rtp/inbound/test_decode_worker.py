"""The decoder thread of one receiver."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from av import AudioFrame

from peer.rtp.codecs import Concealment, DecodeError
from peer.rtp.inbound.decode_worker import DecodeWorker
from peer.rtp_parameters import Codec
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded_frames import OPUS, VP8, encoded, key, picture
from tests.support.media.frames import flat_picture

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import Frame


class Told:
    """Keeps the events of a worker."""

    def __init__(self) -> None:
        self.decoded: list[int] = []
        self.gaps: list[int] = []
        self.refused: list[int] = []
        self.concealed: list[int] = []
        self.threads: set[int] = set()
        self._changed = asyncio.Event()

    def on_decoded(self, frames: Sequence[Frame], source: EncodedFrame, seconds: float) -> None:
        assert seconds >= 0
        self.decoded += [source.pts] if frames else []
        self.gaps += [source.pts] if source.gap else []
        self._note()

    def on_concealed(self, concealment: Concealment) -> None:
        self.concealed.append(concealment.concealed)

    def on_undecodable(self, source: EncodedFrame) -> None:
        self.refused.append(source.pts)
        self._note()

    def _note(self) -> None:
        self.threads.add(threading.get_ident())
        self._changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE):
            while len(self.decoded) + len(self.refused) < count:
                self._changed.clear()
                await self._changed.wait()


class Decoders:
    """Decoders that refuse some frames, and wait for the gate at every frame."""

    def __init__(self, *refused: int) -> None:
        self.codecs: list[Codec] = []
        self.threads: set[int] = set()
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self._refused = refused

    def __call__(self, codec: Codec) -> Decoders:
        if codec.name == "none":
            raise DecodeError("nothing decodes it")
        self.codecs.append(codec)
        return self

    def decode(self, payload: bytes, pts: int) -> Sequence[Frame]:
        self.threads.add(threading.get_ident())
        self.begun.release()
        assert self.gate.wait(DEADLINE)
        if pts in self._refused:
            raise DecodeError("refused")
        return [flat_picture(2, 2, pts=pts)]

    def conceal(self, payload: bytes, pts: int) -> Concealment:
        return Concealment((AudioFrame("s16", "mono", 960),), concealed=960)


def worker_of(told: Told, decoders: Decoders, limit: int = 3) -> DecodeWorker:
    loop = asyncio.get_running_loop()
    return DecodeWorker(loop, told, loop.time, make_decoder=decoders, limit=limit)


async def ended(worker: DecodeWorker) -> None:
    worker.end()
    await worker.wait_ended(DEADLINE)


async def test_worker_decodes_in_order_and_tells_on_event_loop() -> None:
    told, decoders = Told(), Decoders()
    worker = worker_of(told, decoders, limit=10)
    for frame in (key(0), picture(1), picture(2)):
        worker.put(frame)
    await told.until(3)
    assert told.decoded == [0, 1, 2]
    assert told.threads == {threading.get_ident()}
    assert len(decoders.threads) == 1
    assert decoders.threads != told.threads
    await ended(worker)


async def test_slow_decoder_loses_runs_and_awaits_key_frame() -> None:
    told, decoders = Told(), Decoders()
    decoders.gate.clear()
    worker = worker_of(told, decoders)
    worker.put(key(0))
    await asyncio.to_thread(decoders.begun.acquire)
    for pts in range(1, 5):
        worker.put(picture(pts))
    assert (worker.awaits_keyframe, worker.dropped) == (True, 4)
    worker.put(key(5))
    decoders.gate.set()
    await told.until(2)
    assert (told.decoded, told.gaps) == ([0, 5], [5])
    await ended(worker)


async def test_worker_awaits_key_frame_after_refused_frame() -> None:
    told, decoders = Told(), Decoders(1)
    worker = worker_of(told, decoders)
    worker.put(key(0))
    worker.put(picture(1))
    await told.until(2)
    assert worker.awaits_keyframe
    for frame in (picture(2), key(3)):
        worker.put(frame)
    await told.until(3)
    assert (told.decoded, told.refused, worker.dropped) == ([0, 3], [1], 2)
    await ended(worker)


async def test_change_of_codec_makes_another_decoder() -> None:
    told, decoders = Told(), Decoders()
    worker = worker_of(told, decoders, limit=10)
    for frame in (key(0), key(1), encoded(2, codec=OPUS)):
        worker.put(frame)
    await told.until(3)
    assert decoders.codecs == [VP8, OPUS]
    await ended(worker)


async def test_codec_without_decoder_is_error_of_each_frame() -> None:
    told, decoders = Told(), Decoders()
    worker = worker_of(told, decoders)
    none = Codec(kind=VP8.kind, name="none", payload_type=1, clock_rate=90_000)
    for pts in range(2):
        worker.put(encoded(pts, keyframe=True, codec=none))
        await told.until(pts + 1)
    assert told.refused == [0, 1]
    await ended(worker)


async def test_ended_worker_tells_no_events_and_its_thread_ends() -> None:
    told, decoders = Told(), Decoders()
    decoders.gate.clear()
    others = set(threading.enumerate())
    worker = worker_of(told, decoders)
    (thread,) = set(threading.enumerate()) - others
    worker.put(key(0))
    worker.put(key(1))
    await asyncio.to_thread(decoders.begun.acquire)
    worker.end()
    decoders.gate.set()
    await worker.wait_ended(DEADLINE)
    await asyncio.sleep(0)
    assert (told.decoded, thread.is_alive()) == ([], False)


async def test_decoded_frames_are_not_told_after_end_of_worker() -> None:
    told, decoders = Told(), Decoders()
    worker = worker_of(told, decoders)
    worker.put(key(0))
    worker.put(key(1))
    # The loop is held up until both are decoded: what is told of the first waits behind us.
    assert decoders.begun.acquire(timeout=DEADLINE)
    assert decoders.begun.acquire(timeout=DEADLINE)
    worker.end()
    await worker.wait_ended(DEADLINE)
    assert told.decoded == []


def test_closed_event_loop_ends_decoder_thread() -> None:
    decoders = Decoders()
    decoders.gate.clear()
    others = set(threading.enumerate())

    async def begin() -> None:
        worker_of(Told(), decoders).put(key(0))

    asyncio.run(begin())
    (thread,) = set(threading.enumerate()) - others
    decoders.gate.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()


async def test_lost_sound_is_filled_in_before_the_frame_after_it_and_pictures_are_not() -> None:
    told, decoders = Told(), Decoders()
    worker = worker_of(told, decoders, limit=10)
    sound = [encoded(0, codec=OPUS), encoded(960, codec=OPUS, gap=True)]
    for frame in (*sound, replace(key(0), gap=True)):
        worker.put(frame)
    await told.until(3)
    assert (told.decoded, told.concealed) == ([0, 960, 0], [960])
    await ended(worker)
