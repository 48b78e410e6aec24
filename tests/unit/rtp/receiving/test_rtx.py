"""The media SSRC and the original packets of retransmission streams (RFC 4588)."""

from __future__ import annotations

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.rtx import LIMIT, RtxAssociations, original_packet


def test_fid_group_decides_media_ssrc_of_rtx() -> None:
    streams = RtxAssociations()
    streams.configure([(20, 10)])
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=99) == 10


def test_repaired_rid_decides_media_ssrc_without_fid_group() -> None:
    streams = RtxAssociations()
    streams.add_rid(b"hi", 10)
    streams.add_rid(b"lo", 11)
    assert streams.media_ssrc(20, repaired_rid=b"lo", current_ssrc=10) == 11


def test_repaired_rid_is_remembered_for_rtx_ssrc() -> None:
    streams = RtxAssociations()
    streams.add_rid(b"lo", 11)
    streams.media_ssrc(20, repaired_rid=b"lo", current_ssrc=10)
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=10) == 11


def test_rtx_repairs_only_media_stream_by_default() -> None:
    streams = RtxAssociations()
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=10) == 10
    assert streams.media_ssrc(20, repaired_rid=b"unknown", current_ssrc=10) == 10
    assert streams.media_ssrc(20, repaired_rid=None, current_ssrc=None) is None


def test_rids_of_streams_are_bounded() -> None:
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


def test_rtx_packet_restores_original() -> None:
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


def test_rtx_probe_restores_no_packet() -> None:
    assert original_packet(retransmission(b""), payload_type=96, ssrc=10) is None
    assert original_packet(retransmission(b"\x12"), payload_type=96, ssrc=10) is None
