"""Doubt about the selected path, with the time as an argument."""

from __future__ import annotations

from peer.transport.ice.path_doubt import CHECKS_IN_DOUBT, PathDoubt, PathTrust
from peer.transport.ice.timing import IceTiming

SURE, DOUBTED, LOST = PathTrust.SURE, PathTrust.DOUBTED, PathTrust.LOST


def doubt() -> PathDoubt:
    return PathDoubt(IceTiming(), now=100.0)


def checks_until(subject: PathDoubt, end: float) -> list[float]:
    """Look and check as a monitor does, without an answer; return when it checked."""
    times, now = [], 100.0
    while now < end:
        if subject.is_check_due(now):
            subject.on_check_sent(now)
            times.append(now)
        now = max(now + 0.01, min(subject.next_deadline(now), end))
    return times


def test_path_is_sure_while_nothing_was_asked() -> None:
    subject = doubt()
    assert subject.trust(1000.0) is SURE
    assert not subject.is_check_due(1000.0)


def test_path_is_doubted_a_second_after_an_unanswered_check() -> None:
    subject = doubt()
    subject.on_check_sent(105.0)
    assert subject.trust(105.9) is SURE
    assert subject.trust(106.0) is DOUBTED


def test_path_is_lost_two_seconds_after_the_first_unanswered_check() -> None:
    subject = doubt()
    subject.on_check_sent(105.0)
    assert subject.trust(106.9) is DOUBTED
    assert subject.trust(107.0) is LOST


def test_five_checks_are_unanswered_before_a_path_is_lost_and_one_a_second_follows() -> None:
    subject = doubt()
    subject.on_check_sent(100.0)
    times = checks_until(subject, 104.6)
    lost_at = 100.0 + IceTiming().consent_grace + CHECKS_IN_DOUBT * IceTiming().recheck
    before, after = ([t for t in times if (t < lost_at) is early] for early in (True, False))
    assert len(before) == CHECKS_IN_DOUBT
    assert len(after) == 2


def test_answer_ends_the_doubt() -> None:
    subject = doubt()
    subject.on_check_sent(105.0)
    subject.on_answer(106.5)
    assert subject.trust(110.0) is SURE
    assert not subject.is_check_due(110.0)


def test_suspicion_makes_one_check_due_at_once() -> None:
    subject = doubt()
    subject.suspect(102.0)
    assert subject.is_check_due(102.0)
    subject.on_check_sent(102.0)
    assert not subject.is_check_due(102.5)


def test_suspicion_is_idle_just_after_an_answer_and_while_a_check_waits() -> None:
    subject = doubt()
    subject.suspect(100.5)
    assert not subject.is_check_due(100.5)
    subject.on_check_sent(105.0)
    subject.suspect(105.5)
    assert not subject.is_check_due(105.5)


def test_flow_that_stops_is_suspicious_within_two_seconds() -> None:
    subject = doubt()
    for second in range(1, 4):
        subject.on_packets(50 * second, 100.0 + second)
    assert subject.next_deadline(103.0) == 104.0
    subject.on_packets(150, 104.0)
    assert subject.is_check_due(104.0)


def test_flow_that_stops_just_after_a_look_is_suspicious_as_well() -> None:
    subject = doubt()
    subject.on_packets(50, 101.0)
    subject.on_packets(52, 102.0)
    assert subject.is_check_due(102.0)


def test_pause_of_a_thin_flow_is_not_suspicious_and_costs_no_look() -> None:
    subject = doubt()
    subject.on_packets(4, 101.0)
    assert subject.next_deadline(101.0) == float("inf")
    subject.on_packets(4, 102.0)
    assert not subject.is_check_due(102.0)


def test_pause_of_the_process_is_no_late_answer() -> None:
    subject = doubt()
    subject.on_check_sent(105.0)
    subject.on_pause(30.0)
    assert subject.trust(135.9) is SURE
    assert subject.trust(136.0) is DOUBTED
