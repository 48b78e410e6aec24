"""RTCP compound packets and their reports, laid out as in RFC 3550 section 6.4."""

from __future__ import annotations

import pytest

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import (
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    ReceptionReport,
    RtcpPacket,
    SenderReport,
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


BLOCK = bytes.fromhex("11111111 40fffffd 00012345 00000600 b7052000 00054000")
REPORT = ReceptionReport(
    ssrc=0x11111111,
    fraction_lost=64,
    cumulative_lost=-3,
    highest_sequence=0x12345,
    jitter=0x600,
    last_sr=0xB7052000,
    delay_since_last_sr=0x54000,
)
SENT = bytes.fromhex("81c8000c deadbeef b44db70520000000 00bc614e 00000064 0001d4c0") + BLOCK
SENDER = SenderReport(
    ssrc=0xDEADBEEF,
    ntp_time=0xB44DB70520000000,
    rtp_timestamp=12345678,
    packet_count=100,
    octet_count=120_000,
    reports=(REPORT,),
)
RECEIVED = bytes.fromhex("82c9000d deadbeef") + BLOCK + BLOCK
RECEIVER = ReceiverReport(0xDEADBEEF, (REPORT, REPORT))
EMPTY = bytes.fromhex("80c90001 deadbeef")


@pytest.mark.parametrize(
    ("data", "packet"),
    [(SENT, SENDER), (RECEIVED, RECEIVER), (EMPTY, ReceiverReport(0xDEADBEEF))],
    ids=["sender", "receiver", "empty"],
)
def test_reports_are_parsed_and_written(data: bytes, packet: SenderReport | ReceiverReport) -> None:
    assert parse(data) == [packet]
    assert write([packet]) == data


@pytest.mark.parametrize("extra", [4, 24])
def test_profile_extension_of_a_report_is_skipped(extra: int) -> None:
    words = 12 + extra // 4
    assert parse(SENT[:2] + words.to_bytes(2, "big") + SENT[4:] + bytes(extra)) == [SENDER]


@pytest.mark.parametrize(
    ("lost", "octets"),
    [
        (0, "000000"),
        (-1, "ffffff"),
        (0x7FFFFF, "7fffff"),
        (-0x800000, "800000"),
        (0x800000, "7fffff"),
        (-0x800001, "800000"),
    ],
)
def test_cumulative_loss_has_24_bits_with_a_sign(lost: int, octets: str) -> None:
    report = ReceptionReport(1, 0, lost, 0, 0)
    written = write([ReceiverReport(2, (report,))])
    assert written[13:16] == bytes.fromhex(octets)
    (read,) = parse(written)
    assert isinstance(read, ReceiverReport)
    assert read.reports[0].cumulative_lost == max(-0x800000, min(lost, 0x7FFFFF))


@pytest.mark.parametrize("data", [SENT, RECEIVED], ids=["sender", "receiver"])
def test_report_with_too_few_words_is_malformed(data: bytes) -> None:
    for words in range(int.from_bytes(data[2:4], "big")):
        with pytest.raises(MalformedError):
            parse(data[:2] + words.to_bytes(2, "big") + data[4 : 4 + 4 * words])


def test_report_has_room_for_31_blocks() -> None:
    full = ReceiverReport(1, (REPORT,) * 31)
    assert parse(write([full])) == [full]
    with pytest.raises(ValueError, match="does not fit"):
        write([ReceiverReport(1, (REPORT,) * 32)])
