"""One trial of the RTP benchmark: a subject in a process of its own, and a load beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

from benchmarks.rtp_load import LoadEnd
from benchmarks.rtp_process import subject_process
from benchmarks.rtp_streams import PER_FRAME, PICTURES, SOUNDS, VIDEO, likeness
from benchmarks.rtp_subjects import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.rtp_process import Process, Who
    from benchmarks.rtp_streams import Media, Payloads

#: Video streams of the one connection in a trial of receiving (ours).
STREAMS = 10
#: Number of sources, by the peers of each, so that no stream exceeds 25 Mbit/s (ours).
ROOMS = {1: 20, 10: 5, 50: 2}
#: Seconds of a trial, and seconds after it for packets in flight (ours).
DURATION = 2.0
TAIL = 0.5


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of one rate.

    Args:
        packets: Packets sent to the subject.
        seconds: Duration of sending.
        out: Packets that came out: relayed to peers, or in frames to the application.
        expected: Packets that should have.
        processor: Seconds of processor time that the subject spent.
    """

    packets: int
    seconds: float
    out: int
    expected: int
    processor: float

    @property
    def lossless(self) -> bool:
        """True where all packets came out, and the subject could sustain the rate."""
        return self.out == self.expected and self.processor <= self.seconds

    @property
    def rate(self) -> float:
        """Packets a second that were expected to come out."""
        return self.expected / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of processor time for each packet that came out."""
        return 1e6 * self.processor / max(1, self.out)

    @property
    def reach(self) -> float:
        """Packets a second to the subject that would use its processor fully."""
        return self.packets / self.processor


async def receive(who: Who, rate: float) -> Trial:
    """Send packets at a rate to a receiving subject, in several streams."""
    async with AsyncExitStack() as stack:
        subject = await stack.enter_async_context(subject_process(who, Work.RECEIVE))
        source = LoadEnd([VIDEO] * STREAMS, sends=True)
        stack.push_async_callback(source.close)
        await subject.join(source, "source")
        await _warm_up([source])
        frames, processor = await subject.read()
        sent, seconds = await _send([source], rate)
        await asyncio.sleep(TAIL)
        frames_after, processor_after = await subject.read()
        return Trial(
            packets=sent * PER_FRAME,
            seconds=seconds,
            out=(frames_after - frames) * PER_FRAME,
            expected=sent * PER_FRAME,
            processor=processor_after - processor,
        )


async def relay(who: Who, peers: int, rate: float) -> Trial:
    """Send packets at a rate to a relaying subject, in several rooms with `peers` peers each."""
    return await relay_by(subject_process(who, Work.RELAY), peers, rate)


async def relay_by(process: Process, peers: int, rate: float) -> Trial:
    """Send packets at a rate to a relaying process, in several rooms with `peers` peers each."""
    async with AsyncExitStack() as stack:
        subject = await stack.enter_async_context(process)
        sources = [LoadEnd([VIDEO], sends=True) for _ in range(ROOMS[peers])]
        sinks = []
        for room, source in enumerate(sources):
            stack.push_async_callback(source.close)
            await subject.join(source, "source")
            for _ in range(peers):
                sink = LoadEnd([VIDEO], sends=False)
                stack.push_async_callback(sink.close)
                await subject.join(sink, "sink", room=room)
                sinks.append(sink)
        await _warm_up(sources)
        before = sum(sink.packets for sink in sinks)
        _, processor = await subject.read()
        sent, seconds = await _send(sources, rate)
        await asyncio.sleep(TAIL)
        _, processor_after = await subject.read()
        return Trial(
            packets=sent * PER_FRAME,
            seconds=seconds,
            out=sum(sink.packets for sink in sinks) - before,
            expected=sent * PER_FRAME * peers,
            processor=processor_after - processor,
        )


async def decode(who: Who, media: Media, clip: Sequence[Payloads], seconds: int) -> Trial:
    """Send one real-time stream to a decoding subject.

    In the result `packets`, `out` and `expected` count frames.
    """
    expected = seconds * (PICTURES if media is VIDEO else SOUNDS)
    async with AsyncExitStack() as stack:
        subject = await stack.enter_async_context(subject_process(who, Work.DECODE))
        source = LoadEnd([media], sends=True)
        stack.push_async_callback(source.close)
        await subject.join(source, "source")
        out, processor = await _watch(subject, source, media, clip, seconds, lambda frames: frames)
        return Trial(
            packets=expected, seconds=seconds, out=out, expected=expected, processor=processor
        )


async def transcode(who: Who, clip: Sequence[Payloads], seconds: int) -> Trial:
    """Send one real-time stream to a subject that decodes and encodes it for one peer.

    In the result `expected` equals `out`, as an encoder chooses its number of packets.
    """
    async with AsyncExitStack() as stack:
        subject = await stack.enter_async_context(subject_process(who, Work.TRANSCODE))
        source, sink = LoadEnd([VIDEO], sends=True), LoadEnd([VIDEO], sends=False)
        for end in (source, sink):
            stack.push_async_callback(end.close)
        await subject.join(source, "source")
        await subject.join(sink, "sink", room=0)
        out, processor = await _watch(subject, source, VIDEO, clip, seconds, lambda _: sink.packets)
        return Trial(
            packets=seconds * PICTURES,
            seconds=seconds,
            out=out,
            expected=out,
            processor=processor,
        )


async def _watch(
    subject: Process,
    source: LoadEnd,
    media: Media,
    clip: Sequence[Payloads],
    seconds: int,
    count: Callable[[int], int],
) -> tuple[int, float]:
    """Play a clip, and read the subject's counters after a warm-up and at the end.

    Args:
        count: Converts the subject's frame count to the output that is compared.

    Returns:
        How much came out, and the processor time, from the one look to the other.
    """
    per_second = PICTURES if media is VIDEO else SOUNDS
    frames = cycle(clip)
    warm_up = 2 * per_second
    await _play(source, media, islice(frames, warm_up), first=0)
    came, processor = await subject.read()
    before = count(came)
    await _play(source, media, islice(frames, seconds * per_second), first=warm_up)
    came, processor_after = await subject.read()
    return count(came) - before, processor_after - processor


async def _warm_up(sources: Sequence[LoadEnd]) -> None:
    """Send key frames for half a second, 30 a second, until all streams run."""
    payloads = likeness(keyframe=True)
    for number in range(15):
        for source in sources:
            for stream in source.streams:
                for packet in stream.packets(payloads, number * 3000):
                    source.send(packet)
                await asyncio.sleep(0)
        await asyncio.sleep(1 / 30)
    await asyncio.sleep(TAIL)


async def _send(sources: Sequence[LoadEnd], rate: float) -> tuple[int, float]:
    """Send frames at an even pace for the duration of a trial, each stream in turn.

    Each begins with a key frame: a sender that had to drop one before would wait for it for ever.

    Returns:
        Number of packets, and the seconds that sending took.
    """
    streams = [(source.send, stream) for source in sources for stream in source.streams]
    begin, then = (likeness(keyframe=keyframe) for keyframe in (True, False))
    interval = PER_FRAME / rate
    ticks = VIDEO.clock_rate * interval * len(streams)
    count = round(DURATION / interval)
    start = time.perf_counter()
    for number in range(count):
        send, stream = streams[number % len(streams)]
        payloads = begin if number < len(streams) else then
        for packet in stream.packets(payloads, 100_000 + round(number // len(streams) * ticks)):
            send(packet)
        due = start + (number + 1) * interval
        # The loop has its turn in any case: it reads what the subject sends. It never rests, as a
        # subject would have to pay for waking it, which no network asks of anybody.
        await asyncio.sleep(0)
        while time.perf_counter() < due:  # noqa: ASYNC110 - as said
            await asyncio.sleep(0)
    return count, time.perf_counter() - start


async def _play(source: LoadEnd, media: Media, frames: Iterable[Payloads], *, first: int) -> None:
    """Send frames in real time."""
    per_second = PICTURES if media is VIDEO else SOUNDS
    (stream,) = source.streams
    start = time.perf_counter()
    for number, payloads in enumerate(frames):
        timestamp = (first + number) * (media.clock_rate // per_second)
        for packet in stream.packets(payloads, timestamp):
            source.send(packet)
        due = start + (number + 1) / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
