from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import ModificationError
from peer.ice_parameters import IceParameters
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.modification import Refuse, Reuse, assess
from peer.negotiation.sdp import Line, Sdp
from peer.negotiation.session import RemoteTransport
from peer.negotiation.state import Side
from tests.support.negotiation import (
    add_track,
    answer_of,
    described,
    edited,
    exchange,
    offer_of,
    pair,
    refused,
    set_local,
    set_remote,
    without,
)
from tests.support.sessions import check_agreement

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = Fingerprint.of_digest(HashFunction.SHA256, bytes(32))
OTHER = Fingerprint.of_digest(HashFunction.SHA256, bytes([1] * 32))
ICE = IceParameters("abcd", "p" * 22)
AGREED = RemoteTransport(ice=ICE, fingerprints=(ONE,), tls_id="t" * 20)


@pytest.mark.parametrize(
    "after",
    [
        AGREED,
        replace(AGREED, fingerprints=(ONE, ONE)),
        # RFC 8842 section 4: who says nothing of the association changes nothing of it.
        replace(AGREED, tls_id=None),
    ],
)
def test_what_is_the_same_is_used_on(after: RemoteTransport) -> None:
    assert assess(AGREED, after) == Reuse()
    assert assess(after, AGREED) == Reuse()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (replace(AGREED, fingerprints=(OTHER,)), "fingerprint"),
        (replace(AGREED, fingerprints=(ONE, OTHER)), "fingerprint"),
        (replace(AGREED, tls_id="u" * 20), "tls-id"),
        (replace(AGREED, ice=replace(ICE, username_fragment="efgh")), "ICE restart"),
        (replace(AGREED, ice=replace(ICE, password="q" * 22)), "ICE restart"),
    ],
)
def test_what_we_cannot_follow_is_refused(after: RemoteTransport, words: str) -> None:
    verdict = assess(AGREED, after)
    assert isinstance(verdict, Refuse)
    assert words in verdict.reason


def change(name: str) -> Callable[[SessionDescription], SessionDescription]:
    """Another value for an attribute, wherever it stands."""

    def changed(description: SessionDescription) -> SessionDescription:
        rows = description.sdp.splitlines()
        line = next(row for row in rows if row.startswith(f"a={name}:"))
        last = "1" if line[-1] != "1" else "2"
        return edited(description, (line, line[:-1] + last))

    return changed


CHANGES = pytest.mark.parametrize("changed", ["fingerprint", "tls-id", "ice-ufrag", "ice-pwd"])


@CHANGES
def test_a_later_offer_that_changes_the_association_is_refused_at_once(changed: str) -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    exchange(left, right)
    refused(right, change(changed)(offer_of(left)), ModificationError, "not supported yet")


@CHANGES
def test_a_later_answer_that_changes_the_association_is_refused(changed: str) -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    exchange(left, right)
    set_remote(right, offer_of(left))
    answer = answer_of(right)
    refused(left, change(changed)(answer), ModificationError, "not supported yet")
    set_remote(left, answer)
    check_agreement(left, right)


def test_what_a_bundled_section_says_beside_the_tag_does_not_count() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    exchange(left, right)
    sdp = Sdp.parse(offer_of(left).sdp)
    second = sdp.media[1]
    other = second.replaced("fingerprint", Line.attribute("fingerprint", str(OTHER)))
    set_remote(right, SessionDescription(str(sdp.with_media(1, other)), SdpType.OFFER))
    set_local(right)
    assert right.session.transports[0].remote is not None
    assert OTHER not in right.session.transports[0].remote.fingerprints


def test_a_new_tag_speaks_for_the_transport_that_the_group_has() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    add_track(left, "video")
    turned = edited(offer_of(left), ("BUNDLE 0 1", "BUNDLE 1 0"))
    sdp = Sdp.parse(turned.sdp)
    foreign = sdp.media[1].replaced("fingerprint", Line.attribute("fingerprint", str(OTHER)))
    wrong = SessionDescription(str(sdp.with_media(1, foreign)), SdpType.OFFER)
    refused(right, wrong, ModificationError, "fingerprint")
    known = right.session.transports
    set_remote(right, turned)
    set_local(right)
    assert right.session.transports == known


@pytest.mark.parametrize("setup", ["active", "passive"])
def test_a_changed_role_alone_is_not_believed(setup: str) -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    roles = [left.session.transports[0].role, right.session.transports[0].role]
    set_remote(right, offer_of(left))
    set_remote(left, edited(answer_of(right), ("a=setup:active", f"a=setup:{setup}")))
    assert [left.session.transports[0].role, right.session.transports[0].role] == roles


def test_a_peer_that_begins_to_say_tls_id_keeps_its_association() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, without(offer_of(left), "tls-id"))
    set_remote(left, answer_of(right))
    known = right.session.transports
    assert known[0].remote is not None
    assert known[0].remote.tls_id is None
    exchange(left, right)
    assert right.session.transports == known


def test_an_answer_does_not_move_what_is_connected_to_another_transport() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    set_remote(right, without(offer_of(left), "group"))
    set_remote(left, answer_of(right))
    left.want_data()
    set_local(left)
    apart = described(left, Side.LOCAL)
    assert "BUNDLE 2\r\n" in apart.sdp
    set_remote(right, apart)
    set_remote(left, answer_of(right))
    assert len(left.session.transports) == 3
    set_remote(left, edited(offer_of(right), ("BUNDLE 2", "BUNDLE 0 1 2")))
    answer = Sdp.parse(answer_of(left).sdp)
    assert [group.mids for group in answer.bundle_groups] == [("0",)]
    assert len(left.session.transports) == 3
