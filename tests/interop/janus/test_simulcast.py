"""Three encodings of one picture go to a room of Janus, whose subscribers choose among them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from media import SyntheticVideoTrack
from peer import RtpEncodingParameters, SdpType, SessionDescription
from tests.support.browser.media_page import MediaCall as PageCall
from tests.support.browser.media_page import media_call as page_call
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import only, within
from tests.support.peers.janus_calls import VIDEO_ROOM, MediaCall, media_call

if TYPE_CHECKING:
    from peer.rtp.inbound.readers import FrameReader
    from tests.support.peers.janus import JanusHandle, JanusSession

pytestmark = [pytest.mark.needs("janus"), pytest.mark.xdist_group("peer-janus")]

ROOM = 1
WIDTH, HEIGHT = 320, 240
#: Seconds between two looks at what the page shows (ours).
_LOOK = 0.2
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


async def subscribed(janus: JanusSession, feed: int) -> tuple[JanusHandle, SessionDescription]:
    """A handle of a subscriber of one feed, and the offer of Janus to it."""
    handle = await janus.attach(VIDEO_ROOM)
    streams = {"streams": [{"feed": feed}]}
    said = await handle.ask({"request": "join", "ptype": "subscriber", "room": ROOM, **streams})
    return handle, said.jsep


async def choose(handle: JanusHandle, substream: int) -> None:
    """Ask for an encoding: 0 is the smallest to Janus."""
    await handle.ask({"request": "configure", "streams": [{"mid": "0", "substream": substream}]})


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
        other.handle, offer = await subscribed(janus, feed)
        await other.pc.setRemoteDescription(offer)
        await other.handle.ask({"request": "start", "room": ROOM}, await other.described())
        await within(other.pc.connected())
        frames = only(other.pc).receiver.encoded_frames()
        for substream in (0, 2, 1):
            await choose(other.handle, substream)
            await comes(frames, WIDTH >> (2 - substream))


@pytest.mark.long
@pytest.mark.browser("chromium")
@pytest.mark.timeout(3 * DEADLINE)
async def test_chromium_behind_janus_sees_the_encoding_that_it_asks_for(
    janus: JanusSession,
) -> None:
    handle = await janus.attach(VIDEO_ROOM)
    await handle.ask({"request": "create", "room": ROOM, "publishers": 2})
    async with media_call(janus, VIDEO_ROOM) as one, page_call("chromium") as call:
        handle, offer = await subscribed(janus, await publish(one))
        given = json.dumps({"type": offer.type.value, "sdp": offer.sdp})
        await call.page.evaluate(f"media.connection.setRemoteDescription({given}).then(() => 0)")
        answer = await call.page.evaluate("media.described()")
        described = SessionDescription(answer["sdp"], SdpType(answer["type"]))
        await handle.ask({"request": "start", "room": ROOM}, described)
        async with asyncio.timeout(2 * DEADLINE):
            for substream in (0, 2, 1):
                await choose(handle, substream)
                await shows(call, WIDTH >> (2 - substream))


async def shows(call: PageCall, width: int) -> None:
    """Wait until the page decodes pictures of a width."""
    while True:
        found = await call.page.evaluate("media.stats('inbound-rtp')")
        if any(each.get("frameWidth") == width for each in found):
            return
        await asyncio.sleep(_LOOK)
