"""RTP packets on the wire and as values."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket as TheirPacket

from peer.rtp.malformed import MalformedError
from peer.rtp.packet import RtpPacket

#: RFC 3550 section 5.1, field by field: V=2; M=1, PT=96; sequence number; timestamp; SSRC.
PLAIN = bytes.fromhex("80 e0 1234 01020304 deadbeef") + b"media"
#: The same with P, X and CC=2; the extension of section 5.3.1; and three octets of padding.
FULL = (
    bytes.fromhex("b2 60 1234 01020304 deadbeef 00000001 fffffffe bede0001 10ff0000")
    + b"media"
    + bytes.fromhex("000003")
)


def packet(**changes: object) -> RtpPacket:
    fields: dict[str, object] = {
        "payload_type": 96,
        "sequence_number": 0x1234,
        "timestamp": 0x01020304,
        "ssrc": 0xDEADBEEF,
        "payload": b"media",
    }
    return RtpPacket(**{**fields, **changes})  # type: ignore[arg-type] # what it tests


FULL_PACKET = packet(
    csrcs=(1, 0xFFFFFFFE), profile=0xBEDE, extension=bytes.fromhex("10ff0000"), padding=3
)


def test_a_plain_packet_is_read() -> None:
    assert RtpPacket.parse(PLAIN) == packet(marker=True)


def test_a_packet_with_everything_is_read() -> None:
    assert RtpPacket.parse(FULL) == FULL_PACKET


@pytest.mark.parametrize("data", [PLAIN, FULL])
def test_parsed_packet_is_written_unchanged(data: bytes) -> None:
    assert RtpPacket.parse(data).write() == data


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"marker": True},
        {"marker": True, "payload_type": 0},
        {"payload": b""},
        {"csrcs": tuple(range(15))},
        {"profile": 0x1000, "extension": b"\x01\x00\x00\x00"},
        {"profile": 0xBEDE, "extension": b""},
        {"padding": 255},
        {"padding": 1, "payload": b""},
        {"padding": 4, "profile": 0xBEDE, "extension": bytes(8), "csrcs": (7,)},
        {"payload_type": 127, "sequence_number": 0xFFFF, "timestamp": 0xFFFFFFFF, "ssrc": 0},
    ],
)
def test_written_packet_is_parsed_again(changes: dict[str, object]) -> None:
    written = packet(**changes)
    assert RtpPacket.parse(written.write()) == written


def test_aiortc_reads_our_rtp_packets() -> None:
    theirs = TheirPacket.parse(FULL_PACKET.write())
    assert theirs.sequence_number == FULL_PACKET.sequence_number
    assert theirs.timestamp == FULL_PACKET.timestamp
    assert theirs.ssrc == FULL_PACKET.ssrc
    assert tuple(theirs.csrc) == FULL_PACKET.csrcs
    assert theirs.padding_size == FULL_PACKET.padding
    assert theirs.payload == FULL_PACKET.payload


@pytest.mark.parametrize("data", [PLAIN, FULL], ids=["plain", "full"])
def test_a_packet_cut_short_is_malformed_or_has_less_payload(data: bytes) -> None:
    whole = RtpPacket.parse(data)
    for length in range(len(data)):
        try:
            read = RtpPacket.parse(data[:length])
        except MalformedError:
            continue
        assert len(read.payload) < len(whole.payload)
        assert read.ssrc == whole.ssrc


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an RTP header is cut short"),
        (PLAIN[:11], "an RTP header is cut short"),
        (b"\x00" + PLAIN[1:], "RTP of another version than 2"),
        (b"\x40" + PLAIN[1:], "RTP of another version than 2"),
        (b"\xc0" + PLAIN[1:], "RTP of another version than 2"),
        (b"\x8f" + PLAIN[1:], "an RTP packet ends among its contributing sources"),
        (b"\x90" + PLAIN[1:12], "an RTP packet ends before its header extension"),
        (b"\x90" + PLAIN[1:12] + b"\xbe\xde\x00\x01", "an RTP packet ends within its header"),
        (b"\xa0" + PLAIN[1:12], "an RTP packet has less padding than it says"),
        (b"\xa0" + PLAIN[1:12] + b"\x00", "an RTP packet has less padding than it says"),
        (b"\xa0" + PLAIN[1:12] + b"\x00\x03", "an RTP packet has less padding than it says"),
    ],
)
def test_broken_rtp_header_is_malformed(data: bytes, what: str) -> None:
    with pytest.raises(MalformedError, match=what):
        RtpPacket.parse(data)


def test_packet_may_have_padding_only() -> None:
    read = RtpPacket.parse(b"\xa0" + PLAIN[1:12] + bytes(254) + b"\xff")
    assert (read.payload, read.padding) == (b"", 255)


def test_an_oversized_packet_is_read() -> None:
    read = RtpPacket.parse(PLAIN[:12] + bytes(0xFFFF))
    assert len(read.payload) == 0xFFFF


def test_malformed_error_says_fault_and_offset() -> None:
    with pytest.raises(MalformedError) as caught:
        RtpPacket.parse(PLAIN[:5])
    assert (caught.value.what, caught.value.at) == ("an RTP header is cut short", 5)
    assert str(caught.value) == "an RTP header is cut short (octet 5)"


def test_packets_that_differ_are_not_equal() -> None:
    changes: list[dict[str, object]] = [
        {"payload_type": 97},
        {"marker": True},
        {"sequence_number": 1},
        {"timestamp": 1},
        {"ssrc": 1},
        {"payload": b""},
        {"csrcs": (1,)},
        {"profile": 1},
        {"extension": bytes(4)},
        {"padding": 1},
    ]
    assert packet() == packet()
    assert all(packet(**change) != packet() for change in changes)
    assert packet() != PLAIN


def test_a_packet_is_shown_without_its_payload() -> None:
    assert "media" not in repr(packet())
    assert "5 octets" in repr(packet())
