"""Sender reports, and round trips by the report blocks that answer (RFC 3550 section 6.4)."""

from __future__ import annotations

import pytest

from peer.rtp.packet import RtpPacket
from peer.rtp.rtcp import ReceptionReport, compact_ntp, from_ntp
from peer.rtp.sending import RtpStreamSender
from peer.rtp.sending.sender_report_builder import REPORTS_KEPT
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.rtp.sending import audio_parameters, video_parameters, written

UNIX = UnixTime(1_700_000_000.25)


def transmission() -> RtpStreamSender:
    return RtpStreamSender(MediaKind.VIDEO, video_parameters(), ssrc=11, rtx_ssrc=12)


def send(
    stream: RtpStreamSender,
    *,
    now: float,
    captured: float | None = None,
    payload_type: int | None = None,
) -> RtpPacket:
    frame = stream.make_frame(
        [b"four"], timestamp=5000, capture_monotonic=captured, payload_type=payload_type
    )
    assert frame is not None
    (packet,) = written(frame, now=now)
    return RtpPacket.parse(packet)


def answer(last_sr: int, *, delay: float = 0.0) -> ReceptionReport:
    return ReceptionReport(11, 0, 0, 0, 0, last_sr, int(delay * 65536))


def test_no_sender_report_before_the_first_packet() -> None:
    stream = transmission()
    stream.make_frame([b"x"], timestamp=0, capture_monotonic=1.0)
    assert stream.sender_report(now=2.0, unix_now=UNIX) is None


def test_sender_report_relates_ntp_and_rtp_time() -> None:
    stream = transmission()
    sent = send(stream, now=10.2, captured=10.0)
    report = stream.sender_report(now=11.5, unix_now=UNIX)
    assert report is not None
    assert report.ssrc == 11
    assert from_ntp(report.ntp_time) == pytest.approx(UNIX)
    assert (report.rtp_timestamp - sent.timestamp) & 0xFFFFFFFF == 90_000 * 1.5


def test_sender_report_falls_back_to_the_time_of_sending() -> None:
    stream = transmission()
    sent = send(stream, now=10.0)
    report = stream.sender_report(now=11.0, unix_now=UNIX)
    assert report is not None
    assert (report.rtp_timestamp - sent.timestamp) & 0xFFFFFFFF == 90_000


def test_sender_report_ignores_timestamps_of_telephone_events() -> None:
    stream = RtpStreamSender(MediaKind.AUDIO, audio_parameters(), ssrc=21, rtx_ssrc=22)
    sent = send(stream, now=10.0, captured=10.0)
    send(stream, now=10.9, captured=10.9, payload_type=101)
    report = stream.sender_report(now=11.0, unix_now=UNIX)
    assert report is not None
    assert (report.rtp_timestamp - sent.timestamp) & 0xFFFFFFFF == 48_000


def test_sender_report_does_not_count_retransmissions() -> None:
    stream = transmission()
    sent = [send(stream, now=10.0) for _ in range(3)]
    for frame in stream.on_nack((sent[0].sequence_number,), 10.0):
        written(frame, now=10.0)
    report = stream.sender_report(now=10.5, unix_now=UNIX)
    assert report is not None
    assert (report.packet_count, report.octet_count) == (3, 12)


def test_report_block_gives_the_round_trip() -> None:
    stream = transmission()
    send(stream, now=10.0)
    report = stream.sender_report(now=11.0, unix_now=UNIX)
    assert report is not None
    found = stream.on_report(answer(compact_ntp(report.ntp_time), delay=0.5), 11.58)
    assert found == pytest.approx(0.08, abs=0.001)
    assert stream.round_trip_time == found


def test_round_trip_does_not_depend_on_the_wall_clock() -> None:
    stream = transmission()
    send(stream, now=10.0)
    report = stream.sender_report(now=11.0, unix_now=UNIX)
    stream.sender_report(now=12.0, unix_now=UnixTime(UNIX - 3600))
    assert report is not None
    assert stream.on_report(answer(compact_ntp(report.ntp_time)), 12.5) == pytest.approx(1.5)


def test_report_block_on_an_unknown_report_gives_no_round_trip() -> None:
    stream = transmission()
    send(stream, now=10.0)
    stream.sender_report(now=11.0, unix_now=UNIX)
    assert stream.on_report(answer(0), 12.0) is None
    assert stream.on_report(answer(12345), 12.0) is None
    assert stream.round_trip_time is None


def test_round_trip_is_never_negative() -> None:
    stream = transmission()
    send(stream, now=10.0)
    report = stream.sender_report(now=11.0, unix_now=UNIX)
    assert report is not None
    assert stream.on_report(answer(compact_ntp(report.ntp_time), delay=9), 11.1) == 0.0


def test_round_trip_needs_one_of_the_last_8_reports() -> None:
    stream = transmission()
    send(stream, now=10.0)
    reports = [
        stream.sender_report(now=11.0 + i, unix_now=UnixTime(UNIX + i))
        for i in range(REPORTS_KEPT + 1)
    ]
    first, second = (compact_ntp(each.ntp_time) for each in reports[:2] if each is not None)
    assert stream.on_report(answer(first), 30.0) is None
    assert stream.on_report(answer(second), 30.0) is not None
