from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media.sources.errors import LiveError, MissingError, SourceError, UnreadableError
from media.sources.file_source import FileSource
from media.sources.live_source import LiveSource
from peer import EncodedFrame
from tests.support.media.clips import make_clip
from tests.support.media.live_servers import Broadcast, tcp, transport_stream
from tests.support.negotiation.connections import until, within
from tests.support.network.free_ports import free_port
from tests.support.network.process_end import kill
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from media.sources.live_track import LiveTrack

#: Found at once, instead of looked for during five seconds.
FAST = {"analyzeduration": "200000"}


async def frames(
    track: LiveTrack | None, count: int | None = None
) -> list[VideoFrame | AudioFrame | EncodedFrame]:
    assert track is not None
    found: list[VideoFrame | AudioFrame | EncodedFrame] = []
    with suppress(MediaStreamError):
        while count is None or len(found) < count:
            found.append(await within(track.recv()))
    return found


def times(found: list[VideoFrame | AudioFrame | EncodedFrame]) -> list[int]:
    return [frame.pts for frame in found if frame.pts is not None]


async def hold(_: asyncio.StreamWriter, __: int) -> None:
    await asyncio.Event().wait()


async def test_a_live_address_is_opened_once_and_plays_sound_and_picture(tmp_path: Path) -> None:
    stream, connections = transport_stream(tmp_path), []

    async def serve(writer: asyncio.StreamWriter, number: int) -> None:
        connections.append(number)
        writer.write(stream)
        await writer.drain()

    async with tcp(serve) as where:
        source = await within(LiveSource.open(where, options=FAST, reconnect=0))
        ended = asyncio.Event()
        source.on("ended", ended.set)
        assert source.duration is None
        shown, heard = await asyncio.gather(frames(source.video), frames(source.audio))
        await within(ended.wait())
    assert connections == [0]
    assert 10 < len(shown) <= 60
    assert 10 < len(heard) <= 110
    assert all(isinstance(frame, VideoFrame) for frame in shown)
    assert {frame.samples for frame in heard[:-1] if isinstance(frame, AudioFrame)} == {960}
    assert all(a < b for found in (shown, heard) for a, b in pairwise(times(found)))
    assert times(shown)[0] / 90_000 == pytest.approx(times(heard)[0] / 48_000, abs=0.1)


async def test_a_live_address_that_says_nothing_is_refused_by_name() -> None:
    # The server is served by the loop that waits: nothing holds it.
    async with tcp(hold) as where:
        with pytest.raises(UnreadableError, match="nothing came in time"):
            await within(LiveSource.open(where, timeout=0.3))


async def test_what_cannot_be_opened_is_named() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(SourceError, match="refused"):
            await within(LiveSource.open(f"tcp://127.0.0.1:{port}"))
    with pytest.raises(MissingError):
        await within(LiveSource.open("/nowhere/live.ts"))
    with pytest.raises(ValueError, match="positive"):
        await LiveSource.open("tcp://127.0.0.1:9", timeout=0)


async def test_an_opening_that_is_cancelled_leaves_nothing_waiting() -> None:
    arrived = asyncio.Event()

    async def serve(_: asyncio.StreamWriter, __: int) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with tcp(serve) as where:
        opening = asyncio.create_task(LiveSource.open(where, timeout=1))
        await within(arrived.wait())
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await within(opening)


async def test_a_source_that_is_lost_is_opened_again_and_time_goes_on(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path, seconds=1)
    watched = asyncio.Event()

    async def serve(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(stream)
        await writer.drain()
        await watched.wait()
        while number:
            # Time begins anew each time, as where a file is sent in a loop.
            writer.write(stream)
            await writer.drain()
            await asyncio.sleep(0.5)

    async with tcp(serve) as where:
        source = await within(LiveSource.open(where, options=FAST))
        lost: list[SourceError] = []
        restored = asyncio.Event()
        source.on("lost", lost.append)
        source.on("restored", restored.set)
        watched.set()
        before = await frames(source.video, 10)
        await within(restored.wait())
        after = await frames(source.video, 40)
        assert len(lost) == 1
        assert all(a < b for a, b in pairwise(times(before + after)))
        source.stop()


async def test_a_source_that_is_lost_for_good_says_so(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path, seconds=1)
    watched = asyncio.Event()

    async def serve(writer: asyncio.StreamWriter, _: int) -> None:
        writer.write(stream)
        await writer.drain()
        await watched.wait()

    async with tcp(serve) as where:
        source = await within(LiveSource.open(where, options=FAST, reconnect=0.1))
        errors: list[SourceError] = []
        ended, lost = asyncio.Event(), asyncio.Event()
        source.on("ended", ended.set)
        source.on("error", errors.append)
        source.on("lost", lambda _: lost.set())
        watched.set()
        await within(lost.wait())
    # Nobody listens there any more.
    await asyncio.gather(frames(source.video), frames(source.audio))
    await within(ended.wait())
    assert len(errors) == 1
    assert "refused" in str(errors[0])


async def test_a_reader_that_comes_late_gets_the_newest(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path, seconds=6)

    async def serve(writer: asyncio.StreamWriter, _: int) -> None:
        writer.write(stream)
        await writer.drain()
        await asyncio.Event().wait()

    async with tcp(serve) as where:
        source = await within(LiveSource.open(where, options=FAST, delay=0.5))
        await until(lambda: source.received > 5)
        await frames(source.video, 1)
        assert source.position > 4
        source.stop()


async def test_a_source_that_lags_drops_to_the_newest(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path, seconds=12)
    second = len(stream) // 188 // 12 * 188
    begun = asyncio.Event()

    async def serve(writer: asyncio.StreamWriter, _: int) -> None:
        writer.write(stream[: 2 * second])
        await begun.wait()
        # What was held up comes at once, and then more as it is made.
        writer.write(stream[2 * second : 8 * second])
        size = second // 188 // 25 * 188
        while True:
            for at in range(8 * second, len(stream), size):
                writer.write(stream[at : at + size])
                await writer.drain()
                await asyncio.sleep(0.04)

    async with tcp(serve) as where:
        source = await within(LiveSource.open(where, options=FAST, delay=0.5))
        found = await frames(source.video, 5)
        begun.set()
        await until(lambda: source.received > 7)
        now = asyncio.get_running_loop().time
        before, then = source.position, now()
        reading = asyncio.create_task(frames(source.video))
        # Ahead of the time that has passed: a part was left out.
        await until(lambda: source.position - before > now() - then + 2)
        source.stop()
        found += await reading
    assert all(a < b for a, b in pairwise(times(found)))


async def test_encoded_frames_of_a_live_source_begin_with_a_key_frame(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path, seconds=2)

    async def serve(writer: asyncio.StreamWriter, _: int) -> None:
        # In the middle of a group of pictures.
        packets = len(stream) // 188
        writer.write(stream[188 * (packets // 5) :])
        await writer.drain()
        await asyncio.Event().wait()

    async with tcp(serve) as where:
        # Opus it is not: pictures only.
        with pytest.raises(SourceError, match="aac"):
            await within(LiveSource.open(where, options=FAST, decode=False))
    clip = make_clip(tmp_path / "silent.ts", seconds=2, video="libx264", audio=None)
    silent = clip.read_bytes()

    async def serve_silent(writer: asyncio.StreamWriter, _: int) -> None:
        writer.write(silent)
        await writer.drain()
        await asyncio.Event().wait()

    async with tcp(serve_silent) as where:
        source = await within(LiveSource.open(where, options=FAST, decode=False))
        found = await frames(source.video, 5)
        assert isinstance(found[0], EncodedFrame)
        assert found[0].keyframe
        assert found[0].codec.name == "H264"
        source.stop()


async def test_a_growing_playlist_is_played_and_ends_with_it(tmp_path: Path) -> None:
    broadcast = Broadcast(tmp_path)
    broadcast.grow(2)
    async with broadcast.address() as where:
        with pytest.raises(LiveError, match="LiveSource"):
            await within(FileSource.open(where))
        source = await within(LiveSource.open(where, options=FAST))
        ended = asyncio.Event()
        source.on("ended", ended.set)
        first = await frames(source.video, 20)
        broadcast.grow(1)
        broadcast.ended = True
        rest, heard = await asyncio.gather(frames(source.video), frames(source.audio))
        await within(ended.wait())
    assert 30 < len(first + rest) <= 90
    assert heard
    assert all(a < b for a, b in pairwise(times(first + rest)))


async def test_datagrams_are_played(tmp_path: Path) -> None:
    stream = transport_stream(tmp_path, seconds=1)
    port = free_port()
    stop = asyncio.Event()

    async def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not stop.is_set():
                for at in range(0, len(stream), 1316):
                    sender.sendto(stream[at : at + 1316], ("127.0.0.1", port))
                    await asyncio.sleep(0.002)

    sending = asyncio.create_task(send())
    source = await within(LiveSource.open(f"udp://127.0.0.1:{port}", options=FAST))
    shown, heard = await asyncio.gather(frames(source.video, 5), frames(source.audio, 5))
    assert len(shown) == len(heard) == 5
    source.stop()
    stop.set()
    await sending


@pytest.mark.needs("ffmpeg")
async def test_a_stream_by_rtsp_is_played_with_the_options_of_ffmpeg(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", seconds=2, video="libx264", audio="aac")
    port = free_port()
    where = f"rtsp://127.0.0.1:{port}/live"
    # We listen, and a publisher comes, as it does at an ingest server.
    options = {"rtsp_flags": "listen", "listen_timeout": "60", **FAST}
    opening = asyncio.create_task(LiveSource.open(where, options=options, reconnect=0))
    command = [tool_path("ffmpeg"), "-v", "error", "-re", "-stream_loop", "-1", "-i", str(clip)]
    command += ["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", where]
    await until(lambda: listens(port))
    publisher = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        source = await within(opening)
        shown, heard = await asyncio.gather(frames(source.video, 20), frames(source.audio, 20))
        assert len(shown) == len(heard) == 20
        source.stop()
    finally:
        kill(publisher)
        await publisher.wait()


def listens(port: int) -> bool:
    """Whether somebody listens there, asked without a connection, which the listener would take."""
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return any(f":{port:04X} " in line and " 0A " in line for line in lines)


async def test_a_file_source_refuses_what_is_live_by_name(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    for where in ("rtsp://127.0.0.1:9/a", "udp://127.0.0.1:9", "TCP://127.0.0.1:9", "pipe:0", pipe):
        with pytest.raises(LiveError, match="LiveSource"):
            await within(FileSource.open(where))
