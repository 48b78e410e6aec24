"""What a sender and a receiver refuse, and what they know before they start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.errors import ConfigurationError, InvalidStateError
from peer.rtp.receiver import RtpReceiver
from peer.rtp.sender import RtpSender
from peer.rtp_parameters import MediaKind
from tests.support.media_link import media_link
from tests.support.rtp import PushTrack, receiving, sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VIDEO, AUDIO = MediaKind.VIDEO, MediaKind.AUDIO


@pytest.fixture
async def sender() -> AsyncIterator[RtpSender]:
    sender = RtpSender(VIDEO)
    yield sender
    await sender.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[RtpReceiver]:
    receiver = RtpReceiver(VIDEO)
    yield receiver
    await receiver.stop()


async def test_streams_are_named_from_the_beginning(sender: RtpSender) -> None:
    ssrcs = {sender.ssrc, sender.rtx_ssrc}
    face = media_link()[0].face
    sender.start(face, sending(VIDEO, "VP8"))
    (outbound,) = (await sender.getStats()).values()
    assert len(ssrcs) == 2
    assert outbound.ssrc == sender.ssrc


async def test_no_statistics_before_the_start(sender: RtpSender, receiver: RtpReceiver) -> None:
    assert await sender.getStats() == {}
    assert await receiver.getStats() == {}


async def test_track_of_another_kind_is_refused_and_nothing_changes(sender: RtpSender) -> None:
    track = PushTrack(VIDEO)
    await sender.replaceTrack(track)
    with pytest.raises(ConfigurationError, match="audio"):
        await sender.replaceTrack(PushTrack(AUDIO))
    assert sender.track is track


async def test_stopped_sender_takes_no_track(sender: RtpSender) -> None:
    await sender.stop()
    with pytest.raises(InvalidStateError):
        await sender.replaceTrack(None)


async def test_sender_starts_once(sender: RtpSender) -> None:
    face = media_link()[0].face
    with pytest.raises(InvalidStateError):
        sender.update(sending(VIDEO))
    sender.start(face, sending(VIDEO))
    with pytest.raises(InvalidStateError):
        sender.start(face, sending(VIDEO))
    await sender.stop()
    with pytest.raises(InvalidStateError):
        sender.start(face, sending(VIDEO))


async def test_receiver_starts_once(receiver: RtpReceiver) -> None:
    face = media_link()[0].face
    with pytest.raises(InvalidStateError):
        receiver.update(receiving(VIDEO))
    receiver.start(face, receiving(VIDEO), 1)
    with pytest.raises(InvalidStateError):
        receiver.start(face, receiving(VIDEO), 1)
    await receiver.stop()
    with pytest.raises(InvalidStateError):
        receiver.start(face, receiving(VIDEO), 1)


async def test_track_of_a_receiver_is_one_and_the_same(receiver: RtpReceiver) -> None:
    track = receiver.track
    receiver.start(media_link()[0].face, receiving(VIDEO), 1)
    assert receiver.track is track
    assert (track.kind, track.readyState) == ("video", "live")


async def test_track_ends_with_a_receiver_that_never_started(receiver: RtpReceiver) -> None:
    await receiver.stop()
    assert receiver.track.readyState == "ended"
