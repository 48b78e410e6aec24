"""Programs for aiortc rewrite their own descriptions before they set them."""

from __future__ import annotations

import re

import pytest

import peer.compat as aiortc
from tests.support.compat.pairs import connect, connection


async def test_compat_offer_with_a_renamed_section_is_negotiated_by_that_name() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.AudioStreamTrack())
    offer = await caller.createOffer()
    renamed = aiortc.RTCSessionDescription(offer.sdp.replace("a=mid:0", "a=mid:first"), "offer")

    await caller.setLocalDescription(renamed)
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription()
    await caller.setRemoteDescription(callee.localDescription)

    assert [each.mid for each in caller.getTransceivers()] == ["first"]
    assert [each.mid for each in callee.getTransceivers()] == ["first"]
    assert "a=group:BUNDLE first" in caller.localDescription.sdp
    await caller.close()
    await callee.close()


async def test_compat_offer_without_a_codec_is_answered_without_it() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.VideoStreamTrack())
    offer = await caller.createOffer()
    lines = [line for line in offer.sdp.splitlines() if not re.match(r"a=[a-z-]+:(97|98) ", line)]
    text = "\r\n".join(lines).replace(" 97 98 ", " ") + "\r\n"

    await caller.setLocalDescription(aiortc.RTCSessionDescription(text, "offer"))
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription()

    assert "VP8" not in callee.localDescription.sdp
    assert "H264" in callee.localDescription.sdp
    await caller.close()
    await callee.close()


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("a=ice-pwd:.*", "a=ice-pwd:0123456789012345678901234"),
        ("a=setup:actpass", "a=setup:passive"),
        ("(?s)m=video.*", ""),
        ("m=video", "m=audio"),
        ("v=0", "v=1"),
    ],
)
async def test_compat_change_of_transport_or_sections_is_refused_and_changes_nothing(
    pattern: str, replacement: str
) -> None:
    caller = connection()
    caller.addTrack(aiortc.AudioStreamTrack())
    caller.addTrack(aiortc.VideoStreamTrack())
    offer = await caller.createOffer()
    text = re.sub(pattern, replacement, offer.sdp)
    assert text != offer.sdp

    with pytest.raises(ValueError, match="changed"):
        await caller.setLocalDescription(aiortc.RTCSessionDescription(text, "offer"))

    assert caller.signalingState == "stable"
    callee = connection()
    await connect(caller, callee)
    await caller.close()
    await callee.close()
