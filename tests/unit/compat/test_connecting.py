"""Two connections of `peer.compat` meet as aiortc's do: by whole descriptions, with bare events."""

from __future__ import annotations

import asyncio

import peer.compat as aiortc
from tests.support.clock.deadline import DEADLINE
from tests.support.compat.pairs import connect, connection


async def test_compat_description_has_all_candidates_when_set() -> None:
    pc = connection()
    pc.createDataChannel("chat")

    await pc.setLocalDescription(await pc.createOffer())

    assert pc.iceGatheringState == "complete"
    assert "a=candidate:" in pc.localDescription.sdp
    assert "a=end-of-candidates" in pc.localDescription.sdp
    await pc.close()


async def test_compat_track_event_has_the_track_of_the_peer_itself() -> None:
    caller, callee = connection(), connection()
    sent = aiortc.AudioStreamTrack()
    caller.addTrack(sent)
    tracks: list[aiortc.MediaStreamTrack] = []
    callee.on("track", tracks.append)

    await connect(caller, callee)

    assert [track.id for track in tracks] == [sent.id]
    async with asyncio.timeout(DEADLINE):
        await tracks[0].recv()
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_channel_event_has_a_channel_that_carries_messages() -> None:
    caller, callee = connection(), connection()
    channel = caller.createDataChannel("chat")
    received: asyncio.Queue[str | bytes] = asyncio.Queue()

    @callee.on("datachannel")
    def on_channel(opened: aiortc.RTCDataChannel) -> None:
        opened.on("message", received.put_nowait)
        opened.send(f"welcome to {opened.label}")

    answers: asyncio.Queue[str | bytes] = asyncio.Queue()
    channel.on("message", answers.put_nowait)
    channel.on("open", lambda: channel.send(b"\x00\x01"))
    await connect(caller, callee)

    async with asyncio.timeout(DEADLINE):
        assert await received.get() == b"\x00\x01"
        assert await answers.get() == "welcome to chat"
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_connection_closes_itself_when_the_peer_closes() -> None:
    caller, callee = connection(), connection()
    caller.createDataChannel("chat")
    await connect(caller, callee)
    closed = asyncio.Event()

    @callee.on("connectionstatechange")
    def on_state() -> None:
        if callee.connectionState == "closed":
            closed.set()

    await caller.close()

    async with asyncio.timeout(DEADLINE):
        await closed.wait()
    assert callee.signalingState == "closed"
    await callee.close()
