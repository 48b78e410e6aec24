"""A page of Chromium that calls a program by one offer over HTTP, as the clients of most do."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from tests.support.browser.browsers import BrowserName, open_browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.browser.browsers import Page

_CALL = """
(async () => {
  const wanted = %s;
  const pc = globalThis.pc = new RTCPeerConnection();
  globalThis.messages = [];
  if (wanted.channel) {
    const channel = globalThis.channel = pc.createDataChannel(wanted.channel);
    channel.onmessage = ({ data }) => messages.push(data);
    globalThis.opened = new Promise((resolve) => { channel.onopen = () => resolve(true); });
  }
  pc.ontrack = ({ track }) => {
    const player = document.createElement(track.kind);
    player.autoplay = true;
    player.muted = track.kind === "video";
    player.srcObject = new MediaStream([track]);
    document.body.append(player);
  };
  if (wanted.send.length) {
    const kinds = Object.fromEntries(wanted.send.map((kind) => [kind, true]));
    const stream = await navigator.mediaDevices.getUserMedia(kinds);
    for (const kind of wanted.send) {
      pc.addTrack(stream.getTracks().find((track) => track.kind === kind), stream);
    }
  }
  for (const kind of wanted.receive) pc.addTransceiver(kind, { direction: "recvonly" });
  await pc.setLocalDescription(await pc.createOffer());
  if (pc.iceGatheringState !== "complete") {
    await new Promise((resolve) => {
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && resolve();
    });
  }
  const response = await fetch(wanted.path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...wanted.body, sdp: pc.localDescription.sdp, type: "offer" }),
  });
  const answer = await response.json();
  if (!answer.sdp) throw new Error(JSON.stringify(answer));
  await pc.setRemoteDescription({ type: answer.type, sdp: answer.sdp });
  return answer;
})()
"""

#: Frames of received pictures that the page has decoded.
DECODED = """(async () => [...(await pc.getStats()).values()]
  .filter((each) => each.type === "inbound-rtp" && each.kind === "video")
  .reduce((sum, each) => sum + (each.framesDecoded || 0), 0))()"""
#: Energy of received sound, which is 0 where it is silent.
ENERGY = """(async () => [...(await pc.getStats()).values()]
  .filter((each) => each.type === "inbound-rtp" && each.kind === "audio")
  .reduce((sum, each) => sum + (each.totalAudioEnergy || 0), 0))()"""


@contextlib.asynccontextmanager
async def page_of(address: str) -> AsyncIterator[Page]:
    """Open an address in Chromium."""
    async with open_browser(BrowserName.CHROMIUM) as browser:
        page = await browser.open(address)
        yield page
        await page.evaluate("void globalThis.pc?.close()")


async def call(
    page: Page,
    path: str,
    *,
    send: tuple[str, ...] = (),
    receive: tuple[str, ...] = (),
    channel: str | None = None,
    body: dict[str, Any] | None = None,
) -> Any:
    """Send an offer to a path of the page's server, take the answer, and return what came with it.

    Args:
        page: The page.
        path: Where the offer is posted.
        send: Kinds of media that the page sends, in the order of its m-sections.
        receive: Kinds that it receives only.
        channel: Label of a data channel; None for none.
        body: What is posted beside the description.
    """
    wanted = {
        "path": path,
        "send": send,
        "receive": receive,
        "channel": channel,
        "body": body or {},
    }
    return await page.evaluate(_CALL % json.dumps(wanted))
