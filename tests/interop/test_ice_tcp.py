"""Browsers call us without UDP: their active TCP candidates reach our passive ones (RFC 6544)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from peer import PeerConfiguration, PeerConnection, SdpType, SessionDescription
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.connection_scripts import DESCRIBED, RECEIVED_PACKETS
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    local,
    opened,
    within,
)
from tests.support.network.asgi import serve
from tests.support.network.free_ports import free_port
from tests.support.peers.marks import EVERYTHING

CALLED = [
    pytest.param(BrowserName.CHROMIUM, marks=pytest.mark.browser("chromium")),
    *(
        [pytest.param(BrowserName.FIREFOX, marks=pytest.mark.browser("firefox"))]
        if EVERYTHING
        else []
    ),
]
_ANSWER = f"""(async offer => {{
    if (!window.pc) {{
        window.pc = new RTCPeerConnection();
        window.heard = [];
        pc.ondatachannel = ({{ channel }}) => {{
            channel.onmessage = ({{ data }}) => {{ heard.push(data); channel.send(data); }};
        }};
        window.packets = () => {RECEIVED_PACKETS}(pc);
        window.selected = async () => {{
            const stats = await pc.getStats();
            const {{ selectedCandidatePairId }} =
                [...stats.values()].find(({{ type }}) => type === 'transport');
            return stats.get(stats.get(selectedCandidatePairId).localCandidateId);
        }};
        const audio = new AudioContext();
        const tone = audio.createOscillator();
        const made = audio.createMediaStreamDestination();
        tone.connect(made);
        tone.start();
        window.sound = made.stream.getAudioTracks()[0];
    }}
    await pc.setRemoteDescription({{ type: 'offer', sdp: offer }});
    if (!pc.getSenders().some(({{ track }}) => track)) pc.addTrack(sound);
    return {DESCRIBED}(pc);
}})"""


def without_udp(sdp: str) -> str:
    """The description as it is where no UDP gets through."""
    return re.sub(r"a=candidate:\S+ [12] (udp|UDP) [^\r]*\r\n", "", sdp)


async def empty_page(scope: Any, receive: Any, send: Any) -> None:
    """Serve a page with an origin: one without is given no TCP candidates by Chromium."""
    assert scope["type"] == "http"
    await receive()
    head = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"<title>page</title>"})


@pytest.mark.parametrize("name", CALLED)
async def test_browser_reaches_us_by_tcp_where_no_udp_gets_through(name: BrowserName) -> None:
    port = free_port("0.0.0.0")
    configuration = PeerConfiguration(one_port=port, ice_tcp=True)
    async with (
        serve(empty_page) as address,
        open_browser(name) as browser,
        PeerConnection(configuration) as ours,
    ):
        page = await browser.open(address.replace("ws://", "http://"))

        async def exchange() -> str:
            await ours.setLocalDescription()
            await within(ours.gathering_complete())
            offer = without_udp(local(ours).sdp)
            assert f" {port} typ host tcptype passive" in offer
            answer = await page.evaluate(f"{_ANSWER}({json.dumps(offer)})")
            await ours.setRemoteDescription(SessionDescription(without_udp(answer), SdpType.ANSWER))
            return str(answer)

        ours.addTrack(ToneTrack(440))
        channel = ours.createDataChannel("chat")
        assert "tcptype active" in await exchange()
        await both_connected(ours)
        await opened(channel)
        # Pictures and files are of many packets.
        text = "x" * 50_000
        echo = expected(channel, "message")
        channel.send(text)
        assert await within(echo) == text
        await page.wait_for("packets().then(count => count > 10)")
        selected = await page.evaluate("selected()")
        assert (selected["protocol"], selected["tcpType"]) == ("tcp", "active")
        pair = ours.security.transports[0].selected_pair
        assert pair is not None
        assert {each.transport for each in pair} == {"tcp"}
        (receiver,) = [each.receiver for each in ours.getTransceivers()]
        await within(anext(receiver.encoded_frames()))
        ours.restartIce()
        await exchange()
        echo = expected(channel, "message")
        channel.send("after the restart")
        assert await within(echo) == "after the restart"
