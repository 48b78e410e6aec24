from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from av import AudioFrame

from peer.compat.contrib.media import MediaBlackhole, MediaRelay
from peer.rtp.tracks import MediaStreamError, MediaStreamTrack
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from av.frame import Frame


class PushedTrack(MediaStreamTrack):
    """Gives the frames that a test pushes, and counts who asked."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[Frame | Exception] = asyncio.Queue()
        self.reads = 0
        self._read = asyncio.Event()

    def push(self, number: int) -> None:
        frame = AudioFrame(format="s16", layout="mono", samples=160)
        frame.pts, frame.time_base = number, Fraction(1, 8_000)
        self.queue.put_nowait(frame)

    def fail(self, error: Exception) -> None:
        self.queue.put_nowait(error)

    async def asked(self, times: int) -> None:
        """Wait until a frame was asked for so many times."""
        while self.reads < times:
            self._read.clear()
            await within(self._read.wait())

    async def recv(self) -> Frame:
        self.reads += 1
        self._read.set()
        given = await self.queue.get()
        if isinstance(given, Exception):
            raise given
        return given


async def given(track: MediaStreamTrack) -> int | None:
    pts: int | None = (await within(track.recv())).pts
    return pts


async def begun(*tracks: MediaStreamTrack) -> list[asyncio.Task[int | None]]:
    """Reads of tracks that wait for a frame."""
    reads = [asyncio.create_task(given(track)) for track in tracks]
    await asyncio.sleep(0)
    return reads


async def test_each_reader_of_a_relay_gets_every_frame_from_its_first_read_on() -> None:
    source, relay = PushedTrack(), MediaRelay()
    one, other = relay.subscribe(source), relay.subscribe(source)
    reads = await begun(one)
    source.push(0)
    assert await asyncio.gather(*reads) == [0]
    reads = await begun(one, other)
    for number in (1, 2, 3):
        source.push(number)
    assert await asyncio.gather(*reads) == [1, 1]
    assert [await given(one), await given(one)] == [2, 3]
    assert [await given(other), await given(other)] == [2, 3]
    assert one.kind == "audio"
    one.stop()
    other.stop()


async def test_a_reader_without_a_buffer_gets_the_newest_frame() -> None:
    source, relay = PushedTrack(), MediaRelay()
    track = relay.subscribe(source, buffered=False)
    reads = await begun(track)
    source.push(0)
    await asyncio.gather(*reads)
    for number in (1, 2, 3):
        source.push(number)
    await source.asked(5)
    assert await given(track) == 3
    track.stop()


async def test_a_reader_that_does_not_read_keeps_a_second_of_frames() -> None:
    source, relay = PushedTrack(), MediaRelay()
    track, idle = relay.subscribe(source), relay.subscribe(source)
    reads = await begun(track, idle)
    source.push(0)
    await asyncio.gather(*reads)
    for number in range(1, 200):
        source.push(number)
        assert await given(track) == number
    assert await given(idle) == 200 - 64
    idle.stop()
    track.stop()


async def test_a_stopped_reader_ends_alone_and_the_last_one_ends_the_reading() -> None:
    source, relay = PushedTrack(), MediaRelay()
    one, other = relay.subscribe(source), relay.subscribe(source)
    reads = await begun(one, other)
    source.push(0)
    await asyncio.gather(*reads)
    one.stop()
    with pytest.raises(MediaStreamError):
        await one.recv()
    source.push(1)
    assert await given(other) == 1
    other.stop()
    await asyncio.sleep(0)
    reads_before = source.reads
    source.push(2)
    await asyncio.sleep(0)
    assert source.reads == reads_before
    # A new reader begins the reading again.
    assert await given(relay.subscribe(source)) == 2


async def test_the_end_of_a_source_ends_its_readers_after_what_waits() -> None:
    source, relay = PushedTrack(), MediaRelay()
    one, late = relay.subscribe(source), relay.subscribe(source)
    reads = await begun(one)
    source.push(0)
    source.push(1)
    source.fail(MediaStreamError())
    assert await asyncio.gather(*reads) == [0]
    assert await given(one) == 1
    with pytest.raises(MediaStreamError):
        await within(one.recv())
    assert one.readyState == "ended"
    # aiortc's waits for ever here.
    source.fail(MediaStreamError())
    with pytest.raises(MediaStreamError):
        await within(late.recv())


async def test_a_source_that_fails_ends_its_readers_and_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source, relay = PushedTrack(), MediaRelay()
    track = relay.subscribe(source)
    source.fail(ZeroDivisionError("of the application"))
    with pytest.raises(MediaStreamError):
        await within(track.recv())
    assert "of the application" in caplog.text


async def test_a_read_of_a_reader_that_is_stopped_meanwhile_ends() -> None:
    relay = MediaRelay()
    track = relay.subscribe(PushedTrack())
    read = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await within(read)


async def test_a_blackhole_reads_from_start_to_stop_and_stops_no_track() -> None:
    source, hole = PushedTrack(), MediaBlackhole()
    hole.addTrack(source)
    source.push(0)
    await asyncio.sleep(0)
    assert not source.reads
    await hole.start()
    await hole.start()
    for number in range(1, 4):
        source.push(number)
    await source.asked(5)
    await hole.stop()
    assert source.readyState == "live"
    await hole.stop()


async def test_a_blackhole_survives_a_track_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    failing, ended, source, hole = PushedTrack(), PushedTrack(), PushedTrack(), MediaBlackhole()
    for track in (failing, ended, source):
        hole.addTrack(track)
    failing.fail(ZeroDivisionError("of the application"))
    ended.fail(MediaStreamError())
    await hole.start()
    for number in range(3):
        source.push(number)
    await source.asked(4)
    await hole.stop()
    assert "of the application" in caplog.text
