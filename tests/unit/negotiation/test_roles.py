from __future__ import annotations

import itertools

import pytest

from peer import AnswerRole
from peer.errors import SetupError
from peer.negotiation.roles import OFFER_SETUP, answer_setup, resolve
from peer.negotiation.sdp.attributes import Setup
from peer.states import DtlsRole

CLIENT, SERVER = DtlsRole.CLIENT, DtlsRole.SERVER

# RFC 4145 section 4.1, less `holdconn`, which RFC 8842 section 5.1 takes away: the answerer's role.
TABLE = {
    (Setup.ACTPASS, Setup.ACTIVE): CLIENT,
    (Setup.ACTPASS, Setup.PASSIVE): SERVER,
    (Setup.ACTIVE, Setup.PASSIVE): SERVER,
    (Setup.PASSIVE, Setup.ACTIVE): CLIENT,
}


@pytest.mark.conformance("5-role-resolve")
@pytest.mark.parametrize(("offered", "answered"), list(TABLE))
def test_the_two_sides_take_opposite_roles(offered: Setup, answered: Setup) -> None:
    role = TABLE[offered, answered]

    assert resolve(offered, answered, offerer=False) is role
    assert resolve(offered, answered, offerer=True) is not role


@pytest.mark.conformance("5-role-resolve", "5-answer-accept")
@pytest.mark.parametrize(
    ("offered", "answered"), [pair for pair in itertools.product(Setup, Setup) if pair not in TABLE]
)
@pytest.mark.parametrize("offerer", [False, True])
def test_any_other_pair_is_refused_with_its_line(
    offered: Setup, answered: Setup, offerer: bool
) -> None:
    with pytest.raises(SetupError, match="a=setup:"):
        resolve(offered, answered, offerer=offerer, mid="0")


@pytest.mark.conformance("5-answer-accept")
@pytest.mark.parametrize("offered", list(Setup))
def test_an_answer_without_setup_is_refused(offered: Setup) -> None:
    with pytest.raises(SetupError, match="no a=setup"):
        resolve(offered, None, offerer=True)


@pytest.mark.conformance("5-offer")
def test_an_offer_leaves_the_choice() -> None:
    assert OFFER_SETUP is Setup.ACTPASS


@pytest.mark.conformance("5-answer", "5-role-resolve")
@pytest.mark.parametrize(
    ("offered", "preference", "current", "answer"),
    [
        (Setup.ACTPASS, AnswerRole.ACTIVE, None, Setup.ACTIVE),
        (Setup.ACTPASS, AnswerRole.PASSIVE, None, Setup.PASSIVE),
        # RFC 8842 section 5.3: the role that was negotiated stays.
        (Setup.ACTPASS, AnswerRole.ACTIVE, SERVER, Setup.PASSIVE),
        (Setup.ACTPASS, AnswerRole.PASSIVE, CLIENT, Setup.ACTIVE),
        *((Setup.ACTIVE, preference, None, Setup.PASSIVE) for preference in AnswerRole),
        *((Setup.PASSIVE, preference, None, Setup.ACTIVE) for preference in AnswerRole),
    ],
)
def test_setup_of_an_answer(
    offered: Setup, preference: AnswerRole, current: DtlsRole | None, answer: Setup
) -> None:
    assert answer_setup(offered, preference, current) is answer


@pytest.mark.conformance("5-answer")
def test_an_offer_that_holds_is_refused() -> None:
    with pytest.raises(SetupError, match="hold"):
        answer_setup(Setup.HOLDCONN, AnswerRole.ACTIVE, None)
