"""A connection that is kept while a page of Chromium reloads, with and without a goodbye."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.connection_scripts import DESCRIBED, RECEIVED_PACKETS, answer_of
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import both_connected, opened
from tests.support.peers.marks import EVERYTHING

if TYPE_CHECKING:
    from peer import DataChannel, DataChannelEvent
    from tests.support.browser.browsing import Page

#: The second is the first that finds a session to go on with.
RELOADS = 20 if EVERYTHING else 3
_OFFER = f"""(async () => {{
    window.pc = new RTCPeerConnection();
    window.heard = [];
    window.packets = () => {RECEIVED_PACKETS}(pc);
    window.channel = pc.createDataChannel('chat');
    channel.onmessage = ({{ data }}) => heard.push(data);
    pc.ondatachannel = ({{ channel }}) => channel.onmessage = ({{ data }}) => heard.push(data);
    pc.addTransceiver('audio', {{ direction: 'recvonly' }});
    return {DESCRIBED}(pc);
}})()"""


def _echoing(kept: PeerConnection) -> list[DataChannel]:
    channels: list[DataChannel] = []

    def echo(event: DataChannelEvent) -> None:
        channels.append(event.channel)
        event.channel.on("message", event.channel.send)

    kept.on("datachannel", echo)
    return channels


async def _exchange(page: Page, kept: PeerConnection) -> None:
    offer = await page.evaluate(_OFFER)
    await page.evaluate(f"pc.setRemoteDescription({await answer_of(kept, offer)})")


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
