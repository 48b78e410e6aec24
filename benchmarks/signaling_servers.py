"""Servers of the signalling benchmark, each in a process of its own on one core.

`python -m benchmarks.signaling_servers handfast` writes its TCP port, and ends with its input.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import uvloop
from websockets.asyncio.server import broadcast
from websockets.asyncio.server import serve as serve_websockets

from handfast.open_files import allow_open_files
from handfast.serving import ServeOptions, connections, serve
from handfast.web_server import WebServerOptions
from signaling.server import Limits, RedisBackplane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.server import ServerConnection

HOST: Final = "127.0.0.1"
#: As many as are asked for, and none slowed: what is measured is the most that the server can do.
LIMITS: Final = Limits(
    rooms=16_384,
    members=16_384,
    messages_per_second=1e6,
    burst=1_000_000,
    octets_per_second=1e12,
    octets_burst=1_000_000_000_000,
)


async def handfast(stop: asyncio.Event, redis: str | None = None) -> None:
    """Serve rooms as `handfast serve` does, with `--redis` where there is a URL of one."""
    web = WebServerOptions(host=HOST, port=0, connections=connections(LIMITS))
    backplane = None if redis is None else RedisBackplane(redis)
    options = ServeOptions(web=web, limits=LIMITS, backplane=backplane)
    await serve(options, stop, _tell_port)


async def relay(stop: asyncio.Event) -> None:
    """Serve the yardstick: what arrives goes to the others at the same path, and nothing else.

    It reads nothing, keeps nothing, bounds nothing and lets everybody in.
    """
    rooms: dict[str, set[ServerConnection]] = defaultdict(set)

    async def forward(websocket: ServerConnection) -> None:
        assert websocket.request is not None
        path = websocket.request.path
        room = rooms[path]
        room.add(websocket)
        try:
            async for message in websocket:
                broadcast(room - {websocket}, message)
        finally:
            room.discard(websocket)
            if not room:
                rooms.pop(path, None)

    async with serve_websockets(forward, HOST, 0, compression=None) as server:
        (listener,) = server.sockets
        _tell_port(f"ws://{HOST}:{listener.getsockname()[1]}/")
        await stop.wait()


def _tell_port(url: str) -> None:
    print(url.rsplit(":", 1)[1].partition("/")[0], flush=True)


async def _until_input_ends(serving: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    await serving(stop)


def main(name: str, *arguments: str) -> None:
    """Serve until standard input ends."""
    allow_open_files(connections(LIMITS))

    async def serving(stop: asyncio.Event) -> None:
        await {"handfast": handfast, "relay": relay}[name](stop, *arguments)

    # As `handfast serve` where it is installed, and the same for the yardstick.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_input_ends(serving))


if __name__ == "__main__":
    main(*sys.argv[1:])
