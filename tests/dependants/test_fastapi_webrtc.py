"""fastapi-webrtc 0.3 on `peer.compat`: a session of a page, by its protocol over a WebSocket."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.clock.deadline import DEADLINE
from tests.support.dependants.calling_page import DECODED, ENERGY, page_of
from tests.support.dependants.environments import DEPENDANTS
from tests.support.dependants.program import PROGRAMS, DependantProgram

PRACTICE = DEPENDANTS["fastapi-webrtc"]

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser("chromium"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(PRACTICE.python is None, reason="fastapi-webrtc wants Python 3.12"),
]

#: The client that fastapi-webrtc writes for a page is TypeScript; this one speaks its protocol.
CLIENT = """
(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const pc = globalThis.pc = new RTCPeerConnection();
  const socket = globalThis.socket = new WebSocket(
    `ws://${location.host}/rtc/practice`, "fastapi-webrtc.v1");
  const say = (message) => socket.send(JSON.stringify(message));
  const describe = async (negotiation) => {
    await pc.setLocalDescription();
    const { type, sdp } = pc.localDescription;
    say({ type: "description", description: { type, sdp }, negotiation });
  };
  globalThis.messages = [];
  globalThis.faults = [];
  globalThis.payloads = [];
  pc.onicecandidate = ({ candidate }) => say({ type: "candidate", candidate });
  pc.ontrack = ({ track }) => {
    const player = document.createElement(track.kind);
    player.autoplay = true;
    player.muted = track.kind === "video";
    player.srcObject = new MediaStream([track]);
    document.body.append(player);
  };
  const ready = new Promise((resolve) => {
    const take = async (message) => {
      if (message.type === "session") {
        const [{ name, id }] = message.channels;
        const channel = globalThis.channel = pc.createDataChannel(name, { negotiated: true, id });
        channel.onmessage = ({ data }) => messages.push(JSON.parse(data));
        for (const track of stream.getTracks()) pc.addTrack(track, stream);
        await describe(1);
      } else if (message.type === "description") {
        payloads.push([...message.description.sdp.matchAll(/^m=(.*)$/gm)].map(([, line]) => line));
        await pc.setRemoteDescription(message.description);
        if (message.description.type === "offer") await describe(message.negotiation);
      } else if (message.type === "candidate") {
        await pc.addIceCandidate(message.candidate);
      } else if (message.type === "ready") resolve();
      else faults.push(message);
    };
    let turn = Promise.resolve();
    socket.onmessage = ({ data }) => {
      turn = turn.then(() => take(JSON.parse(data))).catch((error) => faults.push(`${error}`));
    };
    socket.onclose = ({ code, reason }) => faults.push(`closed: ${code} ${reason}`);
  });
  await ready;
})()
"""


async def test_fastapi_webrtc_renegotiates_to_send_a_page_its_own_media_back() -> None:
    command = [str(PROGRAMS / "fastapi_practice.py")]
    async with (
        DependantProgram(PRACTICE, command) as program,
        page_of(f"{await program.address()}/docs") as page,
    ):
        await page.evaluate(CLIENT)
        await page.evaluate("channel.send(JSON.stringify({text: 'how are you'}))")
        await page.wait_for("messages.length > 0")
        assert await page.evaluate("messages[0]") == {"words": 3}
        assert await program.told("pair") == ["host", "host", "udp"]
        async with asyncio.timeout(DEADLINE):
            while await program.told("event") != "renegotiated":
                pass
        await page.wait_for(f"(async () => (await {ENERGY}) > 0.001)()")
        await page.wait_for(f"(async () => (await {DECODED}) > 30)()")
        assert await page.evaluate("faults") == []
        await page.evaluate("socket.close(1000)")
        async with asyncio.timeout(DEADLINE):
            while await program.told("event") != "closed":
                pass
