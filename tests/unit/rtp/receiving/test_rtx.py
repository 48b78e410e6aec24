"""Which stream a retransmission repairs, and what it brings back (RFC 4588)."""

from __future__ import annotations

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.rtx import LIMIT, RtxStreams, restore_rtx


def test_a_fid_group_decides() -> None:
    streams = RtxStreams()
    streams.configure([(20, 10)])
    assert streams.repaired(20, None, only=99) == 10


def test_a_repaired_rid_decides_where_nothing_was_signalled() -> None:
    streams = RtxStreams()
    streams.name(b"hi", 10)
    streams.name(b"lo", 11)
    assert streams.repaired(20, b"lo", only=10) == 11


def test_the_extension_need_not_be_repeated() -> None:
    streams = RtxStreams()
    streams.name(b"lo", 11)
    streams.repaired(20, b"lo", only=10)
    assert streams.repaired(20, None, only=10) == 11


def test_the_only_stream_is_meant_where_nobody_says() -> None:
    streams = RtxStreams()
    assert streams.repaired(20, None, only=10) == 10
    assert streams.repaired(20, b"unknown", only=10) == 10
    assert streams.repaired(20, None, only=None) is None


def test_names_are_remembered_within_bounds() -> None:
    streams = RtxStreams()
    for ssrc in range(LIMIT + 1):
        streams.name(b"%d" % ssrc, ssrc)
    assert streams.repaired(20, b"0", only=None) is None
    assert streams.repaired(20, b"1", only=None) == 1


def retransmission(payload: bytes) -> RtpPacket:
    return RtpPacket(
        payload_type=97,
        sequence_number=5,
        timestamp=3000,
        ssrc=20,
        payload=payload,
        marker=True,
    )


def test_the_packet_is_as_it_was() -> None:
    assert restore_rtx(retransmission(b"\x12\x34picture"), 96, 10) == RtpPacket(
        payload_type=96,
        sequence_number=0x1234,
        timestamp=3000,
        ssrc=10,
        payload=b"picture",
        marker=True,
    )


def test_a_probe_brings_nothing_back() -> None:
    assert restore_rtx(retransmission(b""), 96, 10) is None
    assert restore_rtx(retransmission(b"\x12"), 96, 10) is None
