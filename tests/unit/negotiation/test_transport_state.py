from __future__ import annotations

from dataclasses import replace

import pytest

from peer.ice import IceParameters
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.transport_state import (
    AssociationTerms,
    LocalIdentity,
    NewAssociation,
    RemoteIdentity,
    TransportState,
)
from peer.states import DtlsRole, IceRole

SHOWN = (Fingerprint.of_digest(HashFunction.SHA256, bytes(32)),)
OFFERED = AssociationTerms(number=0, local=LocalIdentity(SHOWN, "a" * 20))
AGREED = replace(OFFERED, remote=RemoteIdentity(SHOWN, "b" * 20), role=DtlsRole.CLIENT)
NEXT = AssociationTerms(number=1, local=LocalIdentity(SHOWN, "c" * 20))


def transport(
    association: AssociationTerms, fallbacks: tuple[AssociationTerms, ...] = ()
) -> TransportState:
    return TransportState(
        key="0",
        local=IceParameters("abcd", "p" * 22),
        ice_role=IceRole.CONTROLLING,
        association=association,
        fallbacks=fallbacks,
    )


@pytest.mark.parametrize(
    ("state", "agreed", "role"),
    [
        (transport(OFFERED), False, None),
        (transport(AGREED), True, DtlsRole.CLIENT),
        (transport(NEXT, (AGREED,)), True, DtlsRole.CLIENT),
        (transport(replace(NEXT, role=DtlsRole.SERVER), (AGREED,)), True, DtlsRole.SERVER),
    ],
    ids=["offered", "agreed", "rekey offered", "rekey agreed"],
)
def test_transport_is_agreed_and_has_the_role_of_its_association(
    state: TransportState, role: DtlsRole | None, *, agreed: bool
) -> None:
    assert state.agreed is agreed
    assert state.role is role


def test_peer_may_keep_its_association_by_the_stored_verdict_alone() -> None:
    assert not AGREED.peer_may_keep
    assert not replace(NEXT, verdict=NewAssociation("the DTLS role changed")).peer_may_keep
    verdict = NewAssociation("our fingerprint changed", peer_may_keep=True)
    assert replace(NEXT, verdict=verdict).peer_may_keep


def test_association_is_the_same_by_number_and_local_identity() -> None:
    assert OFFERED.is_same(AGREED)
    assert not OFFERED.is_same(NEXT)
    assert not NEXT.is_same(replace(NEXT, local=OFFERED.local))
