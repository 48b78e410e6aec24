"""Owns servers on the loopback that send a clip as live sources do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from tests.support.media.clips import make_clip

if TYPE_CHECKING:
    from pathlib import Path

    Serve = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


def transport_stream(folder: Path, *, seconds: float = 2.0) -> bytes:
    """MPEG-TS of H.264 and AAC, a key frame each third of a second."""
    path = make_clip(folder / f"{seconds}.ts", seconds=seconds, video="libx264", audio="aac")
    return path.read_bytes()


@asynccontextmanager
async def tcp(serve: Serve) -> AsyncIterator[str]:
    """An address of tcp: whose connections are served; with the number of each, from 0."""
    tasks: set[asyncio.Task[None]] = set()
    count = 0

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):
            await serve(writer, count - 1)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def http(answer: Callable[[str], tuple[str, bytes]]) -> AsyncIterator[str]:
    """An address of http: without its path; each path is answered with a type and a body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            kind, body = answer(request.split()[1].decode())
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class Broadcast:
    """A live HLS playlist of segments of a second each, which the test lets grow.

    Args:
        folder: Where the segments are made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: list[bytes] = []
        self.ended = False

    def grow(self, count: int = 1) -> None:
        """Add segments."""
        for _ in range(count):
            self._segments.append(transport_stream(self._folder, seconds=1.0))

    @asynccontextmanager
    async def address(self) -> AsyncIterator[str]:
        """The address of the playlist."""
        async with http(self._answer) as where:
            yield f"{where}/live.m3u8"

    def _answer(self, path: str) -> tuple[str, bytes]:
        if path.endswith("m3u8"):
            return "application/vnd.apple.mpegurl", self._playlist()
        return "video/mp2t", self._segments[int(path[1:-3])]

    def _playlist(self) -> bytes:
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:3",
            "#EXT-X-TARGETDURATION:1",
            "#EXT-X-MEDIA-SEQUENCE:0",
        ]
        for number in range(len(self._segments)):
            # Each begins at 0 anew.
            lines += [*["#EXT-X-DISCONTINUITY"] * (number > 0), "#EXTINF:1.0,", f"{number}.ts"]
        return "\n".join([*lines, *["#EXT-X-ENDLIST"] * self.ended, ""]).encode()
