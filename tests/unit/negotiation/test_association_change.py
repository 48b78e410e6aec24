"""The table of RFC 8842 section 3.1 as arrows: change -> verdict on the association."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peer.ice import IceParameters
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.association_change import assess, assess_offer, is_ice_restart
from peer.negotiation.transport_state import (
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
    "its tls-id -> new": (
        replace(AGREED, remote=peer(tls_id="d" * 20)),
        NewAssociation("the peer's tls-id changed"),
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
