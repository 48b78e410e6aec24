"""The signaling state machine, an arrow of RFC 9429 section 3.2 in each row; transports."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from peer.descriptions import SdpType
from peer.errors import InvalidStateError
from peer.ice import IceParameters
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.session import (
    AssociationTerms,
    LocalIdentity,
    NewAssociation,
    RemoteIdentity,
    Side,
    TransportState,
    needs_implicit_rollback,
    transition,
)
from peer.states import DtlsRole, IceRole, SignalingState

ARROWS = """
stable               --local offer-->      have-local-offer
stable               --remote offer-->     have-remote-offer
have-local-offer     --local offer-->      have-local-offer
have-local-offer     --local rollback-->   stable
have-local-offer     --remote rollback-->  stable
have-local-offer     --remote answer-->    stable
have-local-offer     --remote pranswer-->  have-remote-pranswer
have-remote-pranswer --remote pranswer-->  have-remote-pranswer
have-remote-pranswer --remote answer-->    stable
have-remote-offer    --remote offer-->     have-remote-offer
have-remote-offer    --remote rollback-->  stable
have-remote-offer    --local rollback-->   stable
have-remote-offer    --local answer-->     stable
have-remote-offer    --local pranswer-->   have-local-pranswer
have-local-pranswer  --local pranswer-->   have-local-pranswer
have-local-pranswer  --local answer-->     stable
"""

Key = tuple[SignalingState, Side, SdpType]


def _read(arrow: str) -> tuple[Key, SignalingState]:
    state, side, kind, target = arrow.replace("--", " ").replace(">", " ").split()
    return (SignalingState(state), Side(side), SdpType(kind)), SignalingState(target)


ROWS = [(" ".join(line.split()), *_read(line)) for line in ARROWS.strip().splitlines()]
REFUSED = sorted(set(product(SignalingState, Side, SdpType)) - {key for _, key, _ in ROWS}, key=str)


@pytest.mark.parametrize(("key", "target"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_transition_leads_to_its_state(key: Key, target: SignalingState) -> None:
    assert transition(*key) is target


@pytest.mark.parametrize("key", REFUSED, ids=lambda k: f"{k[0]} --{k[1].value} {k[2]}--> refused")
def test_transition_not_in_the_table_is_refused_by_name(key: Key) -> None:
    state, side, kind = key
    with pytest.raises(InvalidStateError, match=f"a {side.value} {kind} .* '{state}'"):
        transition(state, side, kind)


def test_every_combination_was_asked() -> None:
    assert len(ROWS) + len(REFUSED) == len(SignalingState) * len(Side) * len(SdpType)


@pytest.mark.parametrize("key", sorted(product(SignalingState, Side, SdpType), key=str), ids=str)
def test_only_a_remote_offer_that_meets_ours_rolls_back(key: Key) -> None:
    glare = (SignalingState.HAVE_LOCAL_OFFER, Side.REMOTE, SdpType.OFFER)
    assert needs_implicit_rollback(*key) is (key == glare)


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
