"""Transport-wide feedback is matched with sent packets."""

from __future__ import annotations

import pytest

from peer.rtp.congestion.feedback_adapter import SENT_PACKETS, TransportFeedbackAdapter
from peer.rtp.rtcp import TransportFeedback
from peer.rtp.rtcp.transport_feedback import REFERENCE_UNIT


def feedback(base: int, *arrivals: int | None, reference: int = 100) -> TransportFeedback:
    return TransportFeedback(1, 2, 0, base, reference, arrivals)


def sent(*numbers: int) -> TransportFeedbackAdapter:
    packets = TransportFeedbackAdapter()
    for index, number in enumerate(numbers):
        packets.add_packets(number, [1000 + index], 50.0 + index)
    return packets


def test_acked_packets_have_both_times_and_their_size() -> None:
    found = sent(65535, 0).process(feedback(65535, 0, 40))
    assert [each[0] for each in found.packets] == [50.0, 51.0]
    assert [each[1] for each in found.packets] == pytest.approx([6.4, 6.41])
    assert [each[2] for each in found.packets] == [1000, 1001]
    assert found.lost == 0


def test_packets_sent_together_have_consecutive_numbers() -> None:
    packets = TransportFeedbackAdapter()
    packets.add_packets(65534, [700, 800, 900], 50.0)
    found = packets.process(feedback(65534, 0, 40, 80)).packets
    assert [(each[0], each[2]) for each in found] == [(50.0, 700), (50.0, 800), (50.0, 900)]


def test_missing_packet_is_lost_once() -> None:
    packets = sent(1, 2, 3)
    assert packets.process(feedback(1, 0, None, 0)).lost == 1
    assert packets.process(feedback(1, 0, None, 0)).lost == 0


def test_late_packet_is_not_lost() -> None:
    packets = sent(1, 2, 3)
    packets.process(feedback(1, 0, None, 0))
    found = packets.process(feedback(2, 80))
    assert found.lost == -1
    assert [each[2] for each in found.packets] == [1001]


def test_repeated_feedback_is_ignored() -> None:
    packets = sent(1, 2)
    packets.process(feedback(1, 0, 0))
    found = packets.process(feedback(1, 0, None))
    assert (found.packets, found.lost) == ([], 0)


def test_feedback_on_unsent_packets_is_ignored() -> None:
    found = sent(1).process(feedback(5, 0, None, 0))
    assert (found.packets, found.lost) == ([], 0)
    found = sent(1).process(feedback(1 + SENT_PACKETS, 0))
    assert (found.packets, found.lost) == ([], 0)


def test_feedback_adapter_remembers_8192_packets() -> None:
    packets = sent(*range(SENT_PACKETS + 1))
    assert packets.process(feedback(0, 0)).packets == []
    assert len(packets.process(feedback(1, 0)).packets) == 1


def test_reference_time_is_unwrapped() -> None:
    packets = sent(1, 2, 3)
    times = [
        packets.process(feedback(number, 0, reference=reference)).packets[0][1]
        for number, reference in ((1, 0x7FFFFF), (2, -0x800000), (3, 0x7FFFFE))
    ]
    assert times[1] - times[0] == pytest.approx(REFERENCE_UNIT)
    assert times[2] - times[0] == pytest.approx(-REFERENCE_UNIT)
