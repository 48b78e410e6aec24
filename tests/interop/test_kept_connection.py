"""A connection that is kept while a page of Chromium reloads, with and without a goodbye."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection, SdpType, SessionDescription
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import both_connected, local, opened, within
from tests.support.peers.marks import EVERYTHING

if TYPE_CHECKING:
    from peer import DataChannel, DataChannelEvent
    from tests.support.browser.browsing import Page

#: The second is the first that finds a session to go on with.
RELOADS = 20 if EVERYTHING else 3
_OFFER = """(async () => {
    window.pc = new RTCPeerConnection();
    window.heard = [];
    window.packets = async () => [...(await pc.getStats()).values()]
        .filter(s => s.type === 'inbound-rtp').reduce((n, s) => n + s.packetsReceived, 0);
    window.channel = pc.createDataChannel('chat');
    channel.onmessage = ({ data }) => heard.push(data);
    pc.ondatachannel = ({ channel }) => channel.onmessage = ({ data }) => heard.push(data);
    pc.addTransceiver('audio', { direction: 'recvonly' });
    await pc.setLocalDescription();
    await new Promise(done => {
        const look = () => pc.iceGatheringState === 'complete' && done();
        pc.onicegatheringstatechange = look;
        look();
    });
    return pc.localDescription.sdp;
})()"""


def _echoing(kept: PeerConnection) -> list[DataChannel]:
    channels: list[DataChannel] = []

    def echo(event: DataChannelEvent) -> None:
        channels.append(event.channel)
        event.channel.on("message", event.channel.send)

    kept.on("datachannel", echo)
    return channels


async def _exchange(page: Page, kept: PeerConnection) -> None:
    offer = await page.evaluate(_OFFER)
    await kept.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
    await kept.setLocalDescription()
    await within(kept.gathering_complete())
    answer = json.dumps({"type": "answer", "sdp": local(kept).sdp})
    await page.evaluate(f"pc.setRemoteDescription({answer})")


@pytest.mark.browser("chromium")
@pytest.mark.parametrize("goodbye", [True, False])
async def test_a_kept_connection_serves_a_page_of_chromium_that_reloads_again_and_again(
    goodbye: bool,
) -> None:
    async with open_browser(BrowserName.CHROMIUM) as browser, PeerConnection() as kept:
        channels = _echoing(kept)
        kept.addTrack(ToneTrack(440))
        for load in range(1, RELOADS + 1):
            page = await browser.open("data:text/html,<title>page</title>")
            await _exchange(page, kept)
            await both_connected(kept)
            await page.wait_for("channel.readyState === 'open'")
            await page.evaluate("channel.send('hello')")
            await page.wait_for("heard.includes('hello')")
            ours = kept.createDataChannel("from the kept one")
            await opened(ours)
            ours.send("there")
            await page.wait_for("heard.includes('there')")
            # Sound comes as well.
            await page.wait_for("packets().then(count => count > 0)")
            assert [each.readyState for each in channels] == ["closed"] * (load - 1) + ["open"]
            if goodbye:
                await page.evaluate("pc.close()")
            await page.close()
