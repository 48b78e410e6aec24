"""The page of the demo uses the TURN server that the demo was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handfast.demo import DemoOptions, open_demo
from signaling.server import TurnSecret
from tests.support.browser.browsers import open_browser
from tests.support.browser.demo_page import DemoPage
from tests.support.network.turn import turn_daemon

if TYPE_CHECKING:
    from pathlib import Path

# Once it is connected, Chromium gathers no more: another connection with the same servers shows
# what they are worth.
_RELAYED = """new Promise((resolve) => {
    const { iceServers } = handfast.session.call.connection.getConfiguration();
    const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
    pc.onicecandidate = ({ candidate }) => candidate && resolve(candidate.type);
    pc.createDataChannel("any");
    pc.setLocalDescription();
})"""


@pytest.mark.needs("turnserver")
@pytest.mark.browser("chromium")
async def test_demo_page_gets_a_relayed_candidate_with_a_credential_of_its_own(
    tmp_path: Path,
) -> None:
    options = ("--no-tls", "--use-auth-secret", "--static-auth-secret=north")
    async with turn_daemon(tmp_path, *options) as turn:
        access = TurnSecret(urls=f"turn:{turn.host}:{turn.port}", secret="north")
        async with (
            open_demo(DemoOptions(port=0, ice_servers=(access,))) as demo,
            open_browser("chromium") as browser,
        ):
            page = await DemoPage.open(browser, demo.url)
            await page.call()
            assert await page.tab.evaluate(_RELAYED) == "relay"
            assert browser.complaints == []
