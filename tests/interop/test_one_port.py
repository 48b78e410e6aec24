"""Ten connections of a page of Chromium with ten of ours, which are all on one UDP port."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from peer import PeerConfiguration, PeerConnection
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.connection_scripts import DESCRIBED, RECEIVED_PACKETS, answer_of
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import both_connected
from tests.support.network.free_ports import free_port, ports

if TYPE_CHECKING:
    from peer import DataChannelEvent
    from tests.support.browser.browsing import Page

CONNECTIONS = 10
_CALLS = f"""
    window.calls = [];
    window.call = async number => {{
        const made = calls[number] ??= {{ pc: new RTCPeerConnection(), heard: [] }};
        const {{ pc, heard }} = made;
        if (!made.channel) {{
            made.channel = pc.createDataChannel('chat');
            made.channel.onmessage = ({{ data }}) => heard.push(data);
            pc.addTransceiver('audio', {{ direction: 'recvonly' }});
        }}
        return {DESCRIBED}(pc);
    }};
    window.packets = number => {RECEIVED_PACKETS}(calls[number].pc);
    window.moreSound = async number => {{
        const before = await packets(number);
        while (await packets(number) < before + 10) await new Promise(done => setTimeout(done, 50));
        return true;
    }};
"""


def _answering(pc: PeerConnection, number: int) -> None:
    """Answer each message with the number of our connection in front."""

    def on_channel(event: DataChannelEvent) -> None:
        channel = event.channel

        def answer(message: str | bytes) -> None:
            channel.send(f"{number}: {message!s}")

        channel.on("message", answer)

    pc.on("datachannel", on_channel)


async def _exchange(page: Page, number: int, ours: PeerConnection) -> None:
    offer = await page.evaluate(f"call({number})")
    answer = await answer_of(ours, offer)
    await page.evaluate(f"calls[{number}].pc.setRemoteDescription({answer})")


async def _hears(page: Page, number: int, text: str) -> None:
    await page.wait_for(f"calls[{number}].channel.readyState === 'open'")
    await page.evaluate(f"calls[{number}].channel.send('{text}')")
    await page.wait_for(f"calls[{number}].heard.includes('{number}: {text}')")
    assert await page.evaluate(f"moreSound({number})")


@pytest.mark.browser("chromium")
async def test_ten_connections_of_chromium_reach_ours_on_one_port() -> None:
    port = free_port("0.0.0.0")
    configuration = PeerConfiguration(one_port=port)
    async with open_browser(BrowserName.CHROMIUM) as browser, AsyncExitStack() as stack:
        page = await browser.open("data:text/html,<title>page</title>")
        await page.evaluate(f"(() => {{ {_CALLS} }})()")
        ours = [
            await stack.enter_async_context(PeerConnection(configuration))
            for _ in range(CONNECTIONS)
        ]
        for number, each in enumerate(ours):
            each.addTrack(ToneTrack(440))
            _answering(each, number)
        await asyncio.gather(*(_exchange(page, number, pc) for number, pc in enumerate(ours)))
        await both_connected(*ours)
        assert [ports(each) for each in ours] == [{port}] * CONNECTIONS
        await asyncio.gather(*(_hears(page, number, "hello") for number in range(CONNECTIONS)))
        # New credentials of one, while the others go on.
        await page.evaluate("calls[3].pc.restartIce()")
        await _exchange(page, 3, ours[3])
        for number in (3, 4):
            await _hears(page, number, "again")
        await page.evaluate("calls[3].pc.close()")
        await _hears(page, 5, "still there")
