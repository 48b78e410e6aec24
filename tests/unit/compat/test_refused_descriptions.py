"""A description of which nothing can be used is refused as by aiortc, and changes nothing."""

from __future__ import annotations

import re

import pytest
from aiortc.exceptions import OperationError

import peer.compat as aiortc
from tests.support.compat.pairs import connect, connection


async def offered(*, video: bool = False) -> str:
    caller = connection()
    caller.addTrack(aiortc.VideoStreamTrack() if video else aiortc.AudioStreamTrack())
    await caller.setLocalDescription()
    text = caller.localDescription.sdp
    await caller.close()
    return text


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("a=ice-(ufrag|pwd):.*\r\n", "ICE username fragment or password is missing"),
        ("a=rtcp-mux\r\n", "RTCP mux is not enabled"),
    ],
)
async def test_compat_offer_without_what_its_only_section_needs_is_refused(
    pattern: str, sentence: str
) -> None:
    callee = connection()
    text = re.sub(pattern, "", await offered())

    with pytest.raises(ValueError, match=sentence):
        await callee.setRemoteDescription(aiortc.RTCSessionDescription(text, "offer"))

    assert callee.signalingState == "stable"
    assert callee.getTransceivers() == []
    await callee.close()


async def test_compat_offer_without_a_common_codec_is_refused() -> None:
    callee = connection()
    text = (await offered(video=True)).replace("/90000", "/92000")

    with pytest.raises(OperationError, match="Failed to set remote video description"):
        await callee.setRemoteDescription(aiortc.RTCSessionDescription(text, "offer"))

    assert callee.signalingState == "stable"
    await callee.close()


async def test_compat_section_without_a_common_codec_is_rejected_beside_another() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.AudioStreamTrack())
    caller.addTrack(aiortc.VideoStreamTrack())
    await caller.setLocalDescription()
    text = caller.localDescription.sdp.replace("/90000", "/92000")

    await callee.setRemoteDescription(aiortc.RTCSessionDescription(text, "offer"))
    await callee.setLocalDescription()

    assert "m=video 0 " in callee.localDescription.sdp
    assert "m=audio 0 " not in callee.localDescription.sdp
    await caller.close()
    await callee.close()


async def test_compat_answer_with_other_sections_is_refused() -> None:
    caller, callee = connection(), connection()
    caller.addTrack(aiortc.AudioStreamTrack())
    await caller.setLocalDescription()
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription()
    text = callee.localDescription.sdp.replace("m=audio", "m=video")

    with pytest.raises(ValueError, match="Media sections in answer do not match offer"):
        await caller.setRemoteDescription(aiortc.RTCSessionDescription(text, "answer"))

    assert caller.signalingState == "have-local-offer"
    await caller.close()
    await callee.close()


async def test_compat_offer_in_the_wrong_state_is_refused_as_by_aiortc() -> None:
    caller, callee = connection(), connection()
    caller.createDataChannel("chat")
    await caller.setLocalDescription()

    with pytest.raises(aiortc.InvalidStateError, match="Cannot handle offer in signaling state"):
        await caller.setRemoteDescription(caller.localDescription)

    await connect(caller, callee)
    await caller.close()
    await callee.close()
