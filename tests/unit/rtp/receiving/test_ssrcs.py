"""Extended sequence numbers, loss, jitter, reports and capture times (RFC 3550)."""

from __future__ import annotations

import pytest

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.ssrcs import (
    BACK_CONFIRMATIONS,
    DROPOUT_LIMIT,
    SSRC_LIMIT,
    SenderClock,
    SequenceCounter,
    SsrcState,
    SsrcTable,
)
from peer.rtp.rtcp import SenderReport, compact_ntp, to_ntp
from peer.times import UnixTime


def packet(ssrc: int, number: int = 5, timestamp: int = 0) -> RtpPacket:
    return RtpPacket(
        payload_type=96, sequence_number=number, timestamp=timestamp, ssrc=ssrc, payload=b"12345"
    )


def counted(counter: SequenceCounter, *numbers: int) -> list[int]:
    return [counter.count(packet(1, number % 65536), 0.0) for number in numbers]


def test_extended_sequence_numbers_rise_through_wrap() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=65_534)
    first, *others = counted(counter, 65_534, 65_535, 0, 1)
    assert others == [first + 1, first + 2, first + 3]
    assert counter.lost == 0


def test_gap_counts_as_lost_until_filled() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=10)
    counted(counter, 10, 14)
    assert counter.lost == 3
    counted(counter, 12)
    assert counter.lost == 2


def test_late_packet_keeps_its_extended_number() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=65_535)
    first, _, late = counted(counter, 65_535, 1, 0)
    assert late == first + 1
    assert counter.highest == first + 2


def test_duplicates_make_loss_negative() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=10)
    counted(counter, 10, 10, 10)
    assert counter.lost == -2


def test_single_packet_far_ahead_changes_no_counts() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=10)
    first, far, after = counted(counter, 10, 10 + DROPOUT_LIMIT + 5, 11)
    assert far == -1
    assert after == first + 1
    assert counter.packets == 2
    assert not counter.jumped


def test_two_packets_in_a_row_confirm_jump() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=10)
    first, far, near, after = counted(counter, 10, 30_000, 30_001, 30_002)
    assert far == -1
    assert counter.jumped
    assert first < near == after - 1
    assert near % 65536 == 30_001
    assert counter.lost == 0
    assert counter.packets == 4


def test_far_packets_between_others_are_never_confirmed() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=10)
    counted(counter, 10, 30_000, 11, 30_001, 12)
    assert not counter.jumped
    assert counter.highest % 65536 == 12


def test_retransmissions_in_a_row_do_not_turn_sequence_back() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=1000)
    counted(counter, 1000, 1200, *range(1010, 1010 + BACK_CONFIRMATIONS - 1), 1201)
    assert counter.highest % 65536 == 1201


def test_sender_that_went_back_is_followed() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=1000)
    former = counted(counter, 1000)[0]
    numbers = counted(counter, *range(500, 500 + BACK_CONFIRMATIONS))
    assert counter.jumped
    assert numbers[-1] > former
    assert numbers[-1] % 65536 == 500 + BACK_CONFIRMATIONS - 1


def test_fraction_lost_is_of_interval_since_last_report() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=0)
    counted(counter, 0, 1, 3, 4)
    assert counter.fraction_lost() == 256 // 5
    counted(counter, 5, 6)
    assert counter.fraction_lost() == 0


def test_fraction_lost_stays_within_a_byte() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=0)
    counted(counter, 0, 0)
    assert counter.fraction_lost() == 0
    counted(counter, 2000)
    assert counter.fraction_lost() == 255


def test_interarrival_jitter_follows_rfc3550_appendix_a8() -> None:
    counter = SequenceCounter(clock_rate=8000, sequence_number=0)
    expected, former = 0.0, None
    for index, late in enumerate((0.0, 0.004, 0.001, 0.009, 0.0)):
        counter.count(packet(1, index, index * 160), 5.0 + index * 0.02 + late)
        if former is not None:
            expected += (abs(late - former) - expected) / 16
        former = late
    assert counter.jitter == pytest.approx(expected)


def test_wrap_of_timestamps_is_no_jitter() -> None:
    counter = SequenceCounter(clock_rate=8000, sequence_number=0)
    counter.count(packet(1, 0, 2**32 - 80), 5.0)
    counter.count(packet(1, 1, 80), 5.02)
    assert counter.jitter == pytest.approx(0.0)


def test_jump_of_timestamps_is_no_jitter() -> None:
    counter = SequenceCounter(clock_rate=8000, sequence_number=0)
    counter.count(packet(1, 0), 5.0)
    counter.count(packet(1, 1, 1_000_000_000), 5.02)
    assert counter.jitter == 0.0


def test_packets_of_one_video_frame_are_no_jitter() -> None:
    counter = SequenceCounter(clock_rate=90_000, sequence_number=0)
    for index in range(10):
        counter.count(packet(1, index, 3000), 5.0 + index * 0.01)
    assert counter.jitter == 0.0


def report(ssrc: int, ntp_time: int = 0) -> SenderReport:
    return SenderReport(
        ssrc=ssrc, ntp_time=ntp_time, rtp_timestamp=0, packet_count=1, octet_count=1
    )


def receive_media(table: SsrcTable, ssrc: int, *numbers: int) -> None:
    state = table.begin(packet(ssrc, numbers[0]), 90_000)
    for number in numbers:
        state.counter.count(packet(ssrc, number), 10.0)


def count_rtx(table: SsrcTable, ssrc: int) -> SsrcState | None:
    return table.count_rtx(packet(ssrc), repairs=1, clock_rate=90_000, arrival=10.0)


def test_number_of_ssrcs_is_limited_but_current_one_stays() -> None:
    table = SsrcTable()
    receive_media(table, 1, 5)
    for ssrc in range(100, 200):
        count_rtx(table, ssrc)
    assert len(table) == SSRC_LIMIT
    assert 1 in [state.ssrc for state in table]
    assert 199 in [state.ssrc for state in table]


def test_early_sender_reports_are_bounded() -> None:
    table = SsrcTable()
    for ssrc in range(1000):
        table.receive_report(report(ssrc, to_ntp(1_700_000_000.0)), 10.0)
    receive_media(table, 0, 5)
    receive_media(table, 999, 5)
    known = {each.ssrc: each.last_sr for each in table.reports(11.0)}
    assert known == {0: 0, 999: compact_ntp(to_ntp(1_700_000_000.0))}


def test_reception_report_has_loss_and_delay_since_sender_report() -> None:
    table = SsrcTable()
    receive_media(table, 1, 65_535, 0, 2)
    ntp = to_ntp(1_700_000_000.5)
    table.receive_report(report(1, ntp), 10.0)
    (block,) = table.reports(10.5)
    assert block.ssrc == 1
    assert block.cumulative_lost == 1
    assert block.fraction_lost == 64
    assert block.highest_sequence == 0x10002
    assert block.last_sr == compact_ntp(ntp)
    assert block.delay_since_last_sr == 32768


def test_silent_ssrc_has_no_reception_report() -> None:
    table = SsrcTable()
    receive_media(table, 1, 5)
    assert len(table.reports(11.0)) == 1
    assert table.reports(12.0) == ()


def test_rtx_packets_do_not_count_as_media() -> None:
    table = SsrcTable()
    receive_media(table, 1, 5)
    assert count_rtx(table, 1) is None
    assert count_rtx(table, 2) is not None
    assert {state.ssrc: state.repairs for state in table} == {1: None, 2: 1}


def test_delay_since_sender_report_is_never_negative() -> None:
    table = SsrcTable()
    receive_media(table, 1, 5)
    table.receive_report(report(1, to_ntp(1_700_000_000.0)), 10.0)
    assert table.reports(9.0)[0].delay_since_last_sr == 0


VIDEO = 90_000


def add_report(
    clock: SenderClock, timestamp: int, wall: float | None, *, clock_rate: int = VIDEO
) -> None:
    ntp_time = 0 if wall is None else to_ntp(wall)
    clock.add_report(ntp_time=ntp_time, timestamp=timestamp, clock_rate=clock_rate)


WALL = 1_700_000_000.0


def test_capture_time_is_unknown_before_sender_report() -> None:
    clock = SenderClock()
    assert clock.capture_time(0, clock_rate=48_000) is None


def test_capture_time_is_interpolated_from_sender_report() -> None:
    clock = SenderClock()
    add_report(clock, 48_000, WALL, clock_rate=48_000)
    assert clock.capture_time(72_000, clock_rate=48_000) == pytest.approx(WALL + 0.5, abs=1e-3)
    assert clock.capture_time(24_000, clock_rate=48_000) == pytest.approx(WALL - 0.5, abs=1e-3)


def test_capture_time_survives_wrap_of_timestamp() -> None:
    clock = SenderClock()
    add_report(clock, 2**32 - 480, WALL, clock_rate=48_000)
    assert clock.capture_time(480, clock_rate=48_000) == pytest.approx(WALL + 0.02, abs=1e-3)


def test_sender_report_without_ntp_time_gives_no_capture_time() -> None:
    clock = SenderClock()
    add_report(clock, 48_000, None, clock_rate=48_000)
    assert clock.capture_time(48_000, clock_rate=48_000) is None


def test_drift_of_sender_clock_is_measured() -> None:
    clock = SenderClock()
    rate = 90_000 * 1.0005
    for second in range(0, 9, 2):
        clock.add_report(
            ntp_time=to_ntp(WALL + second), timestamp=int(second * rate), clock_rate=90_000
        )
    assert clock.capture_time(int(18 * rate), clock_rate=90_000) == pytest.approx(
        WALL + 18, abs=0.0005
    )


def test_impossible_clock_rate_is_not_believed() -> None:
    clock = SenderClock()
    add_report(clock, 0, WALL)
    add_report(clock, 50_000, WALL + 5)
    assert clock.capture_time(50_000 + 90_000, clock_rate=90_000) == pytest.approx(
        WALL + 6, abs=1e-3
    )


def test_sender_clock_that_was_set_is_followed() -> None:
    clock = SenderClock()
    add_report(clock, 0, WALL)
    add_report(clock, 90_000, WALL - 100)
    found = clock.capture_time(90_000, clock_rate=VIDEO)
    assert found == pytest.approx(WALL - 100, abs=1e-3)


def test_absolute_capture_time_is_preferred_to_sender_reports() -> None:
    clock = SenderClock()
    add_report(clock, 0, WALL)
    clock.add_capture_time(90_000, UnixTime(WALL - 7))
    add_report(clock, 180_000, WALL + 2)
    found = clock.capture_time(180_000, clock_rate=VIDEO)
    assert found == pytest.approx(WALL - 6, abs=1e-3)
