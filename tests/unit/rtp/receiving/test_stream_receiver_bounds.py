"""The memory of a stream receiver is bounded, for any packets of a peer."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import ClassVar

import pytest

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.access_units import VIDEO_FRAME_LIMIT
from peer.rtp.receiving.nack import MISSING_LIMIT
from peer.rtp.receiving.packet_buffer import GAP_LIMIT, WAITING_LIMIT
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import Nack, RtcpPacket
from peer.rtp_parameters import MediaKind
from tests.support.links.lossy_rtp import RTCP_SSRC, RTX, VP8, parameters

PACKETS = 6_000
KEY_START = b"\x10\x00\x00\x00\x9d\x01\x2a"
MIDDLE = b"\x00\x00"


class Octets(bytes):
    """A payload that is counted while anybody holds it."""

    alive: ClassVar[int] = 0

    def __new__(cls, value: bytes) -> Octets:
        cls.alive += 1
        return super().__new__(cls, value)

    def __del__(self) -> None:
        type(self).alive -= 1


def packet(number: int, timestamp: int, payload: bytes, *, ssrc: int = 1) -> RtpPacket:
    return RtpPacket(
        payload_type=96,
        sequence_number=number % 65536,
        timestamp=timestamp % 2**32,
        ssrc=ssrc,
        payload=Octets(payload),
    )


def every_other() -> Iterator[RtpPacket]:
    return (packet(2 * index, index, KEY_START) for index in itertools.count())


def a_picture_without_end() -> Iterator[RtpPacket]:
    return (packet(index, 0, MIDDLE if index else KEY_START) for index in itertools.count())


def a_picture_without_end_behind_a_gap() -> Iterator[RtpPacket]:
    yield packet(0, 0, KEY_START)
    yield from (packet(index, 1, KEY_START) for index in itertools.count(2))


def far_jumps() -> Iterator[RtpPacket]:
    return (packet(index * 20_001, index * 2**30, KEY_START) for index in itertools.count())


def gaps_just_believed() -> Iterator[RtpPacket]:
    return (packet(index * GAP_LIMIT, index, KEY_START) for index in itertools.count())


def many_streams() -> Iterator[RtpPacket]:
    return (packet(index, index, KEY_START, ssrc=index) for index in itertools.count())


def backwards() -> Iterator[RtpPacket]:
    return (packet(-index, -index, KEY_START) for index in itertools.count())


def noise() -> Iterator[RtpPacket]:
    rng = random.Random(5)
    while True:
        yield packet(rng.randrange(65536), rng.randrange(2**32), KEY_START)


@pytest.mark.parametrize("step", [0.0, 0.0001, 0.5])
@pytest.mark.parametrize(
    "packets",
    [
        every_other,
        a_picture_without_end,
        a_picture_without_end_behind_a_gap,
        far_jumps,
        gaps_just_believed,
        many_streams,
        backwards,
        noise,
    ],
)
def test_stream_receiver_memory_is_bounded(packets: type[Iterator[RtpPacket]], step: float) -> None:
    feedback: list[RtcpPacket] = []
    stream_receiver = RtpStreamReceiver(
        MediaKind.VIDEO, on_frame=lambda frame: None, on_feedback=feedback.extend
    )
    stream_receiver.configure(parameters(VP8, RTX), RTCP_SSRC)
    before = Octets.alive
    most, now = 0, 100.0
    for each in itertools.islice(packets(), PACKETS):
        now += step
        stream_receiver.receive(each, {}, now)
        if (due := stream_receiver.deadline) is not None and due <= now:
            stream_receiver.advance(now)
            assert stream_receiver.deadline is None or stream_receiver.deadline > now
        most = max(most, Octets.alive - before)
    assert most <= WAITING_LIMIT + VIDEO_FRAME_LIMIT + 2
    assert len(stream_receiver.statistics()) <= 16
    assert all(len(each.lost) <= MISSING_LIMIT for each in feedback if isinstance(each, Nack))
