"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from peer.rtp import rtcp
from peer.rtp.congestion import TwccRecorder
from peer.rtp.congestion.twcc_recorder import SPAN_LIMIT
from peer.rtp.rtcp import TransportFeedback
from peer.rtp.rtcp.transport_feedback import REFERENCE_UNIT, TICK


def times(packets: Iterable[TransportFeedback]) -> dict[int, float | None]:
    """Return the last reported arrival of each number, after parsing the written packets."""
    found: dict[int, float | None] = {}
    for packet in rtcp.parse(rtcp.write(tuple(packets))):
        assert isinstance(packet, TransportFeedback)
        for index, ticks in enumerate(packet.arrivals):
            number = (packet.base_sequence + index) & 0xFFFF
            found[number] = (
                None if ticks is None else packet.reference_time * REFERENCE_UNIT + ticks * TICK
            )
    return found


def test_no_twcc_before_the_first_arrival() -> None:
    recorder = TwccRecorder(1)
    assert recorder.feedback() == ()


def test_twcc_reports_arrivals_and_gaps_in_quarters_of_a_millisecond() -> None:
    recorder = TwccRecorder(1)
    for number, arrival in ((10, 1000.0), (11, 1000.01), (14, 1000.0202)):
        recorder.record(number, ssrc=5, arrival=arrival)
    (packet,) = recorder.feedback()
    assert (packet.sender_ssrc, packet.media_ssrc) == (1, 5)
    told = times([packet])
    assert told[12] is None
    assert told[13] is None
    assert told[10] == pytest.approx(1000.0)
    assert told[11] == pytest.approx(1000.01)
    assert told[14] == pytest.approx(1000.02)
    assert set(told) == {10, 11, 12, 13, 14}


def test_twcc_begins_where_the_last_feedback_ended() -> None:
    recorder = TwccRecorder(1)
    recorder.record(65534, ssrc=5, arrival=1000.0)
    recorder.feedback()
    recorder.record(1, ssrc=5, arrival=1000.1)
    (packet,) = recorder.feedback()
    assert packet.base_sequence == 65535
    assert [each is None for each in packet.arrivals] == [True, True, False]


@pytest.mark.parametrize("step", [2, 40, 2000, 3000])
def test_twcc_of_numbers_that_jump_reports_every_arrival_and_few_losses(step: int) -> None:
    recorder = TwccRecorder(1)
    numbers = [(7 + index * step) & 0xFFFF for index in range(100)]
    for index, number in enumerate(numbers):
        recorder.record(number, ssrc=5, arrival=1000.0 + index / 1000)
    packets = recorder.feedback()
    told = sum(len(packet.arrivals) for packet in packets)
    assert told <= SPAN_LIMIT + len(numbers)
    # Each of 65,536 numbers stands for one packet at a time.
    assert {number for number, at in times(packets).items() if at is not None} == set(numbers)


def test_twcc_feedback_count_wraps_at_256() -> None:
    recorder = TwccRecorder(1)
    counts = []
    for number in range(300):
        recorder.record(number, ssrc=5, arrival=1000.0 + number)
        counts += [packet.count for packet in recorder.feedback()]
    assert counts == [number & 0xFF for number in range(300)]


def test_twcc_repeats_arrivals_behind_a_late_packet() -> None:
    recorder = TwccRecorder(1)
    for number in (10, 12, 13):
        recorder.record(number, ssrc=5, arrival=1000.0 + number / 1000)
    recorder.feedback()
    recorder.record(11, ssrc=5, arrival=1000.1)
    recorder.record(14, ssrc=5, arrival=1000.11)
    told = times(recorder.feedback())
    assert set(told) == {11, 12, 13, 14}
    assert None not in told.values()
    assert told[12] == pytest.approx(1000.012)


def test_twcc_reports_a_first_packet_that_was_reordered() -> None:
    recorder = TwccRecorder(1)
    recorder.record(0, ssrc=5, arrival=1000.0)
    recorder.record(65535, ssrc=5, arrival=1000.01)
    told = times(recorder.feedback())
    assert told == {65535: pytest.approx(1000.01), 0: pytest.approx(1000.0)}


def test_twcc_reports_a_duplicate_once_with_its_first_arrival() -> None:
    recorder = TwccRecorder(1)
    recorder.record(10, ssrc=5, arrival=1000.0)
    recorder.record(10, ssrc=5, arrival=1000.5)
    assert times(recorder.feedback()) == {10: pytest.approx(1000.0)}
    recorder.record(10, ssrc=5, arrival=1000.6)
    assert recorder.feedback() == ()


def test_twcc_ignores_a_number_of_long_ago() -> None:
    recorder = TwccRecorder(1)
    recorder.record(30_000, ssrc=5, arrival=1000.0)
    recorder.record(30_000 - SPAN_LIMIT, ssrc=5, arrival=1000.0)
    assert set(times(recorder.feedback())) == {30_000}


def test_twcc_stays_short_after_a_jump_of_numbers() -> None:
    recorder = TwccRecorder(1)
    for number in (10, 11, 30_000, 30_001):
        recorder.record(number, ssrc=5, arrival=1000.0)
    told = recorder.feedback()
    assert set(times(told)) == {10, 11, 30_000, 30_001}
    assert sum(len(packet.arrivals) for packet in told) == 4


def test_twcc_reports_an_outage_as_loss() -> None:
    recorder = TwccRecorder(1)
    recorder.record(10, ssrc=5, arrival=1000.0)
    recorder.feedback()
    recorder.record(510, ssrc=5, arrival=1002.0)
    told = times(recorder.feedback())
    assert sum(each is None for each in told.values()) == 499


def test_twcc_splits_arrivals_too_far_apart() -> None:
    recorder = TwccRecorder(1)
    recorder.record(10, ssrc=5, arrival=1000.0)
    recorder.record(11, ssrc=5, arrival=1009.0)
    told = recorder.feedback()
    assert len(told) == 2
    assert times(told) == {10: pytest.approx(1000.0), 11: pytest.approx(1009.0)}


def test_twcc_reference_time_wraps_after_months() -> None:
    recorder = TwccRecorder(1)
    recorder.record(10, ssrc=5, arrival=0x800000 * REFERENCE_UNIT)
    (packet,) = recorder.feedback()
    assert packet.reference_time == -0x800000
    assert rtcp.write((packet,))


def test_twcc_stays_short_for_any_numbers() -> None:
    recorder = TwccRecorder(1)
    largest = 0
    for number in range(50_000):
        # Every tenth comes long after the others.
        arrival = 1000.0 + number / 1000
        recorder.record(number * 7 & 0xFFFF, ssrc=5, arrival=arrival)
        if number % 100 == 99:
            for packet in recorder.feedback():
                largest = max(largest, len(packet.arrivals))
    assert largest <= SPAN_LIMIT
