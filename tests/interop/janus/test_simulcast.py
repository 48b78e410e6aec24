"""Three encodings of one picture go to a room of Janus, whose subscribers choose among them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media import SyntheticVideoTrack
from peer import RtpEncodingParameters
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import only, within
from tests.support.peers.janus_calls import VIDEO_ROOM, MediaCall, media_call

if TYPE_CHECKING:
    from peer.rtp.inbound.readers import FrameReader
    from tests.support.peers.janus import JanusSession

pytestmark = [pytest.mark.needs("janus"), pytest.mark.xdist_group("peer-janus")]

ROOM = 1
WIDTH, HEIGHT = 320, 240
#: RIDs of Janus's own pages, the largest first: that is substream 2 to it.
RIDS = {"h": 1.0, "m": 2.0, "l": 4.0}


async def publish(call: MediaCall) -> int:
    """Publish three encodings, and return the number of the feed."""
    joined = await call.handle.ask({"request": "join", "ptype": "publisher", "room": ROOM})
    encodings = [
        RtpEncodingParameters(rid=rid, scaleResolutionDownBy=scale) for rid, scale in RIDS.items()
    ]
    track = SyntheticVideoTrack(width=WIDTH, height=HEIGHT)
    call.pc.addTransceiver(track, "sendonly", sendEncodings=encodings)
    said = await call.handle.ask({"request": "configure"}, await call.described())
    await call.pc.setRemoteDescription(said.jsep)
    await within(call.pc.connected())
    await within(call.handle.up)
    return int(joined.data["id"])


async def comes(frames: FrameReader, width: int) -> None:
    """Wait for a key frame of a width."""
    async with asyncio.timeout(DEADLINE):
        async for frame in frames:
            if frame.keyframe and frame.width == width:
                return


@pytest.mark.timeout(3 * DEADLINE)
async def test_subscriber_of_janus_gets_the_encoding_that_it_asks_for(janus: JanusSession) -> None:
    handle = await janus.attach(VIDEO_ROOM)
    await handle.ask({"request": "create", "room": ROOM, "publishers": 2})
    async with media_call(janus, VIDEO_ROOM) as one, media_call(janus, VIDEO_ROOM) as other:
        feed = await publish(one)
        sender = only(one.pc).sender
        assert [each.rid for each in sender.getParameters().encodings] == list(RIDS)
        streams = {"streams": [{"feed": feed}]}
        join = {"request": "join", "ptype": "subscriber", "room": ROOM, **streams}
        said = await other.handle.ask(join)
        await other.pc.setRemoteDescription(said.jsep)
        await other.handle.ask({"request": "start", "room": ROOM}, await other.described())
        await within(other.pc.connected())
        transceiver = only(other.pc)
        frames = transceiver.receiver.encoded_frames()
        for substream in (0, 2, 1):
            await other.handle.ask(
                {"request": "configure", "streams": [{"mid": "0", "substream": substream}]}
            )
            await comes(frames, WIDTH >> (2 - substream))
