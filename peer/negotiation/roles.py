"""Owns who sends the ClientHello: `a=setup` in, DTLS role out (RFC 5763 section 5)."""

from __future__ import annotations

from typing import assert_never

from peer.configuration import AnswerRole
from peer.errors import SetupError
from peer.negotiation.sdp.attributes import Setup
from peer.states import DtlsRole

#: RFC 5763 section 5: "The endpoint that is the offerer MUST use the setup attribute value of
#: setup:actpass and be prepared to receive a client_hello before it receives the answer."
OFFER_SETUP = Setup.ACTPASS


def answer_setup(
    offered: Setup, preference: AnswerRole, current: DtlsRole | None, *, mid: str | None = None
) -> Setup:
    """What we answer.

    Args:
        offered: The offer's `a=setup`.
        preference: What to choose where the offer leaves the choice.
        current: Our role in the association that exists, or None.
        mid: For the error.

    Raises:
        SetupError: The offer holds the connection, or takes the role that we have.
    """
    match offered:
        case Setup.ACTPASS:
            # RFC 8842 section 5.3: keep the negotiated role unless a new association is wanted.
            if current is not None:
                return Setup.ACTIVE if current is DtlsRole.CLIENT else Setup.PASSIVE
            # RFC 5763 section 5: "setup:active is RECOMMENDED."
            return Setup.ACTIVE if preference is AnswerRole.ACTIVE else Setup.PASSIVE
        case Setup.ACTIVE:
            return Setup.PASSIVE
        case Setup.PASSIVE:
            return Setup.ACTIVE
        case Setup.HOLDCONN:
            # RFC 8842 section 5.1: holdconn MUST NOT be used with DTLS.
            raise SetupError(
                "an offer cannot hold a DTLS association", line="a=setup:holdconn", mid=mid
            )
    assert_never(offered)


def resolve(
    offered: Setup, answered: Setup | None, *, offerer: bool, mid: str | None = None
) -> DtlsRole:
    """Our role, from the two attributes (the table of RFC 4145 section 4.1).

    Args:
        offered: The offer's value.
        answered: The answer's value, or None where it had none.
        offerer: Whether we made the offer.
        mid: For the error.

    Raises:
        SetupError: The answer has no `a=setup`, none that RFC 5763 allows, or the offer's own role.
    """
    if answered is None:
        raise SetupError("the answer has no a=setup, which RFC 5763 section 5 requires", mid=mid)
    line = f"a=setup:{answered.value}"
    if answered not in (Setup.ACTIVE, Setup.PASSIVE):
        raise SetupError("an answer is setup:active or setup:passive", line=line, mid=mid)
    if answered is offered:
        raise SetupError(
            f"offer and answer are both setup:{answered.value}; nobody would answer the other",
            line=line,
            mid=mid,
        )
    if offered is Setup.HOLDCONN:
        raise SetupError(
            "an offer cannot hold a DTLS association", line="a=setup:holdconn", mid=mid
        )
    answerer_role = DtlsRole.CLIENT if answered is Setup.ACTIVE else DtlsRole.SERVER
    return opposite(answerer_role) if offerer else answerer_role


def opposite(role: DtlsRole) -> DtlsRole:
    """The peer's role."""
    return DtlsRole.SERVER if role is DtlsRole.CLIENT else DtlsRole.CLIENT
