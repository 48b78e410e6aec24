"""Owns the proof of who sends the ClientHello (RFC 5763 section 5, RFC 4145 section 4.1)."""

from __future__ import annotations

import pytest

from peer.configuration import AnswerRole
from peer.errors import SetupError
from peer.negotiation.attributes import Setup
from peer.negotiation.roles import OFFER_SETUP, answer_setup, opposite, resolve
from peer.states import DtlsRole

#: Offer, answer, and what becomes of the offerer; None where the pair is refused. The first three
#: rows of each kind are the table of RFC 4145 section 4.1, without what RFC 8842 took out of it.
PAIRS = [
    (Setup.ACTIVE, Setup.PASSIVE, DtlsRole.CLIENT),
    (Setup.ACTIVE, Setup.ACTIVE, None),
    (Setup.ACTIVE, Setup.ACTPASS, None),
    (Setup.PASSIVE, Setup.ACTIVE, DtlsRole.SERVER),
    (Setup.PASSIVE, Setup.PASSIVE, None),
    (Setup.PASSIVE, Setup.ACTPASS, None),
    (Setup.ACTPASS, Setup.ACTIVE, DtlsRole.SERVER),
    (Setup.ACTPASS, Setup.PASSIVE, DtlsRole.CLIENT),
    (Setup.ACTPASS, Setup.ACTPASS, None),
]


@pytest.mark.conformance("5-role-resolve")
@pytest.mark.parametrize(("offer", "answer", "role"), PAIRS, ids=str)
def test_the_nine_pairs(offer: Setup, answer: Setup, role: DtlsRole | None) -> None:
    if role is None:
        with pytest.raises(SetupError, match=f"a=setup:{answer.value}"):
            resolve(offer, answer, offerer=True, mid="0")
        return
    assert resolve(offer, answer, offerer=True) is role
    assert resolve(offer, answer, offerer=False) is opposite(role)


@pytest.mark.parametrize("side", [True, False], ids=["offerer", "answerer"])
@pytest.mark.parametrize("offer", [Setup.ACTIVE, Setup.PASSIVE, Setup.ACTPASS])
@pytest.mark.parametrize("answer", [Setup.HOLDCONN, None])
def test_an_answer_that_takes_no_role_is_refused(
    offer: Setup, answer: Setup | None, *, side: bool
) -> None:
    with pytest.raises(SetupError) as refusal:
        resolve(offer, answer, offerer=side, mid="audio")
    assert refusal.value.mid == "audio"
    assert refusal.value.line == (answer and "a=setup:holdconn")


def test_an_offer_leaves_the_choice() -> None:
    assert OFFER_SETUP is Setup.ACTPASS


@pytest.mark.conformance("5-answer")
@pytest.mark.parametrize(
    ("offer", "preference", "answer"),
    [
        (Setup.ACTPASS, AnswerRole.ACTIVE, Setup.ACTIVE),
        (Setup.ACTPASS, AnswerRole.PASSIVE, Setup.PASSIVE),
        (Setup.ACTIVE, AnswerRole.ACTIVE, Setup.PASSIVE),
        (Setup.PASSIVE, AnswerRole.PASSIVE, Setup.ACTIVE),
    ],
)
def test_what_we_answer(offer: Setup, preference: AnswerRole, answer: Setup) -> None:
    assert answer_setup(offer, preference, None) is answer


@pytest.mark.parametrize("preference", AnswerRole)
@pytest.mark.parametrize(
    ("current", "answer"),
    [(DtlsRole.CLIENT, Setup.ACTIVE), (DtlsRole.SERVER, Setup.PASSIVE)],
)
def test_a_later_answer_keeps_the_role(
    preference: AnswerRole, current: DtlsRole, answer: Setup
) -> None:
    assert answer_setup(Setup.ACTPASS, preference, current) is answer


def test_an_offer_that_holds_is_refused() -> None:
    with pytest.raises(SetupError, match="holdconn"):
        answer_setup(Setup.HOLDCONN, AnswerRole.ACTIVE, None)
    with pytest.raises(SetupError, match="holdconn"):
        resolve(Setup.HOLDCONN, Setup.ACTIVE, offerer=True)
