"""Encoded frames that programs change on their way (W3C webrtc-encoded-transform), and SFrame."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConnection
from peer.errors import ConfigurationError
from peer.rtp.frame_transform import FrameToSend
from peer.rtp.sframe import SFrameReceiver, SFrameSender
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import connect, loopback, until, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import RtpReceiver, RtpSender
    from peer.rtp.frame_transform import CodedFrame

KEY = b"a secret of sixteen octets or so"


@asynccontextmanager
async def sending(*codecs: str) -> AsyncIterator[list[tuple[RtpSender, RtpReceiver]]]:
    """A call with a track for each codec: its sender, and the receiver at the other end."""
    async with PeerConnection(loopback()) as ours, PeerConnection(loopback()) as theirs:
        for codec in codecs:
            is_audio = codec.startswith("audio")
            track = SyntheticAudioTrack() if is_audio else SyntheticVideoTrack()
            transceiver = ours.addTransceiver(track, "sendonly")
            transceiver.setCodecPreferences([codec])
        senders = ours.getSenders()
        await connect(ours, theirs)
        yield list(zip(senders, theirs.getReceivers(), strict=True))


async def decoded(receiver: RtpReceiver, count: int = 3) -> list[Any]:
    async with asyncio.timeout(DEADLINE):
        return [await receiver.track.recv() for _ in range(count)]


async def test_sframe_encrypts_sound_and_pictures_from_end_to_end() -> None:
    sends, takes = SFrameSender(KEY), SFrameReceiver({0: KEY})
    seen: list[bytes] = []
    async with sending("audio/opus", "video/VP8") as pairs:
        for sender, receiver in pairs:
            sender.transform = sends
            receiver.transform = takes
        for _, receiver in pairs:
            assert await decoded(receiver)
        # One without the key has frames that nobody decodes: none comes through.
        _, listener = pairs[0]
        stranger = SFrameReceiver({0: b"another secret"})

        def tries(frame: CodedFrame) -> bytes | None:
            seen.append(frame.payload)
            return stranger(frame)

        listener.transform = tries
        await until(lambda: stranger.refused > 5)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("codec", ["video/VP8", "video/VP9", "video/H264", "video/AV1"])
async def test_frames_that_a_transform_leaves_as_they_are_are_sent_and_decoded(codec: str) -> None:
    """Frames are put together from packets, and cut into them again."""
    seen: dict[str, list[CodedFrame]] = {"sent": [], "received": []}

    def note(where: str, frame: CodedFrame) -> bytes:
        seen[where].append(frame)
        return frame.payload

    async with sending(codec) as ((sender, receiver),):
        sender.transform = lambda frame: note("sent", frame)
        receiver.transform = lambda frame: note("received", frame)
        assert await decoded(receiver)
    sent = {frame.payload for frame in seen["sent"]}
    assert isinstance(seen["sent"][0], FrameToSend)
    assert any(frame.keyframe for frame in seen["received"])
    if codec in ("video/VP8", "video/VP9"):
        assert {frame.payload for frame in seen["received"]} <= sent


async def test_transform_may_drop_frames_and_what_it_raises_is_told_and_drops_one() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    given = 0
    passed: list[bytes] = []

    def every_third(frame: CodedFrame) -> bytes | None:
        nonlocal given
        given += 1
        if given % 3 == 0:
            raise ValueError("a mistake of the program")
        if given % 3 == 1:
            return None
        passed.append(frame.payload)
        return frame.payload

    async with sending("audio/opus") as ((sender, receiver),):
        sender.transform = every_third
        # What was on its way before is there by then.
        await until(lambda: len(told) > 10)
        frames = receiver.encoded_frames(limit=100)
        async with asyncio.timeout(DEADLINE):
            taken = [await anext(frames) for _ in range(10)]
        assert {frame.payload for frame in taken} <= set(passed)
        assert "a transform of audio/opus has failed" in told[0]["message"]
        assert isinstance(told[0]["exception"], ValueError)
        sender.transform = None
        assert sender.transform is None


async def test_frame_after_one_that_a_receiver_has_dropped_has_a_gap() -> None:
    async with sending("audio/opus") as ((_, receiver),):
        count = 0

        def second_only(frame: CodedFrame) -> bytes | None:
            nonlocal count
            count += 1
            return frame.payload if count % 2 == 0 else None

        receiver.transform = second_only
        frames = receiver.encoded_frames(limit=100)
        async with asyncio.timeout(DEADLINE):
            taken = [await anext(frames) for _ in range(4)]
        assert all(frame.gap for frame in taken[1:])


async def test_what_cannot_change_frames_is_refused() -> None:
    async def waits(frame: CodedFrame) -> bytes:
        return frame.payload

    async with PeerConnection(loopback()) as connection:
        transceiver = connection.addTransceiver("audio")
        for wrong in (waits, b"bytes"):
            for end in (transceiver.sender, transceiver.receiver):
                with pytest.raises(ConfigurationError, match="a transform is a function"):
                    end.transform = wrong  # type: ignore[assignment]  # what is refused
                assert end.transform is None
        await within(asyncio.sleep(0))
