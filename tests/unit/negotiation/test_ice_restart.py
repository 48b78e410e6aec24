"""Tests of what an ICE restart does to descriptions, sessions and transports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import ModificationError
from peer.ice import CandidateFields, IceCandidate
from peer.negotiation.effects import (
    AddCandidates,
    ConnectDtls,
    ConnectIce,
    DropGeneration,
    OpenGeneration,
)
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import GatheredCandidates, Side
from peer.states import IceRole
from tests.support.negotiation.modification import NEW, connected, the, transport
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add_track,
    answer_of,
    candidate,
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

if TYPE_CHECKING:
    from peer.ice import IceParameters
    from peer.negotiation.offer_answer import OfferAnswer


def with_credentials(description: SessionDescription, ice: IceParameters) -> SessionDescription:
    """The description of a peer that says other credentials than it should."""
    section = Sdp.parse(description.sdp).media[0]
    return edited(
        description,
        (f"a=ice-ufrag:{section.ice_ufrag}", f"a=ice-ufrag:{ice.username_fragment}"),
        (f"a=ice-pwd:{section.ice_pwd}", f"a=ice-pwd:{ice.password}"),
    )


class TestBetweenTwoEnds:
    """A restart is the offerer's to begin, and both ends take new credentials."""

    def test_ice_restart_alone_keeps_the_association(self) -> None:
        left, right = connected()
        before = transport(left).association, transport(right).association
        left.restart_ice()
        exchange(left, right)
        assert (transport(left).association, transport(right).association) == before
        check_agreement(left, right)

    def test_ice_restart_gives_both_ends_new_credentials(self) -> None:
        left, right = connected()
        before = {transport(end).local for end in (left, right)}
        left.restart_ice()
        exchange(left, right)
        assert before.isdisjoint(transport(end).local for end in (left, right))

    def test_a_generation_is_opened_before_and_connected_after_the_answer(self) -> None:
        left, right = connected()
        left.restart_ice()
        plan = left.plan(Side.LOCAL, None)
        fresh = plan.next.transports[0].local
        assert plan.prepare == (OpenGeneration("0", fresh),)
        assert left.commit(plan) == ()
        set_remote(right, described(left, Side.LOCAL))
        answer = right.plan(Side.LOCAL, None)
        theirs = answer.next.transports[0].local
        assert answer.prepare == (OpenGeneration("0", theirs),)
        assert right.commit(answer) == (
            ConnectIce("0", theirs.username_fragment, fresh, IceRole.CONTROLLED, is_answerer=True),
        )
        assert set_remote(left, described(right, Side.LOCAL)) == (
            ConnectIce("0", fresh.username_fragment, theirs, IceRole.CONTROLLING),
        )

    def test_roles_stay_whoever_restarts(self) -> None:
        left, right = connected()
        right.restart_ice()
        exchange(right, left)
        assert transport(left).ice_role is IceRole.CONTROLLING
        assert transport(right).ice_role is IceRole.CONTROLLED
        check_agreement(left, right)

    def test_ice_restart_with_a_rekey_renews_credentials_and_association(self) -> None:
        left, right = connected()
        left.restart_ice()
        left.request_rekey(NEW)
        set_remote(right, offer_of(left))
        effects = set_local(right)
        assert the(ConnectDtls, effects).association == 1
        the(ConnectIce, effects)
        set_remote(left, described(right, Side.LOCAL))
        check_agreement(left, right)

    def test_two_restarts_in_a_row_make_two_generations(self) -> None:
        left, right = connected()
        seen = {transport(left).local}
        for _ in range(2):
            left.restart_ice()
            exchange(left, right)
            seen.add(transport(left).local)
        assert len(seen) == 3
        check_agreement(left, right)

    def test_changed_ice_password_alone_restarts_ice(self) -> None:
        left, right = connected()
        before = transport(right).local
        theirs = replace(transport(left).local, password="q" * 22)
        set_remote(right, with_credentials(offer_of(left), theirs))
        set_local(right)
        assert transport(right).local != before
        assert transport(right).remote_ice == theirs

    def test_transports_that_shared_credentials_share_the_new_ones(self) -> None:
        left, right = pair(bundle_policy=BundlePolicy.MAX_COMPAT)
        for kind in ("audio", "video"):
            add_track(left, kind)
        set_remote(right, without(offer_of(left), "group"))
        set_remote(left, answer_of(right))
        before = {t.local for t in left.session.transports}
        left.restart_ice()
        exchange(left, right)
        after = {t.local for t in left.session.transports}
        assert len(before) == len(after) == 1
        assert before != after
        check_agreement(left, right)


class TestRequests:
    """webrtc-pc sections 4.4.2 and 4.7.3."""

    def test_requested_restart_needs_an_offer_and_one_exchange_fulfils_it(self) -> None:
        left, right = connected()
        left.restart_ice()
        needed = left.negotiation_needed
        exchange(left, right)
        assert (needed, left.negotiation_needed) == (True, False)
        assert left.session.credentials_to_replace == frozenset()

    def test_before_a_first_exchange_there_is_nothing_to_restart(self) -> None:
        left, _ = pair()
        left.restart_ice()
        assert not left.negotiation_needed

    def test_the_restart_of_the_peer_fulfils_it_too(self) -> None:
        left, right = connected()
        left.restart_ice()
        right.restart_ice()
        exchange(right, left)
        assert not left.negotiation_needed

    def test_answer_to_an_offer_without_restart_keeps_the_credentials(self) -> None:
        left, right = connected()
        before = transport(left)
        left.restart_ice()
        exchange(right, left)
        assert transport(left) == before
        assert left.negotiation_needed

    def test_restart_requested_during_an_exchange_needs_another_offer(self) -> None:
        left, right = connected()
        left.restart_ice()
        offer = offer_of(left)
        left.restart_ice()
        set_remote(right, offer)
        set_remote(left, answer_of(right))
        assert left.negotiation_needed

    def test_an_offer_can_be_asked_to_restart_by_itself(self) -> None:
        left, right = connected()
        before = transport(left).local
        set_local(left, left.create_offer(ice_restart=True))
        set_remote(right, described(left, Side.LOCAL))
        set_remote(left, answer_of(right))
        assert transport(left).local != before
        check_agreement(left, right)

    def test_offer_that_replaces_an_offer_keeps_its_generation(self) -> None:
        left, _ = connected()
        left.restart_ice()
        set_local(left)
        asked = transport(left)
        left.request_data()
        assert set_local(left) == ()
        assert transport(left) == asked

    def test_restart_requested_while_an_offer_is_pending_replaces_its_generation(self) -> None:
        left, _ = connected()
        left.restart_ice()
        set_local(left)
        first = transport(left).local
        left.restart_ice()
        plan = left.plan(Side.LOCAL, None)
        assert plan.prepare == (OpenGeneration("0", plan.next.transports[0].local),)
        assert left.commit(plan) == (DropGeneration("0", first.username_fragment),)


class TestRollback:
    """The generation in use was never touched."""

    def test_rollback_of_our_offer_drops_the_new_generation_and_keeps_the_request(self) -> None:
        left, right = connected()
        before = transport(left)
        left.restart_ice()
        set_local(left)
        fresh = transport(left).local
        assert set_local(left, ROLLBACK) == (DropGeneration("0", fresh.username_fragment),)
        assert transport(left) == before
        assert left.negotiation_needed
        exchange(left, right)
        check_agreement(left, right)

    def test_restart_requested_during_an_exchange_survives_a_rollback(self) -> None:
        left, _ = connected()
        set_local(left)
        left.restart_ice()
        set_local(left, ROLLBACK)
        assert left.negotiation_needed

    def test_the_peers_offer_taken_back_changes_nothing(self) -> None:
        left, right = connected()
        before = transport(right)
        left.restart_ice()
        assert set_remote(right, offer_of(left)) == ()
        assert set_remote(right, ROLLBACK) == ()
        assert transport(right) == before

    def test_one_exchange_serves_both_ends_that_restart_at_once(self) -> None:
        left, right = connected()
        for end in (left, right):
            end.restart_ice()
        set_local(right)
        the(DropGeneration, set_remote(right, offer_of(left)))
        set_remote(left, answer_of(right))
        assert not right.negotiation_needed
        check_agreement(left, right)

    def test_a_provisional_answer_connects_and_the_final_one_adds_nothing(self) -> None:
        left, right = connected()
        left.restart_ice()
        set_remote(right, offer_of(left))
        the(ConnectIce, set_local(right, SessionDescription("", SdpType.PRANSWER)))
        the(ConnectIce, set_remote(left, described(right, Side.LOCAL)))
        assert set_local(right) == ()
        assert set_remote(left, described(right, Side.LOCAL)) == ()
        check_agreement(left, right)


class TestPeersThatDoNotRestart:
    """GStreamer answers a restart with the credentials that it has."""

    def test_a_restart_that_is_not_followed_leaves_the_path_before(self) -> None:
        left, right = connected()
        before = transport(left)
        theirs = transport(right).local
        left.restart_ice()
        set_remote(right, offer_of(left))
        fresh = transport(left).local
        effects = set_remote(left, with_credentials(answer_of(right), theirs))
        name = fresh.username_fragment
        assert effects == (ConnectIce("0", name, theirs, IceRole.CONTROLLING, if_followed=True),)
        assert transport(left) == replace(before, unanswered=fresh)
        assert not left.negotiation_needed, "it would not follow the next one either"

    def test_the_next_exchange_drops_a_restart_that_the_peer_did_not_follow(self) -> None:
        left, right = self.kept_credentials()
        before, unanswered = transport(left), transport(left).unanswered
        assert unanswered is not None
        assert set_local(left) == ()
        set_remote(right, described(left, Side.LOCAL))
        effects = set_remote(left, with_credentials(answer_of(right), self.theirs))
        assert effects == (DropGeneration("0", unanswered.username_fragment),)
        assert transport(left) == replace(before, unanswered=None)

    def test_session_names_the_generation_of_a_restart_that_the_peer_follows_unsaid(self) -> None:
        left, _ = self.kept_credentials()
        followed = transport(left).unanswered
        assert followed is not None
        assert left.resolve_restart("0", generation="else") == ()
        assert left.resolve_restart("0", generation=followed.username_fragment) == ()
        assert (transport(left).local, transport(left).unanswered) == (followed, None)
        assert transport(left).remote_ice == self.theirs
        # An ordinary offer speaks of it, and restarts nothing.
        assert f"a=ice-ufrag:{followed.username_fragment}" in offer_of(left).sdp

    def test_restart_that_is_followed_while_an_offer_is_pending_counts_after_it(self) -> None:
        left, right = self.kept_credentials()
        followed = transport(left).unanswered
        assert followed is not None
        set_local(left)
        set_remote(right, described(left, Side.LOCAL))
        left.resolve_restart("0", generation=followed.username_fragment)
        set_local(left, ROLLBACK)
        assert transport(left).local == followed

    def test_provisional_answer_with_the_old_credentials_leaves_the_restart_open(self) -> None:
        left, right = connected()
        theirs = transport(right).local
        left.restart_ice()
        set_remote(right, offer_of(left))
        fresh = transport(left).local
        set_local(right, SessionDescription("", SdpType.PRANSWER))
        set_remote(left, with_credentials(described(right, Side.LOCAL), theirs))
        assert set_remote(left, with_credentials(answer_of(right), theirs)) == ()
        assert transport(left).unanswered == fresh

    def kept_credentials(self) -> tuple[OfferAnswer, OfferAnswer]:
        """Two ends, of which the right one has answered a restart with its old credentials."""
        left, right = connected()
        self.theirs = transport(right).local
        left.restart_ice()
        set_remote(right, offer_of(left))
        set_remote(left, with_credentials(answer_of(right), self.theirs))
        return left, right

    def test_an_answer_that_restarts_what_was_not_offered_is_refused(self) -> None:
        left, right = connected()
        set_remote(right, offer_of(left))
        answer = answer_of(right)
        other = replace(transport(right).local, username_fragment="else")
        refused(left, with_credentials(answer, other), ModificationError, "answer restarts ICE")
        set_remote(left, answer)
        check_agreement(left, right)

    def test_a_final_answer_of_another_generation_than_the_provisional_is_refused(self) -> None:
        left, right = connected()
        left.restart_ice()
        set_remote(right, offer_of(left))
        set_local(right, SessionDescription("", SdpType.PRANSWER))
        set_remote(left, described(right, Side.LOCAL))
        other = replace(transport(right).local, username_fragment="else")
        wrong = with_credentials(answer_of(right), other)
        refused(left, wrong, ModificationError, "another ICE generation than the provisional")


class TestCandidates:
    """Every candidate is of one generation."""

    def test_candidates_of_a_restart_wait_for_the_answer(self) -> None:
        left, right = connected()
        left.restart_ice()
        set_remote(right, offer_of(left))
        assert right.add_candidate(candidate(left, "0")) == ()
        given = the(AddCandidates, set_local(right))
        assert given.generation == transport(right).local.username_fragment
        assert [c.port for c in given.candidates] == [5000]

    def test_candidates_of_the_old_generation_reach_it_while_a_restart_is_pending(self) -> None:
        left, right = connected()
        before = transport(left).local.username_fragment
        found = candidate(right, "0")
        left.restart_ice()
        set_local(left)
        assert the(AddCandidates, left.add_candidate(found)).generation == before

    def test_candidates_of_the_old_generation_do_not_reach_the_new_one(self) -> None:
        left, right = connected()
        right.add_candidate(candidate(left, "0"))
        left.restart_ice()
        set_remote(right, offer_of(left))
        assert not any(isinstance(effect, AddCandidates) for effect in set_local(right))

    def test_our_candidates_show_in_the_description_of_their_generation(self) -> None:
        left, _ = connected()
        old = transport(left).local.username_fragment
        left.restart_ice()
        set_local(left)
        new = transport(left).local.username_fragment
        line = "candidate:1 1 udp 2130706431 192.0.2.1 {} typ host"
        gathered = {
            ("0", name): GatheredCandidates((CandidateFields.parse(line.format(port)),))
            for name, port in ((old, 5000), (new, 6000))
        }
        ports = [
            Sdp.parse(shown.sdp).media[0].candidates[0].port
            for pending in (False, True)
            if (shown := left.described(Side.LOCAL, pending=pending, gathered=gathered))
        ]
        assert ports == [5000, 6000]

    def test_candidate_without_username_fragment_is_of_the_newest_generation(self) -> None:
        left, right = connected()
        left.restart_ice()
        set_remote(right, offer_of(left))
        given = replace(candidate(left, "0"), usernameFragment=None)
        assert isinstance(given, IceCandidate)
        right.add_candidate(given)
        pending, current = right.session.pending_remote, right.session.current_remote
        assert pending is not None
        assert current is not None
        assert len(pending.sdp.media[0].candidates) == 1
        assert current.sdp.media[0].candidates == ()
