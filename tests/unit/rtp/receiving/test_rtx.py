"""Which stream a retransmission repairs, and what it brings back (RFC 4588)."""

from __future__ import annotations

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.rtx import LIMIT, RtxAssociations, original_packet


def test_a_fid_group_decides() -> None:
    streams = RtxAssociations()
    streams.configure([(20, 10)])
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=99) == 10


def test_a_repaired_rid_decides_where_nothing_was_signalled() -> None:
    streams = RtxAssociations()
    streams.add_rid(b"hi", 10)
    streams.add_rid(b"lo", 11)
    assert streams.media_ssrc(20, repaired_rid=b"lo", current_ssrc=10) == 11


def test_the_extension_need_not_be_repeated() -> None:
    streams = RtxAssociations()
    streams.add_rid(b"lo", 11)
    streams.media_ssrc(20, repaired_rid=b"lo", current_ssrc=10)
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=10) == 11


def test_the_only_stream_is_meant_where_nobody_says() -> None:
    streams = RtxAssociations()
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=10) == 10
    assert streams.media_ssrc(20, repaired_rid=b"unknown", current_ssrc=10) == 10
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=None) is None


def test_names_are_remembered_within_bounds() -> None:
    streams = RtxAssociations()
    for ssrc in range(LIMIT + 1):
        streams.add_rid(b"%d" % ssrc, ssrc)
    assert streams.media_ssrc(20, repaired_rid=b"0", current_ssrc=None) is None
    assert streams.media_ssrc(20, repaired_rid=b"1", current_ssrc=None) == 1


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
    assert original_packet(
        retransmission(b"\x12\x34picture"), payload_type=96, ssrc=10
    ) == RtpPacket(
        payload_type=96,
        sequence_number=0x1234,
        timestamp=3000,
        ssrc=10,
        payload=b"picture",
        marker=True,
    )


def test_a_probe_brings_nothing_back() -> None:
    assert original_packet(retransmission(b""), payload_type=96, ssrc=10) is None
    assert original_packet(retransmission(b"\x12"), payload_type=96, ssrc=10) is None
