"""Sender and receiver reports, laid out as the figures of RFC 3550 section 6.4 say."""

from __future__ import annotations

import pytest

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import ReceiverReport, ReceptionReport, SenderReport, parse, write

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
