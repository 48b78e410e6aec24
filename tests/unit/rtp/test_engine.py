"""What comes of the packets of one transport, hostile ones included."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPsfbPacket, RtcpRrPacket, RtpPacket, pack_remb_fci

from peer.rtp.receiver import RtpReceiver
from peer.rtp.sender import RtpSender
from peer.rtp_parameters import HeaderExtension, MediaKind, ReceiveParameters
from tests.support.media_link import LinkEnd, media_link
from tests.support.rtp import codecs, receiving, sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VIDEO = MediaKind.VIDEO
VP8 = codecs(VIDEO, "VP8")[0].payload_type
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"


@pytest.fixture
async def end() -> AsyncIterator[LinkEnd]:
    end, _ = media_link()
    yield end
    await end.engine.close()


@pytest.fixture
async def receiver(end: LinkEnd) -> AsyncIterator[RtpReceiver]:
    receiver = RtpReceiver(VIDEO)
    receiver.start(end.face, receiving(VIDEO, "VP8"), 1)
    yield receiver
    await receiver.stop()


@pytest.fixture
async def sender(end: LinkEnd) -> AsyncIterator[RtpSender]:
    sender = RtpSender(VIDEO)
    sender.start(end.face, sending(VIDEO, "VP8"))
    yield sender
    await sender.stop()


def with_mid(mid: str, *, extension: int = 1, ssrc: int = 7) -> bytes:
    body = bytes([extension << 4 | len(mid) - 1]) + mid.encode()
    body += bytes(-len(body) % 4)
    header = RtpPacket(payload_type=VP8, ssrc=ssrc).serialize()[:12]
    words = (len(body) // 4).to_bytes(2, "big")
    return bytes([header[0] | 0x10]) + header[1:] + b"\xbe\xde" + words + body + b"\x10\x00"


async def test_packet_of_a_known_mid_reaches_its_receiver(
    end: LinkEnd, receiver: RtpReceiver
) -> None:
    end.engine.on_rtp(with_mid("0"), 0)
    assert end.engine.counters.rtp == 1
    assert [stats.ssrc for stats in (await receiver.getStats()).values()] == [7]


async def test_packet_of_nobody_is_counted(end: LinkEnd) -> None:
    end.engine.on_rtp(RtpPacket(payload_type=97, ssrc=1).serialize(), 0)
    assert end.engine.counters.unknown == 1


@pytest.mark.parametrize("packet", [b"", b"\x80", bytes(12), b"\x90" + bytes(11)])
async def test_malformed_rtp_is_counted(end: LinkEnd, packet: bytes) -> None:
    end.engine.on_rtp(packet, 0)
    assert end.engine.counters.malformed == 1


@pytest.mark.parametrize("packet", [b"\x80", bytes(4), b"\x81\xc9\x00\x00", b"\x80\xc8\xff\xff"])
async def test_malformed_rtcp_is_counted(end: LinkEnd, packet: bytes) -> None:
    end.engine.on_rtcp(packet)
    assert end.engine.counters.malformed == 1


@pytest.mark.usefixtures("receiver")
async def test_header_extension_of_a_wrong_length_is_malformed(end: LinkEnd) -> None:
    packet = with_mid("xy", extension=3)
    end.engine.on_rtp(packet, 0)
    assert end.engine.counters.malformed == 1


async def test_extension_ids_are_those_agreed_last(end: LinkEnd, receiver: RtpReceiver) -> None:
    receiver.update(
        ReceiveParameters(
            mid="0", codecs=codecs(VIDEO, "VP8"), extensions=(HeaderExtension(5, MID_URI),)
        )
    )
    end.engine.on_rtp(with_mid("elsewhere", extension=1, ssrc=8), 0)
    end.engine.on_rtp(with_mid("0", extension=5, ssrc=9), 0)
    assert (end.engine.counters.rtp, end.engine.counters.unknown) == (2, 0)


async def test_extension_id_may_mean_something_else_later(
    end: LinkEnd, receiver: RtpReceiver
) -> None:
    receiver.update(
        ReceiveParameters(
            mid="0",
            codecs=codecs(VIDEO, "VP8"),
            extensions=(HeaderExtension(3, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),),
        )
    )
    # As long as an audio level, and not as the absolute send time that 3 meant before.
    end.engine.on_rtp(with_mid("x", extension=3), 0)
    assert end.engine.counters.malformed == 0


async def test_stopped_receiver_gets_nothing(end: LinkEnd, receiver: RtpReceiver) -> None:
    await receiver.stop()
    end.engine.on_rtp(with_mid("0"), 0)
    assert end.engine.counters.unknown == 1


async def test_rtcp_about_our_stream_reaches_its_sender(end: LinkEnd, sender: RtpSender) -> None:
    pli = RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=sender.ssrc)
    remb = RtcpPsfbPacket(
        fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(800_000, [5, sender.ssrc])
    )
    strange = RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=sender.ssrc ^ 1)
    end.engine.on_rtcp(bytes(pli) + bytes(remb) + bytes(strange))
    assert end.engine.counters.rtcp == 2
    assert end.engine.failed == 0


async def test_remb_cut_short_is_malformed(end: LinkEnd, sender: RtpSender) -> None:
    fci = pack_remb_fci(800_000, [sender.ssrc])
    end.engine.on_rtcp(bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=fci[:8])))
    assert end.engine.counters.malformed == 1


async def test_streams_of_one_receiver_are_bounded(end: LinkEnd, receiver: RtpReceiver) -> None:
    for ssrc in range(1, 200):
        end.engine.on_rtp(with_mid("0", ssrc=ssrc), ssrc)
    # One receiver report has room for 31 streams.
    assert len(await receiver.getStats()) == 16


async def test_two_streams_at_once_do_not_undo_each_other(
    end: LinkEnd, receiver: RtpReceiver
) -> None:
    for turn in range(20):
        end.engine.on_rtp(with_mid("0", ssrc=1 + turn % 2), turn / 1000)
    assert [stats.ssrc for stats in (await receiver.getStats()).values()] == [1]


@pytest.mark.usefixtures("receiver", "sender")
async def test_hostile_packets_never_raise(end: LinkEnd) -> None:
    source = random.Random(3)
    seeds = [
        with_mid("0"),
        with_mid("0") + bytes(40),
        bytes(RtcpByePacket(sources=[7])) + bytes(RtcpRrPacket(ssrc=1)),
        bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(1, [1, 2]))),
    ]
    for turn in range(4000):
        packet = bytearray(source.choice(seeds))
        for _ in range(source.randrange(4)):
            packet[source.randrange(len(packet))] = source.randrange(256)
        end.engine.on_rtp(bytes(packet), turn * 0.05)
        end.engine.on_rtcp(bytes(packet[: source.randrange(len(packet) + 1)]))
    assert end.engine.failed == 0
    assert end.engine.counters.malformed > 0
