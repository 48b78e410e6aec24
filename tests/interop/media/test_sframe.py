"""SFrame (RFC 9605) with Chromium, whose page encrypts by RTCRtpScriptTransform, both ways."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from peer import SFrameReceiver, SFrameSender
from tests.support.browser.media_page import Subject, Wish, media_call
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import until

KEY = bytes(range(16))

if TYPE_CHECKING:
    from pathlib import Path

#: Chromium 156 passes frames by its RTCRtpScriptTransform without this option.
CONNECTION = """
const Plain = RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(options) { super({ ...options, encodedInsertableStreams: true }); }
};
"""

#: Sender and receiver of one key of generation 0, with AES_128_GCM_SHA256_128.
WORKER = """
const text = (letters) => new TextEncoder().encode(letters);
const joined = (...parts) => new Uint8Array(parts.flatMap((part) => [...part]));

async function derived(secret, label, size) {
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const info = joined(text(label), new Uint8Array(8), [0, 4]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
  return new Uint8Array(await crypto.subtle.deriveBits(how, base, size * 8));
}

function octets(counter) {
  const found = [];
  for (let rest = counter; rest > 0; rest = Math.floor(rest / 256)) found.unshift(rest % 256);
  return found;
}

async function keysOf(transformer) {
  const secret = new Uint8Array(transformer.options.secret);
  const salt = await derived(secret, "SFrame 1.0 Secret salt ", 12);
  const raw = await derived(secret, "SFrame 1.0 Secret key ", 16);
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  return { salt, key };
}

// The streams are joined before anything is awaited: Chromium passes frames by otherwise.
onrtctransform = ({ transformer }) => {
  const keys = keysOf(transformer);
  let counter = 0;

  const cipher = (salt, number, additionalData) => {
    const iv = salt.slice();
    octets(number).reverse().forEach((octet, place) => { iv[11 - place] ^= octet; });
    return { name: "AES-GCM", iv, additionalData, tagLength: 128 };
  };
  const encrypt = async (clear, rest) => {
    const number = counter++;
    const field = octets(number);
    const header = number < 8 ? [number] : [8 | (field.length - 1), ...field];
    const { salt, key } = await keys;
    const how = cipher(salt, number, joined(header, clear));
    return joined(clear, header, new Uint8Array(await crypto.subtle.encrypt(how, key, rest)));
  };
  const decrypt = async (clear, rest) => {
    const size = rest[0] & 8 ? (rest[0] & 7) + 1 : 0;
    const header = rest.slice(0, 1 + size);
    const number = size ? header.slice(1).reduce((all, octet) => all * 256 + octet, 0) : rest[0];
    const { salt, key } = await keys;
    const how = cipher(salt, number, joined(header, clear));
    const plain = await crypto.subtle.decrypt(how, key, rest.slice(1 + size));
    return joined(clear, new Uint8Array(plain));
  };
  const change = transformer.options.encrypts ? encrypt : decrypt;
  const changes = new TransformStream({
    async transform(frame, controller) {
      const octetsOfFrame = new Uint8Array(frame.data);
      const clear = { key: 10, delta: 3 }[frame.type] ?? 0;
      try {
        const changed = await change(octetsOfFrame.slice(0, clear), octetsOfFrame.slice(clear));
        frame.data = changed.buffer;
        controller.enqueue(frame);
      } catch { /* a frame from before the other end encrypted */ }
    },
  });
  transformer.readable.pipeThrough(changes).pipeTo(transformer.writable);
};
"""

PAGE = """(() => {
  const url = URL.createObjectURL(new Blob([%s], { type: "text/javascript" }));
  const worker = (window.frames_worker = new Worker(url));
  const made = (encrypts) => new RTCRtpScriptTransform(worker, { encrypts, secret: %s });
  // Chromium wants both before the first frame.
  for (const sender of media.connection.getSenders()) sender.transform = made(true);
  media.connection.addEventListener("track", (event) => {
    event.receiver.transform = made(false);
  });
  return 0;
})()"""


@pytest.mark.browser("chromium")
async def test_frames_are_encrypted_end_to_end_between_chromium_and_us(tmp_path: Path) -> None:
    # WebCrypto is there in a secure context only.
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><title>SFrame</title><script>{CONNECTION}</script>")
    async with media_call("chromium", url=page.as_uri()) as call, asyncio.timeout(DEADLINE):
        wishes = [Wish(subject=Subject.DO), Wish(subject=Subject.RED, codec="VP8")]
        for wish in wishes:
            await call.page.evaluate(f"media.add({json.dumps(wish.order)}).then(() => 0)")
        await call.page.evaluate(PAGE % (json.dumps(WORKER), json.dumps(list(KEY))))
        await call.be_offered([], [Subject.SO, Subject.BLUE])
        sends, takes = SFrameSender(KEY), [SFrameReceiver({0: KEY}) for _ in range(2)]
        for transceiver, each in zip(call.pc.getTransceivers(), takes, strict=True):
            transceiver.sender.transform = sends
            transceiver.receiver.transform = each
        expected = [Subject.DO, Subject.RED]
        assert await call.seen_here(expected) == expected
        expected = [Subject.SO, Subject.BLUE]
        assert await call.seen_there(expected) == expected
        # With another key nothing comes through: what came was encrypted.
        stranger = SFrameReceiver({0: b"another secret"})
        call.pc.getTransceivers()[0].receiver.transform = stranger
        await until(lambda: stranger.refused > 10)
