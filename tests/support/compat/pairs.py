"""Connections of `peer.compat`, and how two of them meet."""

from __future__ import annotations

import asyncio

import peer.compat as aiortc
from tests.support.clock.deadline import DEADLINE


def connection() -> aiortc.RTCPeerConnection:
    """Make a connection that asks no server."""
    return aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))


async def connect(caller: aiortc.RTCPeerConnection, callee: aiortc.RTCPeerConnection) -> None:
    """Exchange descriptions as programs for aiortc do, and wait until both are connected."""
    await negotiate(caller, callee)
    await asyncio.gather(connected(caller), connected(callee))


async def negotiate(caller: aiortc.RTCPeerConnection, callee: aiortc.RTCPeerConnection) -> None:
    """Exchange an offer and an answer."""
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await caller.setRemoteDescription(callee.localDescription)


async def connected(pc: aiortc.RTCPeerConnection) -> None:
    """Wait until a connection is connected, by its events."""
    reached = asyncio.Event()

    def look() -> None:
        if pc.connectionState == "connected":
            reached.set()

    pc.on("connectionstatechange", look)
    look()
    async with asyncio.timeout(DEADLINE):
        await reached.wait()
    pc.remove_listener("connectionstatechange", look)
