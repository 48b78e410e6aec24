"""RTCP compound packets are parsed and written."""

from __future__ import annotations

import pytest

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import (
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    RtcpPacket,
    SourceDescription,
    TransportFeedback,
    UnknownPacket,
    parse,
    write,
)

ALL: list[RtcpPacket] = [
    ReceiverReport(1),
    SourceDescription(((1, "name"),)),
    Nack(1, 2, (5, 7)),
    PictureLossIndication(1, 2),
    TransportFeedback(1, 2, 0, 9, 10, (1, None, 3)),
    Goodbye((1,)),
]
PLI = bytes.fromhex("81ce0002 00000001 00000002")


def test_compound_packets_keep_their_order() -> None:
    assert parse(write(ALL)) == ALL


def test_reduced_size_rtcp_may_begin_with_any_packet() -> None:
    # RFC 5506: feedback need not wait for a report.
    assert parse(PLI) == [PictureLossIndication(1, 2)]


@pytest.mark.parametrize("packet_type", [0, 192, 195, 204, 207, 255])
def test_unknown_rtcp_types_are_kept_unchanged(packet_type: int) -> None:
    unknown = UnknownPacket(packet_type, 3, b"whatever")
    assert parse(PLI + write([unknown]) + PLI) == [
        PictureLossIndication(1, 2),
        unknown,
        PictureLossIndication(1, 2),
    ]


@pytest.mark.parametrize(("packet_type", "count"), [(205, 3), (205, 0), (206, 2), (206, 31)])
def test_unknown_feedback_formats_are_kept_unchanged(packet_type: int, count: int) -> None:
    unknown = UnknownPacket(packet_type, count, bytes(12))
    assert parse(write([unknown])) == [unknown]


@pytest.mark.parametrize("length", range(9))
def test_rtcp_packets_are_padded_to_whole_words(length: int) -> None:
    unknown = UnknownPacket(204, 0, bytes(range(length)))
    written = write([unknown])
    assert len(written) % 4 == 0
    assert parse(written) == [unknown]


@pytest.mark.parametrize("padding", [1, 4, 8])
def test_padding_is_left_out(padding: int) -> None:
    data = bytes.fromhex("a1cb0003 00000001") + bytes(7) + bytes((padding,))
    assert parse(data) == [Goodbye((1,))]


def test_padding_may_come_before_the_last_packet() -> None:
    # As Chromium pads its transport-wide feedback.
    first = bytes.fromhex("afcd0005 fa17fa17 43032fa0 00990001 3de80217 20019401")
    assert len(parse(first + PLI)) == 2


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "RTCP without a packet"),
        (b"\x80", "an RTCP header is cut short"),
        (PLI + b"\x80\xc9\x00", "an RTCP header is cut short"),
        (PLI[:-1], "an RTCP packet is cut short"),
        (PLI + PLI[:8], "an RTCP packet is cut short"),
        (b"\x41" + PLI[1:], "RTCP of another version than 2"),
        (PLI + bytes(4), "RTCP of another version than 2"),
        (b"\xa1" + PLI[1:-1] + b"\x00", "less padding than it says"),
        (b"\xa1" + PLI[1:-1] + b"\x09", "less padding than it says"),
        (b"\xa0\xc9\x00\x00", "less padding than it says"),
    ],
)
def test_what_breaks_the_format_is_malformed(data: bytes, what: str) -> None:
    with pytest.raises(MalformedError, match=what):
        parse(data)


def test_one_bad_packet_makes_the_datagram_malformed() -> None:
    with pytest.raises(MalformedError):
        parse(PLI + bytes.fromhex("81ce0001 00000001"))


def test_a_datagram_tells_of_no_more_packets_than_there_can_be() -> None:
    # 40 octets for 65535 packets: 50 of them would be millions.
    whole = write([TransportFeedback(1, 2, 0, 0, 0, (None,) * 0xFFFF)])
    assert len(whole) == 40
    assert len(parse(whole)) == 1
    with pytest.raises(MalformedError, match="too many"):
        parse(whole * 50)


def test_what_is_too_long_for_a_packet_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write([UnknownPacket(204, 0, bytes(4 * 0x10000))])
    with pytest.raises(ValueError, match="does not fit"):
        write([UnknownPacket(204, 32, b"")])
