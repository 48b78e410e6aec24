"""Offers and answers in SIP's messages: the patterns of RFC 6337, and what breaks them."""

from __future__ import annotations

import pytest

from signaling.sip.offer_answer import (
    Carrier,
    Exchange,
    Meaning,
    OfferAnswerError,
    OfferAnswerState,
)

#: Patterns of RFC 6337 section 2.2 (table 1): messages of the caller (C) and the called end (A),
#: and what each description is.
PATTERNS = {
    "1: INVITE, 200": [("C", "INVITE", "OFFER"), ("A", "SUCCESS", "ANSWER")],
    "1: preview before": [
        ("C", "INVITE", "OFFER"),
        ("A", "PROVISIONAL", "PREVIEW"),
        ("A", "SUCCESS", "ANSWER"),
    ],
    "2: INVITE, reliable 1xx": [
        ("C", "INVITE", "OFFER"),
        ("A", "RELIABLE", "ANSWER"),
        ("A", "RELIABLE", "REPETITION"),
        ("A", "SUCCESS", "REPETITION"),
    ],
    "3: 200, ACK": [("C", "INVITE", "-"), ("A", "SUCCESS", "OFFER"), ("C", "ACK", "ANSWER")],
    "4: reliable 1xx, PRACK": [
        ("C", "INVITE", "-"),
        ("A", "RELIABLE", "OFFER"),
        ("C", "PRACK", "ANSWER"),
        ("A", "SUCCESS", "-"),
    ],
    "5: PRACK, 200 of PRACK": [
        ("C", "INVITE", "OFFER"),
        ("A", "RELIABLE", "ANSWER"),
        ("C", "PRACK", "OFFER"),
        ("A", "PRACK_SUCCESS", "ANSWER"),
        ("A", "SUCCESS", "-"),
    ],
    "6: UPDATE, 200 of UPDATE": [
        ("C", "INVITE", "OFFER"),
        ("A", "RELIABLE", "ANSWER"),
        ("C", "PRACK", "-"),
        ("A", "PRACK_SUCCESS", "-"),
        ("A", "UPDATE", "OFFER"),
        ("C", "UPDATE_SUCCESS", "ANSWER"),
        ("C", "UPDATE", "OFFER"),
        ("A", "UPDATE_SUCCESS", "ANSWER"),
        ("A", "SUCCESS", "-"),
        ("C", "ACK", "-"),
        ("A", "INVITE", "OFFER"),
        ("C", "SUCCESS", "ANSWER"),
    ],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pattern_of_rfc_6337_is_seen_alike_by_both_ends(pattern: str) -> None:
    ends = {"C": OfferAnswerState(), "A": OfferAnswerState()}
    for sender, carrier, meaning in PATTERNS[pattern]:
        receiver = "A" if sender == "C" else "C"
        wanted = Meaning.NOTHING if meaning == "-" else Meaning[meaning]
        described = meaning != "-"
        assert ends[sender].sent(Carrier[carrier], described=described) is wanted
        assert ends[receiver].received(Carrier[carrier], described=described) is wanted
    for end in ends.values():
        assert end.exchange is Exchange.STABLE
        assert not end.is_offer_due


@pytest.mark.parametrize(
    ("carrier", "status"), [(Carrier.INVITE, 491), (Carrier.UPDATE, 491), (Carrier.PRACK, 491)]
)
def test_offer_that_crosses_one_of_ours_is_refused_with_491(carrier: Carrier, status: int) -> None:
    state = OfferAnswerState()
    state.sent(Carrier.UPDATE, described=True)
    with pytest.raises(OfferAnswerError, match="one of ours has no answer") as error:
        state.received(carrier, described=True)
    assert error.value.status == status
    assert state.received(Carrier.UPDATE_SUCCESS, described=True) is Meaning.ANSWER


def test_second_offer_before_the_first_is_answered_is_refused_with_500() -> None:
    state = OfferAnswerState()
    state.received(Carrier.UPDATE, described=True)
    with pytest.raises(OfferAnswerError, match="theirs has no answer") as error:
        state.received(Carrier.UPDATE, described=True)
    assert error.value.status == 500


def test_own_offer_while_theirs_has_no_answer_is_refused() -> None:
    state = OfferAnswerState()
    state.received(Carrier.INVITE, described=True)
    with pytest.raises(OfferAnswerError):
        state.sent(Carrier.UPDATE, described=True)


@pytest.mark.parametrize(
    ("offered", "missing"),
    [
        (Carrier.INVITE, Carrier.SUCCESS),
        (Carrier.PRACK, Carrier.PRACK_SUCCESS),
        (Carrier.UPDATE, Carrier.UPDATE_SUCCESS),
    ],
)
def test_message_that_has_to_answer_and_does_not_is_an_error(
    offered: Carrier, missing: Carrier
) -> None:
    state = OfferAnswerState()
    state.sent(offered, described=True)
    with pytest.raises(OfferAnswerError, match="has no answer"):
        state.received(missing, described=False)


def test_success_to_an_invite_without_an_offer_has_to_offer() -> None:
    state = OfferAnswerState()
    state.sent(Carrier.INVITE, described=False)
    assert state.received(Carrier.PROVISIONAL, described=True) is Meaning.REPETITION
    with pytest.raises(OfferAnswerError, match="neither INVITE nor its 2xx"):
        state.received(Carrier.SUCCESS, described=False)


def test_update_without_a_description_crosses_an_offer_freely() -> None:
    state = OfferAnswerState()
    state.sent(Carrier.INVITE, described=True)
    assert state.received(Carrier.UPDATE, described=False) is Meaning.NOTHING


def test_refused_offer_leaves_room_for_another() -> None:
    state = OfferAnswerState()
    state.sent(Carrier.INVITE, described=True)
    state.refused()
    assert state.received(Carrier.INVITE, described=True) is Meaning.OFFER
    assert state.answer_carrier() is Carrier.SUCCESS
