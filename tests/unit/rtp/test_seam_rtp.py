"""The private names of aiortc's sender and receiver that the seam counts on."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import pytest
from aiortc.mediastreams import AudioStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver, decoder_worker
from aiortc.rtcrtpsender import RTCRtpSender

from peer.transport.seam.receiver import MediaReceiver
from peer.transport.seam.sender import MediaSender
from tests.support.media_link import media_link


def test_aiortc_is_the_release_that_the_seam_knows() -> None:
    assert version("aiortc").split(".")[:2] == ["1", "16"]


@pytest.mark.parametrize("ours", [MediaSender, MediaReceiver])
async def test_every_private_attribute_exists_in_aiortc(ours: type) -> None:
    face = media_link()[0].face
    theirs: object
    if ours is MediaSender:
        theirs = RTCRtpSender(AudioStreamTrack(), face)
    else:
        theirs = RTCRtpReceiver("audio", face)
    declared = [name for name in ours.__annotations__ if "__" in name]
    assert declared
    assert [name for name in declared if not hasattr(theirs, name)] == []


def test_every_method_that_is_overridden_or_called_exists_in_aiortc() -> None:
    for owner, names in (
        (RTCRtpSender, ["_next_encoded_frame", "_handle_rtcp_packet", "_send_keyframe"]),
        (RTCRtpReceiver, ["_handle_rtp_packet", "_handle_rtcp_packet", "_set_rtcp_ssrc"]),
    ):
        assert [name for name in names if not hasattr(owner, name)] == []


def test_sender_takes_codec_and_payload_type_from_one_object_at_each_frame() -> None:
    source = inspect.getsource(RTCRtpSender._run_rtp)  # noqa: SLF001 - the very thing to pin
    assert "self._next_encoded_frame(codec)" in source
    assert "payload_type=codec.payloadType" in source


def test_decoder_reads_and_writes_through_what_the_seam_replaces() -> None:
    receive = inspect.getsource(RTCRtpReceiver.receive)
    assert "self.__decoder_queue" in receive
    assert "self._track._queue" in receive
    worker = inspect.getsource(decoder_worker)
    assert "input_q.get()" in worker
    assert "output_q.put(" in worker
