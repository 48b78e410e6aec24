"""Chromium sends three encodings of one picture (RFC 8853), and we record the best there is."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import av
import pytest

from media import Recorder
from peer import PeerConnection, SdpType, SessionDescription
from tests.support.browser.browsers import BrowserName
from tests.support.browser.media_page import media_call
from tests.support.clock.deadline import DEADLINE
from tests.support.media.takes import errors
from tests.support.negotiation.connections import local, within
from tests.support.peers.exchange import hand_over, hear_description, trickling
from tests.support.peers.third_party import python_webrtc_stage

if TYPE_CHECKING:
    from pathlib import Path

    from media.recording.events import RecordingFailure
    from peer import EncodedTrack, RtpReceiver
    from peer.rtp.inbound.readers import FrameReader
    from tests.support.browser.media_page import MediaCall

#: Widths of the pictures of the two higher encodings; libwebrtc sends three from 960 on. A busy
#: machine may have Chromium make all of them smaller.
HIGH, MIDDLE = 960, 480
#: A page that sends them, and turns them on and off.
PROGRAM = """
globalThis.simulcast = (() => {
  let sender;
  return {
    begin(width) {
      const canvas = Object.assign(document.createElement("canvas"), { width, height: 540 });
      const context = canvas.getContext("2d");
      setInterval(() => {
        context.fillStyle = `hsl(${360 * Math.random()} 80% 50%)`;
        context.fillRect(width * Math.random(), 540 * Math.random(), 80, 80);
      }, 100);
      const sendEncodings = [4, 2, 1].map((by) => ({ rid: `by${by}`, scaleResolutionDownBy: by }));
      const options = { direction: "sendonly", sendEncodings };
      const track = canvas.captureStream().getVideoTracks()[0];
      sender = media.connection.addTransceiver(track, options).sender;
      const parameters = sender.getParameters();
      parameters.degradationPreference = "maintain-resolution";
      sender.setParameters(parameters);
    },
    async turn(on) {
      const parameters = sender.getParameters();
      parameters.encodings[2].active = on;
      await sender.setParameters(parameters);
    },
  };
})();
"""


@pytest.mark.browser("chromium")
@pytest.mark.needs("ffmpeg")
@pytest.mark.timeout(4 * DEADLINE)
async def test_recording_of_simulcast_is_one_file_of_the_highest_encoding_that_comes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "call.webm"
    failures: list[RecordingFailure] = []
    async with media_call("chromium") as call, asyncio.timeout(3 * DEADLINE):
        await call.page.evaluate(f"void (0, eval)({json.dumps(PROGRAM)})")
        await call.page.evaluate(f"simulcast.begin({HIGH})")
        await call.be_offered([], [])
        assert "a=simulcast:send by4;by2;by1" in call.there.sdp
        assert "a=simulcast:recv by4;by2;by1" in call.here.sdp
        (receiver,) = call.pc.getReceivers()
        recorder = Recorder(path)
        recorder.on("error", failures.append)
        recorder.addTrack(receiver)
        await recorder.start()
        frames = receiver.encoded_frames()
        await _come(frames, is_high=True)
        await call.page.evaluate("simulcast.turn(false).then(() => 0)")
        await _come(frames, is_high=False)
        await call.page.evaluate("simulcast.turn(true).then(() => 0)")
        await _come(frames, is_high=True)
        assert "a=simulcast:send by4;by2;by1" in await _offer(call)
        await recorder.stop()
    assert failures == []
    assert [each.path for each in recorder.stats.files] == [path]
    assert errors(path) == ""
    with av.open(str(path)) as file:
        shown = [(frame.pts or 0, frame.width) for frame in file.decode(video=0)]
    times = [pts for pts, _ in shown]
    assert times == sorted(set(times))
    high = [width > MIDDLE for _, width in shown]
    changes = [two for one, two in zip([None, *high], high, strict=False) if one != two]
    # It may begin with a lower one, and a busy machine may have it change once more.
    assert changes[changes.index(True) :][:3] == [True, False, True]


@pytest.mark.long
@pytest.mark.timeout(4 * DEADLINE)
@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.browser(each.value)) for each in BrowserName]
)
async def test_each_encoding_of_a_browser_can_be_chosen(name: BrowserName) -> None:
    async with media_call(name) as call, asyncio.timeout(3 * DEADLINE):
        await call.page.evaluate(f"void (0, eval)({json.dumps(PROGRAM)})")
        await call.page.evaluate(f"simulcast.begin({HIGH})")
        await call.be_offered([], [])
        (receiver,) = call.pc.getReceivers()
        rids = [each.rid for each in receiver.layers]
        assert rids == ["by4", "by2", "by1"]
        track = receiver.encoded_track()
        widths = []
        for rid in (*rids, "by2"):
            track.layer = rid
            widths.append(await _chosen_width(receiver, track, rid))
        assert widths[0] < widths[1] == widths[3] < widths[2]


@pytest.mark.long
@pytest.mark.needs("python_webrtc")
@pytest.mark.xdist_group("peer-python_webrtc")
@pytest.mark.timeout(4 * DEADLINE)
async def test_each_encoding_of_libwebrtc_in_python_can_be_chosen() -> None:
    encodings = {"by4": 4.0, "by2": 2.0, "by1": 1.0}
    async with (
        python_webrtc_stage() as open_peer,
        open_peer() as peer,
        PeerConnection() as pc,
        trickling(pc, peer) as ready,
        asyncio.timeout(3 * DEADLINE),
    ):
        await peer.tell("send", kind="video", encodings=encodings)
        await peer.tell("offer")
        offer = await hear_description(peer)
        assert "a=simulcast:send by4;by2;by1" in offer.sdp
        await pc.setRemoteDescription(offer)
        await pc.setLocalDescription()
        await hand_over(peer, local(pc))
        ready.set()
        await pc.connected()
        receiver = pc.getReceivers()[0]
        assert [each.rid for each in receiver.layers] == list(encodings)
        track = receiver.encoded_track()
        widths = []
        for rid in (*encodings, "by2"):
            track.layer = rid
            widths.append(await _chosen_width(receiver, track, rid))
        assert widths == [240, 480, 960, 480]


async def _chosen_width(receiver: RtpReceiver, track: EncodedTrack, rid: str) -> int:
    """The width of the next key frame of an encoding that a track gives."""
    while True:
        frame = await track.recv()
        (ssrc,) = (each.ssrc for each in receiver.layers if each.rid == rid)
        if frame.keyframe and frame.ssrc == ssrc:
            return frame.width or 0


async def _come(frames: FrameReader, *, is_high: bool) -> None:
    """Wait for a key frame of the highest encoding, or of another, and a frame after it."""
    async for frame in frames:
        if frame.keyframe and ((frame.width or 0) > MIDDLE) is is_high:
            await anext(frames)
            return


async def _offer(call: MediaCall) -> str:
    """Offer anew; returns the answer."""
    await call.pc.setLocalDescription()
    ours = local(call.pc)
    assert "a=simulcast:recv by4;by2;by1" in ours.sdp
    offer = json.dumps({"type": ours.type, "sdp": ours.sdp})
    await call.page.evaluate(f"media.connection.setRemoteDescription({offer}).then(() => 0)")
    answer = await within(call.page.evaluate("media.described()"))
    await call.pc.setRemoteDescription(SessionDescription(answer["sdp"], SdpType(answer["type"])))
    return str(answer["sdp"])
