"""DTLS roles by `a=setup`, which decides the end that sends the ClientHello (RFC 5763 5)."""

from __future__ import annotations

from typing import assert_never

from peer.configuration import AnswerRole
from peer.errors import SetupError
from peer.negotiation.sdp.attributes import Setup
from peer.states import DtlsRole

#: `a=setup` of every offer (RFC 5763 section 5): "The endpoint that is the offerer MUST use the
#: setup attribute value of setup:actpass and be prepared to receive a client_hello before it
#: receives the answer."
OFFER_SETUP = Setup.ACTPASS


def answer_setup(
    offered: Setup, preference: AnswerRole, current: DtlsRole | None, *, mid: str | None = None
) -> Setup:
    """Choose the `a=setup` of our answer.

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


def role_left(offered: Setup) -> DtlsRole | None:
    """Give the DTLS role that an offer leaves to the answerer; None where that may choose."""
    match offered:
        case Setup.ACTIVE:
            return DtlsRole.SERVER
        case Setup.PASSIVE:
            return DtlsRole.CLIENT
        case _:
            return None


def resolve(
    offered: Setup, answered: Setup | None, *, offerer: bool, mid: str | None = None
) -> DtlsRole:
    """Give our role by the `a=setup` of both halves (the table of RFC 4145 section 4.1).

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
    """Give the role of the other end."""
    return DtlsRole.SERVER if role is DtlsRole.CLIENT else DtlsRole.CLIENT
