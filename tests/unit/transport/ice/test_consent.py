"""Consent freshness (RFC 7675), with the time as an argument."""

from __future__ import annotations

import pytest

from peer.transport.ice.consent import Consent, ConsentState
from peer.transport.ice.timing import IceTiming

FRESH, SILENT, EXPIRED = ConsentState.FRESH, ConsentState.SILENT, ConsentState.EXPIRED


def consent(random: float = 0.5) -> Consent:
    return Consent(IceTiming(), lambda: random, now=100.0)


@pytest.mark.parametrize(("random", "first"), [(0.0, 104.0), (0.5, 105.0), (1.0, 106.0)])
def test_consent_check_is_due_every_four_to_six_seconds(random: float, first: float) -> None:
    subject = consent(random)
    assert not subject.is_check_due(first - 0.01)
    assert subject.is_check_due(first)


def test_next_consent_check_is_due_an_interval_after_the_last() -> None:
    subject = consent()
    subject.on_check_sent(105.0)
    assert not subject.is_check_due(109.9)
    assert subject.is_check_due(110.0)


def test_consent_is_fresh_before_the_first_check() -> None:
    assert consent().state(120.0) is FRESH


def test_consent_is_silent_a_second_after_an_unanswered_check() -> None:
    subject = consent()
    subject.on_check_sent(105.0)
    assert subject.state(105.9) is FRESH
    assert subject.state(106.0) is SILENT


def test_consent_is_not_silent_before_five_seconds_without_a_packet() -> None:
    subject = consent()
    subject.on_check_sent(101.0)
    assert subject.state(104.9) is FRESH
    assert subject.state(105.0) is SILENT


def test_datagram_ends_silence_of_consent() -> None:
    subject = consent()
    subject.on_check_sent(105.0)
    subject.on_received(107.0)
    assert subject.state(107.0) is FRESH


def test_response_ends_silence_of_consent() -> None:
    subject = consent()
    subject.on_check_sent(105.0)
    subject.on_response(125.0)
    assert subject.state(129.9) is FRESH


def test_consent_expires_thirty_seconds_after_the_last_response() -> None:
    subject = consent()
    subject.on_response(110.0)
    subject.on_check_sent(115.0)
    assert subject.state(139.9) is SILENT
    assert subject.state(140.0) is EXPIRED


def test_datagrams_alone_do_not_renew_consent() -> None:
    subject = consent()
    subject.on_received(129.9)
    assert subject.state(130.0) is EXPIRED


def test_withdrawal_expires_consent_at_once() -> None:
    subject = consent()
    subject.withdraw()
    assert subject.state(100.0) is EXPIRED


def test_consent_deadline_is_the_next_check() -> None:
    assert consent().next_deadline(100.0) == 105.0


def test_consent_deadline_is_the_silence_after_an_unanswered_check() -> None:
    subject = consent()
    subject.on_check_sent(105.0)
    assert subject.next_deadline(105.0) == 106.0


def test_consent_deadline_is_half_a_second_away_during_silence() -> None:
    subject = consent()
    subject.on_check_sent(105.0)
    assert subject.next_deadline(106.0) == 106.5


def test_consent_deadline_is_the_expiry() -> None:
    subject = consent()
    subject.on_check_sent(129.8)
    subject.on_received(129.8)
    assert subject.next_deadline(129.8) == 130.0


def test_time_in_which_the_process_did_not_run_counts_for_nothing() -> None:
    subject = consent()
    subject.on_check_sent(105.0)
    subject.on_pause(60.0, 165.5)
    # 5.5 s of its own time since the answer, and half a second since the check.
    assert subject.state(165.5) is FRESH
    assert subject.state(166.0) is SILENT
    assert subject.state(189.9) is SILENT
    assert subject.state(190.0) is EXPIRED


def test_check_is_due_at_once_after_a_pause() -> None:
    subject = consent()
    assert not subject.is_check_due(103.0)
    subject.on_pause(2.0, 103.0)
    assert subject.is_check_due(103.0)


def test_consent_is_overdue_by_the_clock_pauses_included_until_it_is_answered() -> None:
    subject = consent()
    subject.on_pause(20.0, 122.0)
    assert not subject.is_overdue(122.0)
    subject.on_pause(10.0, 133.0)
    assert subject.is_overdue(133.0)
    subject.on_response(133.1)
    assert not subject.is_overdue(133.1)
