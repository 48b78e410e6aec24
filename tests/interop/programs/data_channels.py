"""libdatachannel in Python (`aiolibdatachannel` of PyPI) as a peer, by the lines of README.md.

It has data channels alone, and a Python of its own. Its candidates are in its descriptions.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from typing import Any

import aiolibdatachannel as rtc  # type: ignore[import-not-found]  # it is for another Python

_LINE_LIMIT = 1 << 20


def say(what: str, **fields: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"say": what, **fields}) + "\n")
    sys.stdout.flush()


class Peer:
    """One connection, which sends every message of a data channel back over it."""

    def __init__(self) -> None:
        self._connection = rtc.PeerConnection(rtc.RTCConfiguration())
        self._answered = False
        self._tasks = {asyncio.create_task(self._accept())}

    async def obey(self, command: dict[str, Any]) -> None:
        """Do what one line says."""
        match command["do"]:
            case "offer":
                self._echo(await self._connection.create_data_channel("echo"))
                self._describe(await self._connection.create_offer())
            case "take":
                await self._take(command["description"])
            case "candidate":
                line = command["candidate"]
                await self._connection.add_remote_candidate(line["candidate"], line["sdpMid"])
            case "close":
                await self._connection.aclose()
            case other:
                raise ValueError(f"no such command: {other}")

    async def _take(self, description: dict[str, str]) -> None:
        await self._connection.set_remote_description(description["sdp"], description["type"])
        if description["type"] != "offer":
            return
        # It gathers once, and `create_answer` would wait for that again.
        if self._answered:
            self._describe(await self._connection.set_local_description("answer"))
        else:
            self._describe(await self._connection.create_answer())
        self._answered = True

    def _describe(self, description: Any) -> None:
        say("description", description={"type": description.type, "sdp": description.sdp})

    async def _accept(self) -> None:
        async for channel in self._connection.incoming_data_channels():
            self._echo(channel)

    def _echo(self, channel: Any) -> None:
        async def echo() -> None:
            async for message in channel:
                await channel.send(message)

        self._tasks.add(asyncio.create_task(echo()))


async def main() -> None:
    """Obey the lines of standard input until it ends."""
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    peer = Peer()
    say("ready", version=version("aiolibdatachannel"))
    async for line in reader:
        try:
            await peer.obey(json.loads(line))
        # What the stack raises is what the tests want to hear.
        except Exception as error:
            say("error", text=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    asyncio.run(main())
