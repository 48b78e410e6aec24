"""Consent freshness by a clock of our own (RFC 7675)."""

from __future__ import annotations

import pytest

from peer.transport.adapters.ice_timing import IceTiming
from peer.transport.ice.consent import Consent, ConsentState

FRESH, SILENT, EXPIRED = ConsentState.FRESH, ConsentState.SILENT, ConsentState.EXPIRED


def consent(random: float = 0.5) -> Consent:
    return Consent(IceTiming(), lambda: random, now=100.0)


@pytest.mark.parametrize(("random", "first"), [(0.0, 104.0), (0.5, 105.0), (1.0, 106.0)])
def test_a_check_is_due_every_four_to_six_seconds(random: float, first: float) -> None:
    subject = consent(random)
    assert not subject.due(first - 0.01)
    assert subject.due(first)


def test_the_next_check_is_due_an_interval_after_the_last() -> None:
    subject = consent()
    subject.asked(105.0)
    assert not subject.due(109.9)
    assert subject.due(110.0)


def test_nothing_asked_and_nothing_heard_is_no_silence() -> None:
    assert consent().state(120.0) is FRESH


def test_a_question_may_stay_unanswered_for_a_second() -> None:
    subject = consent()
    subject.asked(105.0)
    assert subject.state(105.9) is FRESH
    assert subject.state(106.0) is SILENT


def test_no_silence_before_five_seconds_without_a_sign() -> None:
    subject = consent()
    subject.asked(101.0)
    assert subject.state(104.9) is FRESH
    assert subject.state(105.0) is SILENT


def test_a_datagram_ends_the_silence() -> None:
    subject = consent()
    subject.asked(105.0)
    subject.heard(107.0)
    assert subject.state(107.0) is FRESH


def test_an_answer_ends_the_silence() -> None:
    subject = consent()
    subject.asked(105.0)
    subject.answered(125.0)
    assert subject.state(129.9) is FRESH


def test_consent_expires_thirty_seconds_after_the_last_answer() -> None:
    subject = consent()
    subject.answered(110.0)
    subject.asked(115.0)
    assert subject.state(139.9) is SILENT
    assert subject.state(140.0) is EXPIRED


def test_datagrams_alone_do_not_renew_consent() -> None:
    subject = consent()
    subject.heard(129.9)
    assert subject.state(130.0) is EXPIRED


def test_a_withdrawal_expires_consent_at_once() -> None:
    subject = consent()
    subject.revoke()
    assert subject.state(100.0) is EXPIRED


def test_it_wakes_for_the_next_check() -> None:
    assert consent().wake_at(100.0) == 105.0


def test_it_wakes_for_the_silence() -> None:
    subject = consent()
    subject.asked(105.0)
    assert subject.wake_at(105.0) == 106.0


def test_it_looks_again_soon_while_there_is_silence() -> None:
    subject = consent()
    subject.asked(105.0)
    assert subject.wake_at(106.0) == 106.5


def test_it_wakes_for_the_expiry() -> None:
    subject = consent()
    subject.asked(129.8)
    subject.heard(129.8)
    assert subject.wake_at(129.8) == 130.0
