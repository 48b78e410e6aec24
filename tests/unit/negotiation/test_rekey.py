"""Tests of what a requested rekey does to descriptions, sessions and transports."""

from __future__ import annotations

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import ModificationError, SetupError
from peer.negotiation.effects import ConnectDtls, DropAssociation, DropGeneration, Listen
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import RekeyRequest, Side
from peer.states import DtlsRole
from tests.support.negotiation.modification import NEW, NEWER, connected, the, transport
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add,
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
from tests.support.negotiation.sessions import check_agreement


@pytest.mark.conformance("5-tls-id")
class TestBetweenTwoOfOurs:
    """Both send tls-id."""

    def test_an_offer_shows_the_new_fingerprint_and_a_fresh_tls_id(self) -> None:
        left, _ = connected()
        before = transport(left)
        left.request_rekey(NEW)
        section = Sdp.parse(left.create_offer().sdp).media[0]
        assert section.fingerprints == NEW
        assert section.tls_id != before.association.local.tls_id
        assert section.attribute("setup") == "actpass"

    @pytest.mark.parametrize("keep_path", [True, False])
    def test_an_offer_restarts_ice_with_it_unless_the_path_is_to_be_kept(
        self, keep_path: bool
    ) -> None:
        left, right = connected()
        before = transport(left).local, transport(right).local
        left.request_rekey(NEW, keep_path=keep_path)
        exchange(left, right)
        for end, was in zip((left, right), before, strict=True):
            assert (transport(end).local == was) is keep_path
            assert transport(end).association.number == 1
        check_agreement(left, right)

    def test_the_offerer_listens_before_its_offer_leaves(self) -> None:
        left, _ = connected()
        left.request_rekey(NEW, keep_path=True)
        assert set_local(left) == (Listen("0", 1, NEW),)
        now = transport(left)
        assert [terms.number for terms in (*now.fallbacks, now.association)] == [0, 1]

    def test_the_answer_keeps_certificate_and_role_and_has_a_fresh_tls_id(self) -> None:
        left, right = connected()
        before = transport(right).association
        left.request_rekey(NEW)
        set_remote(right, offer_of(left))
        answer = Sdp.parse(answer_of(right).sdp).media[0]
        assert answer.fingerprints == before.local.fingerprints
        assert answer.tls_id != before.local.tls_id
        assert transport(right).role is before.role

    def test_both_ends_connect_the_next_association_and_keep_the_one_before(self) -> None:
        left, right = connected()
        left.request_rekey(NEW, keep_path=True)
        set_remote(right, offer_of(left))
        theirs = right.profile.fingerprints
        answering = the(ConnectDtls, set_local(right))
        assert answering == ConnectDtls(
            "0", 1, theirs, DtlsRole.CLIENT, NEW, peer_may_keep=False, is_answerer=True
        )
        offering = the(ConnectDtls, set_remote(left, described(right, Side.LOCAL)))
        assert offering == ConnectDtls("0", 1, NEW, DtlsRole.SERVER, theirs, peer_may_keep=False)
        assert all(len(transport(end).fallbacks) == 1 for end in (left, right))
        check_agreement(left, right)

    def test_both_ends_shake_hands_on_the_generation_of_the_same_exchange(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        listening = the(Listen, set_local(left)).generation
        set_remote(right, described(left, Side.LOCAL))
        answering = the(ConnectDtls, set_local(right)).generation
        offering = the(ConnectDtls, set_remote(left, described(right, Side.LOCAL))).generation
        assert listening == offering == transport(left).local.username_fragment
        assert answering == transport(right).local.username_fragment

    def test_same_certificate_is_shown_on_fresh_candidates_as_well(self) -> None:
        left, right = connected()
        left.request_rekey(left.profile.fingerprints)
        set_remote(right, offer_of(left))
        connect = the(ConnectDtls, set_local(right))
        assert connect.peer_may_keep
        assert connect.generation == transport(right).local.username_fragment

    def test_restart_that_was_asked_for_beside_a_kept_path_counts(self) -> None:
        left, right = connected()
        left.restart_ice()
        left.request_rekey(NEW, keep_path=True)
        set_remote(right, offer_of(left))
        answering = the(ConnectDtls, set_local(right)).generation
        assert answering == transport(right).local.username_fragment

    def test_association_in_use_has_no_fallback(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        for end in (left, right):
            assert end.resolve_association("0", 1, in_use=True) == ()
            assert transport(end).fallbacks == ()
        check_agreement(left, right)

    def test_later_offers_of_either_side_reuse_the_new_association(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        for end in (left, right):
            end.resolve_association("0", 1, in_use=True)
        agreed = transport(left), transport(right)
        exchange(left, right)
        exchange(right, left)
        assert (transport(left), transport(right)) == agreed

    def test_new_transports_show_the_new_certificate(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        assert left.session.fingerprints == NEW
        assert right.session.fingerprints == right.profile.fingerprints

    def test_the_same_certificate_can_be_shown_again(self) -> None:
        left, right = connected()
        left.request_rekey(left.profile.fingerprints)
        exchange(left, right)
        assert transport(left).association.number == 1
        check_agreement(left, right)

    def test_all_transports_are_rekeyed_together(self) -> None:
        left, right = pair(bundle_policy=BundlePolicy.MAX_COMPAT)
        for kind in ("audio", "video"):
            add(left, kind)
        set_remote(right, without(offer_of(left), "group"))
        set_remote(left, answer_of(right))
        left.request_rekey(NEW)
        exchange(left, right)
        assert [t.association.number for t in left.session.transports] == [1, 1]
        assert {t.association.local.fingerprints for t in left.session.transports} == {NEW}
        check_agreement(left, right)

    def test_an_answer_that_flips_the_role_makes_a_new_association(self) -> None:
        left, right = connected()
        set_remote(right, offer_of(left))
        flipped = edited(answer_of(right), ("a=setup:active", "a=setup:passive"))
        connect = the(ConnectDtls, set_remote(left, flipped))
        assert (connect.association, connect.role) == (1, DtlsRole.CLIENT)

    def test_an_answer_that_changes_the_fingerprint_makes_a_new_association(self) -> None:
        left, right = connected()
        set_remote(right, offer_of(left))
        line = f"a=fingerprint:{right.profile.fingerprints[0]}"
        other = edited(answer_of(right), (line, f"a=fingerprint:{NEW[0]}"))
        connect = the(ConnectDtls, set_remote(left, other))
        assert (connect.association, connect.remote_fingerprints) == (1, NEW)
        assert connect.fingerprints == left.profile.fingerprints

    def test_an_offer_that_takes_our_role_is_refused(self) -> None:
        left, right = connected()
        active = edited(offer_of(left), ("a=setup:actpass", "a=setup:active"))
        refused(right, active, ModificationError, "takes our DTLS role")

    def test_an_offer_with_its_own_role_is_taken(self) -> None:
        left, right = connected()
        before = transport(right)
        set_remote(right, edited(offer_of(left), ("a=setup:actpass", "a=setup:passive")))
        set_local(right)
        assert transport(right) == before

    def test_an_offer_of_new_keys_may_take_the_other_role(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        set_remote(right, edited(offer_of(left), ("a=setup:actpass", "a=setup:active")))
        connect = the(ConnectDtls, set_local(right))
        assert (connect.association, connect.role) == (1, DtlsRole.SERVER)


class TestRequests:
    """An offer is due until the request is fulfilled."""

    def test_requested_rekey_needs_an_offer_and_one_exchange_fulfils_it(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        needed = left.negotiation_needed
        exchange(left, right)
        assert left.session.rekey is None
        assert (needed, left.negotiation_needed) == (True, False)

    def test_rekey_request_can_be_cancelled(self) -> None:
        left, _ = connected()
        left.request_rekey(NEW)
        left.cancel_rekey_request()
        assert not left.negotiation_needed
        assert set_local(left) == ()

    def test_cancelled_rekey_is_not_in_the_offer_that_replaces_one(self) -> None:
        left, right = connected()
        before = transport(left)
        left.request_rekey(NEW)
        set_local(left)
        fresh = transport(left).local.username_fragment
        left.cancel_rekey_request()
        assert set_local(left) == (DropAssociation("0", 1), DropGeneration("0", fresh))
        assert transport(left) == before
        set_remote(right, described(left, Side.LOCAL))
        set_remote(left, answer_of(right))
        check_agreement(left, right)

    def test_second_rekey_request_replaces_the_one_in_the_pending_offer(self) -> None:
        left, _ = connected()
        left.request_rekey(NEW)
        set_local(left)
        fresh = transport(left).local.username_fragment
        left.request_rekey(NEWER)
        assert set_local(left) == (DropAssociation("0", 1), Listen("0", 1, NEWER, fresh))

    def test_offer_that_replaces_an_offer_asks_for_the_same_association(self) -> None:
        left, _ = connected()
        left.request_rekey(NEW)
        set_local(left)
        asked = transport(left)
        left.request_data()
        assert not any(isinstance(e, (Listen, DropAssociation)) for e in set_local(left))
        assert transport(left) == asked

    def test_rekey_request_waits_for_the_first_exchange(self) -> None:
        left, right = pair()
        left.request_rekey(NEW)
        assert not left.negotiation_needed
        add_track(left, "audio")
        exchange(left, right)
        assert transport(left).association.local.fingerprints == left.profile.fingerprints
        assert left.negotiation_needed

    def test_rekey_request_waits_for_the_outcome_of_the_last_rekey(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        left.request_rekey(NEWER)
        assert not left.negotiation_needed
        assert "a=fingerprint:" + str(NEW[0]) in left.create_offer().sdp
        left.resolve_association("0", 1, in_use=True)
        assert left.negotiation_needed

    def test_answer_does_not_ask_for_our_requested_rekey(self) -> None:
        left, right = connected()
        right.request_rekey(NEW)
        set_remote(right, offer_of(left))
        before = transport(right)
        set_local(right)
        assert transport(right) == before
        assert right.negotiation_needed


class TestRollbackAndGlare:
    """A rollback leaves the association that serves, and the request."""

    def test_rollback_of_our_offer_drops_the_listening_association_and_keeps_the_request(
        self,
    ) -> None:
        left, right = connected()
        before = transport(left)
        left.request_rekey(NEW)
        set_local(left)
        fresh = transport(left).local.username_fragment
        assert set_local(left, ROLLBACK) == (DropAssociation("0", 1), DropGeneration("0", fresh))
        assert transport(left) == before
        assert left.session.fingerprints == left.profile.fingerprints
        assert left.negotiation_needed
        exchange(left, right)
        check_agreement(left, right)

    def test_the_peers_offer_taken_back_changes_nothing(self) -> None:
        left, right = connected()
        before = transport(right)
        left.request_rekey(NEW)
        assert set_remote(right, offer_of(left)) == ()
        assert set_remote(right, ROLLBACK) == ()
        assert transport(right) == before

    def test_rekey_requested_during_an_exchange_survives_a_rollback(self) -> None:
        left, _ = connected()
        set_local(left)
        left.request_rekey(NEW)
        set_local(left, ROLLBACK)
        assert left.session.rekey == RekeyRequest(fingerprints=NEW)

    def test_one_exchange_serves_both_ends_that_rekey_at_once(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        right.request_rekey(NEWER)
        set_local(right)
        fresh = transport(right).local.username_fragment
        effects = set_remote(right, offer_of(left))
        assert effects == (DropAssociation("0", 1), DropGeneration("0", fresh))
        set_remote(left, answer_of(right))
        assert right.session.rekey is None
        assert transport(right).association.local.fingerprints == right.profile.fingerprints
        check_agreement(left, right)

    def test_a_provisional_answer_connects_and_the_final_one_adds_nothing(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        set_remote(right, offer_of(left))
        the(ConnectDtls, set_local(right, SessionDescription("", SdpType.PRANSWER)))
        the(ConnectDtls, set_remote(left, described(right, Side.LOCAL)))
        assert left.session.rekey == RekeyRequest(fingerprints=NEW)
        assert set_local(right) == ()
        assert set_remote(left, described(right, Side.LOCAL)) == ()
        check_agreement(left, right)

    def test_a_final_answer_of_another_association_than_the_provisional_is_refused(self) -> None:
        left, right = connected()
        set_remote(right, offer_of(left))
        set_local(right, SessionDescription("", SdpType.PRANSWER))
        set_remote(left, described(right, Side.LOCAL))
        line = f"a=fingerprint:{right.profile.fingerprints[0]}"
        other = edited(answer_of(right), (line, f"a=fingerprint:{NEW[0]}"))
        refused(left, other, ModificationError, "than the provisional one before")

    def test_a_final_answer_whose_group_begins_otherwise_is_of_the_provisional_association(
        self,
    ) -> None:
        """Else the session trusts another certificate than the handshake that is going on."""
        left, right = pair()
        for kind in ("audio", "video"):
            add_track(left, kind)
        exchange(left, right)
        set_remote(right, offer_of(left))
        line = f"a=fingerprint:{right.profile.fingerprints[0]}"
        answer = edited(answer_of(right), (line, f"a=fingerprint:{NEW[0]}"))
        set_remote(left, SessionDescription(answer.sdp, SdpType.PRANSWER))
        turned = edited(answer, ("BUNDLE 0 1", "BUNDLE 1 0"))
        audio, mark, video = turned.sdp.partition("m=video")
        video = video.replace(str(NEW[0]), str(NEWER[0]))
        other = SessionDescription(audio + mark + video, SdpType.ANSWER)
        refused(left, other, ModificationError, "than the provisional one before")
        set_remote(left, turned)


def test_refused_rekey_offer_leaves_the_session_as_it_was() -> None:
    left, right = connected()
    left.request_rekey(NEW)
    offer = edited(offer_of(left), ("a=setup:actpass", "a=setup:holdconn"))
    before = right.session
    with pytest.raises(SetupError, match="hold"):
        right.plan(Side.REMOTE, offer)
    assert right.session is before
