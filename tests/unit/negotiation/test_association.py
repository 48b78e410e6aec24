"""DTLS roles by `a=setup`, and RFC 8842 section 3.1 as arrows: change -> verdict."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from peer import AnswerRole
from peer.errors import SetupError
from peer.ice import IceParameters
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.association import (
    OFFER_SETUP,
    answer_setup,
    assess,
    assess_offer,
    is_ice_restart,
    resolve,
)
from peer.negotiation.sdp.attributes import Setup
from peer.negotiation.session import (
    AssociationTerms,
    LocalIdentity,
    NewAssociation,
    OfferVerdict,
    Refuse,
    RemoteIdentity,
    Reuse,
    Verdict,
)
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


def fingerprint(byte: int) -> Fingerprint:
    return Fingerprint.of_digest(HashFunction.SHA256, bytes([byte] * 32))


OURS, THEIRS = fingerprint(1), fingerprint(2)
NEW, EXTRA = fingerprint(3), fingerprint(4)
US = LocalIdentity((OURS,), "a" * 20)
PEER = RemoteIdentity((THEIRS,), "b" * 20)
OLD_PEER = RemoteIdentity((THEIRS,), None)
AGREED = AssociationTerms(number=0, local=US, remote=PEER, role=DtlsRole.CLIENT)
WITH_OLD_PEER = replace(AGREED, remote=OLD_PEER)


def ours(*fingerprints: Fingerprint, tls_id: str = "a" * 20) -> LocalIdentity:
    return LocalIdentity(fingerprints or (OURS,), tls_id)


def peer(*fingerprints: Fingerprint, tls_id: str | None = "b" * 20) -> RemoteIdentity:
    return RemoteIdentity(fingerprints or (THEIRS,), tls_id)


#: A peer that sends a=tls-id.
MODERN: dict[str, tuple[AssociationTerms, Verdict]] = {
    "all as before -> reuse": (AGREED, Reuse()),
    "the number alone -> reuse": (replace(AGREED, number=1), Reuse()),
    "our fingerprint alone -> new, but the peer may keep": (
        replace(AGREED, local=ours(NEW)),
        NewAssociation("our fingerprint changed", peer_may_keep=True),
    ),
    "our tls-id alone, as libdatachannel answers it -> new, but the peer may keep": (
        replace(AGREED, local=ours(tls_id="c" * 20)),
        NewAssociation("our tls-id changed", peer_may_keep=True),
    ),
    "our fingerprint and its own -> new": (
        replace(AGREED, local=ours(NEW), remote=peer(EXTRA)),
        NewAssociation("our fingerprint and the peer's fingerprint changed"),
    ),
    "our fingerprint and both tls-ids -> new": (
        replace(AGREED, local=ours(NEW, tls_id="c" * 20), remote=peer(tls_id="d" * 20)),
        NewAssociation("our fingerprint, our tls-id and the peer's tls-id changed"),
    ),
    "its fingerprint -> new": (
        replace(AGREED, remote=peer(NEW)),
        NewAssociation("the peer's fingerprint changed"),
    ),
    "its fingerprint more -> new": (
        replace(AGREED, remote=peer(THEIRS, EXTRA)),
        NewAssociation("the peer's fingerprint changed"),
    ),
    "its fingerprint twice -> reuse": (replace(AGREED, remote=peer(THEIRS, THEIRS)), Reuse()),
    # A media proxy passes the tls-id of another leg on.
    "its tls-id -> new, but the peer may keep": (
        replace(AGREED, remote=peer(tls_id="d" * 20)),
        NewAssociation("the peer's tls-id changed", peer_may_keep=True),
    ),
    "both tls-ids -> new, but the peer may keep": (
        replace(AGREED, local=ours(tls_id="c" * 20), remote=peer(tls_id="d" * 20)),
        NewAssociation("our tls-id and the peer's tls-id changed", peer_may_keep=True),
    ),
    "its tls-id and our fingerprint -> new": (
        replace(AGREED, local=ours(NEW), remote=peer(tls_id="d" * 20)),
        NewAssociation("our fingerprint and the peer's tls-id changed"),
    ),
    "the role -> new": (
        replace(AGREED, role=DtlsRole.SERVER),
        NewAssociation("the DTLS role changed"),
    ),
}

#: A peer that sends none.
OLD: dict[str, tuple[AssociationTerms, Verdict]] = {
    "all as before -> reuse": (WITH_OLD_PEER, Reuse()),
    "our fingerprint -> new, but the peer may keep": (
        replace(WITH_OLD_PEER, local=ours(NEW)),
        NewAssociation("our fingerprint changed", peer_may_keep=True),
    ),
    "our tls-id -> new, but the peer may keep": (
        replace(WITH_OLD_PEER, local=ours(tls_id="c" * 20)),
        NewAssociation("our tls-id changed", peer_may_keep=True),
    ),
    "our fingerprint and the role -> new, but the peer may keep": (
        replace(WITH_OLD_PEER, local=ours(NEW), role=DtlsRole.SERVER),
        NewAssociation("our fingerprint changed", peer_may_keep=True),
    ),
    "its fingerprint -> new": (
        replace(WITH_OLD_PEER, remote=peer(NEW, tls_id=None)),
        NewAssociation("the peer's fingerprint changed"),
    ),
    "both fingerprints -> new": (
        replace(WITH_OLD_PEER, local=ours(NEW), remote=peer(EXTRA, tls_id=None)),
        NewAssociation("our fingerprint and the peer's fingerprint changed"),
    ),
    "the role alone -> reuse": (replace(WITH_OLD_PEER, role=DtlsRole.SERVER), Reuse()),
}


@pytest.mark.parametrize(("after", "verdict"), MODERN.values(), ids=MODERN)
def test_verdict_on_an_exchange_with_a_peer_that_sends_tls_id(
    after: AssociationTerms, verdict: Verdict
) -> None:
    assert assess(AGREED, after) == verdict


@pytest.mark.parametrize(("after", "verdict"), OLD.values(), ids=OLD)
def test_verdict_on_an_exchange_with_a_peer_without_tls_id(
    after: AssociationTerms, verdict: Verdict
) -> None:
    assert assess(WITH_OLD_PEER, after) == verdict


def test_a_peer_that_begins_to_send_tls_id_changes_nothing_by_that() -> None:
    assert assess(WITH_OLD_PEER, AGREED) == Reuse()


def test_a_peer_that_stops_sending_tls_id_changes_nothing_by_that() -> None:
    assert assess(AGREED, WITH_OLD_PEER) == Reuse()


OFFERS: dict[str, tuple[RemoteIdentity, DtlsRole | None, OfferVerdict]] = {
    "as before, role left open -> reuse": (PEER, None, Reuse()),
    "as before, role as it is -> reuse": (PEER, DtlsRole.CLIENT, Reuse()),
    "as before, our role taken -> refuse": (
        PEER,
        DtlsRole.SERVER,
        Refuse("the offer takes our DTLS role and asks for no new association by its tls-id"),
    ),
    "without tls-id, our role taken -> reuse": (OLD_PEER, DtlsRole.SERVER, Reuse()),
    "its fingerprint -> new": (peer(NEW), None, NewAssociation("the peer's fingerprint changed")),
    "its fingerprint, without tls-id -> new": (
        peer(NEW, tls_id=None),
        None,
        NewAssociation("the peer's fingerprint changed"),
    ),
    "its tls-id -> new": (
        peer(tls_id="d" * 20),
        None,
        NewAssociation("the peer's tls-id changed"),
    ),
    "its tls-id, our role taken -> new": (
        peer(tls_id="d" * 20),
        DtlsRole.SERVER,
        NewAssociation("the peer's tls-id changed"),
    ),
}


@pytest.mark.parametrize(("offered", "role", "verdict"), OFFERS.values(), ids=OFFERS)
def test_verdict_on_an_offer_of_the_peer(
    offered: RemoteIdentity, role: DtlsRole | None, verdict: OfferVerdict
) -> None:
    assert assess_offer(AGREED, offered, role) == verdict


ICE = IceParameters("abcd", "p" * 22)


@pytest.mark.parametrize(
    ("after", "restarts"),
    [
        (ICE, False),
        (replace(ICE, lite=True), False),
        (replace(ICE, username_fragment="efgh"), True),
        (replace(ICE, password="q" * 22), True),
        (IceParameters("efgh", "q" * 22), True),
    ],
    ids=[
        "as before -> same generation",
        "lite -> same generation",
        "username fragment -> restart",
        "password -> restart",
        "both -> restart",
    ],
)
def test_other_credentials_restart_ice(after: IceParameters, *, restarts: bool) -> None:
    assert is_ice_restart(ICE, after) is restarts
