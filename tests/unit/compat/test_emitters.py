"""Connections, channels and tracks have the whole emitter of pyee, as aiortc's have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.compat.pairs import connect, connection

if TYPE_CHECKING:
    from pyee.asyncio import AsyncIOEventEmitter

    import peer.compat as aiortc


async def emitters() -> tuple[list[AsyncIOEventEmitter], list[aiortc.RTCPeerConnection]]:
    caller, callee = connection(), connection()
    channel = caller.createDataChannel("chat")
    caller.addTransceiver("audio")
    await connect(caller, callee)
    return [caller, channel, callee.getReceivers()[0].track], [caller, callee]


async def test_compat_emitter_calls_handlers_of_any_event_in_their_order() -> None:
    found, connections = await emitters()
    for emitter in found:
        called: list[str] = []
        emitter.on("mine", lambda value: called.append(f"one {value}"))  # noqa: B023 - called here
        emitter.add_listener("mine", lambda value: called.append(f"two {value}"))  # noqa: B023 - here

        assert emitter.emit("mine", "x")
        assert called == ["one x", "two x"]
        assert len(emitter.listeners("mine")) == 2
        assert "mine" in emitter.event_names()
        emitter.remove_all_listeners("mine")
        assert not emitter.emit("mine", "x")
    await asyncio.gather(*(pc.close() for pc in connections))


async def test_compat_handler_of_once_is_listed_and_taken_away_as_it_was_given() -> None:
    found, connections = await emitters()
    for emitter in found:
        called: list[None] = []

        def handler() -> None:
            called.append(None)  # noqa: B023 - called here

        emitter.once("mine", handler)
        assert emitter.listeners("mine") == [handler]
        emitter.remove_listener("mine", handler)
        emitter.emit("mine")
        assert called == []

        emitter.once("mine", handler)
        emitter.emit("mine")
        emitter.emit("mine")
        assert called == [None]
    await asyncio.gather(*(pc.close() for pc in connections))
