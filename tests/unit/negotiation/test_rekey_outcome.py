"""Tests of what follows once the wire shows whether new keys are in use."""

from __future__ import annotations

from peer.descriptions import SdpType, SessionDescription
from peer.negotiation.effects import ConnectDtls, ConnectIce, DropAssociation, Listen
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import NewAssociation, Reuse, Side
from peer.states import DtlsRole
from tests.support.negotiation.modification import (
    NEW,
    NEWER,
    answer_from_old_peer,
    connected,
    old_peer,
    the,
    transport,
)
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    answer_of,
    described,
    edited,
    exchange,
    offer_of,
    set_local,
    set_remote,
    without,
)
from tests.support.negotiation.sessions import check_agreement


class TestPeerWithoutTlsId:
    """What all browsers are: only the wire shows whether they follow."""

    def test_peer_without_tls_id_may_keep_its_association(self) -> None:
        left, right = old_peer()
        left.request_rekey(NEW)
        connect = the(ConnectDtls, answer_from_old_peer(left, right))
        assert connect.peer_may_keep
        assert connect.association == 1

    def test_next_offer_describes_the_association_that_the_peer_kept(self) -> None:
        left, right = old_peer()
        before = transport(left)
        shown = Sdp.parse(offer_of(left).sdp).media[0]
        set_remote(left, ROLLBACK)
        left.request_rekey(NEW, keep_path=True)
        answer_from_old_peer(left, right)
        assert left.resolve_association("0", 1, in_use=False) == (DropAssociation("0", 1),)
        assert transport(left) == before
        assert left.session.fingerprints == left.profile.fingerprints
        assert not left.negotiation_needed
        next_offer = Sdp.parse(left.create_offer().sdp).media[0]
        assert next_offer.fingerprints == shown.fingerprints
        assert next_offer.tls_id == shown.tls_id

    def test_new_fingerprint_of_a_peer_without_tls_id_makes_a_new_association(self) -> None:
        left, right = old_peer()
        line = f"a=fingerprint:{right.profile.fingerprints[0]}"
        offer = without(offer_of(right), "tls-id")
        set_remote(left, edited(offer, (line, f"a=fingerprint:{NEW[0]}")))
        connect = the(ConnectDtls, set_local(left))
        assert (connect.association, connect.remote_fingerprints) == (1, NEW)
        assert not connect.peer_may_keep
        assert connect.role is DtlsRole.SERVER, "as before: the offer left the choice"
        assert "tls-id" not in described(left, Side.LOCAL).sdp

    def test_role_flipped_alone_by_a_peer_without_tls_id_is_ignored(self) -> None:
        left, right = old_peer()
        before = transport(left)
        set_remote(right, without(offer_of(left), "tls-id"))
        set_remote(left, edited(answer_of(right), ("a=setup:active", "a=setup:passive")))
        assert transport(left) == before

    def test_offer_without_tls_id_that_takes_our_role_is_ignored(self) -> None:
        left, right = old_peer()
        before = transport(left)
        offer = without(offer_of(right), "tls-id")
        set_remote(left, edited(offer, ("a=setup:actpass", "a=setup:passive")))
        set_local(left)
        assert transport(left) == before
        assert "a=setup:active" in described(left, Side.LOCAL).sdp, "RFC 4145 section 4.1"

    def test_tls_id_that_a_peer_begins_to_send_is_remembered(self) -> None:
        left, right = old_peer()
        set_remote(right, offer_of(left))
        answer = answer_of(right)
        assert set_remote(left, answer) == ()
        remote = transport(left).association.remote
        assert remote is not None
        assert remote.tls_id == Sdp.parse(answer.sdp).media[0].tls_id


class TestOutcomes:
    """What the wire shows may come at any moment, and to one end before the other."""

    def test_outcome_of_an_unknown_association_changes_nothing(self) -> None:
        left, _ = connected()
        before = left.session
        for key, number in (("0", 1), ("0", 0), ("9", 0)):
            for replaced in (True, False):
                assert left.resolve_association(key, number, in_use=replaced) == ()
        assert left.session == before

    def test_outcome_during_our_pending_offer_survives_its_rollback(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        set_local(left)
        left.resolve_association("0", 1, in_use=True)
        set_local(left, ROLLBACK)
        assert transport(left).fallbacks == ()
        assert transport(left).association.number == 1

    def test_pending_offer_asks_anew_for_an_association_that_was_dropped(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        set_local(left)
        anew = (DropAssociation("0", 1), Listen("0", 1, NEW))
        assert left.resolve_association("0", 1, in_use=False) == anew
        right.resolve_association("0", 1, in_use=False)
        set_remote(right, described(left, Side.LOCAL))
        set_remote(left, answer_of(right))
        assert transport(left).association.number == 1
        check_agreement(left, right)

    def test_offer_of_a_peer_that_dropped_the_association_takes_us_back_too(self) -> None:
        left, right = connected()
        before = transport(right)
        left.request_rekey(NEW, keep_path=True)
        exchange(left, right)
        left.resolve_association("0", 1, in_use=False)
        set_remote(right, offer_of(left))
        assert set_local(right) == (DropAssociation("0", 1),)
        set_remote(left, described(right, Side.LOCAL))
        assert transport(right) == before
        check_agreement(left, right)

    def test_association_in_use_after_a_provisional_answer_stays_in_use(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        set_remote(right, offer_of(left))
        set_local(right, SessionDescription("", SdpType.PRANSWER))
        set_remote(left, described(right, Side.LOCAL))
        for end in (left, right):
            assert end.resolve_association("0", 1, in_use=True) == ()
        assert set_local(right) == ()
        assert set_remote(left, described(right, Side.LOCAL)) == ()
        assert not any(transport(end).fallbacks for end in (left, right))
        check_agreement(left, right)

    def test_association_dropped_after_a_provisional_answer_begins_anew_with_the_final_one(
        self,
    ) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        set_remote(right, offer_of(left))
        set_local(right, SessionDescription("", SdpType.PRANSWER))
        set_remote(left, described(right, Side.LOCAL))
        for end in (left, right):
            dropped, listening = end.resolve_association("0", 1, in_use=False)
            assert dropped == DropAssociation("0", 1)
            assert isinstance(listening, Listen)
        the(ConnectDtls, set_local(right))
        the(ConnectDtls, set_remote(left, described(right, Side.LOCAL)))
        check_agreement(left, right)

    def test_ice_path_of_a_provisional_answer_outlives_its_dropped_association(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        left.restart_ice()
        set_remote(right, offer_of(left))
        set_local(right, SessionDescription("", SdpType.PRANSWER))
        set_remote(left, described(right, Side.LOCAL))
        path = transport(left).remote_ice
        left.resolve_association("0", 1, in_use=False)
        assert transport(left).remote_ice == path
        effects = set_remote(left, answer_of(right))
        assert not any(isinstance(effect, ConnectIce) for effect in effects)

    def test_outcome_during_the_peers_pending_offer_changes_our_answer(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        before = right.session.stable or right.session
        set_remote(right, offer_of(left))
        assert right.resolve_association("0", 1, in_use=False) == (DropAssociation("0", 1),)
        assert transport(right).association.number == 0
        set_local(right, ROLLBACK)
        assert transport(right).association == before.transports[0].fallbacks[0]

    def test_the_verdict_on_a_pending_offer_follows_the_association_that_serves(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        set_remote(right, offer_of(left))
        assert right.session.offer_verdicts == {"0": Reuse()}
        right.resolve_association("0", 1, in_use=False)
        reason = "the peer's fingerprint and the peer's tls-id changed"
        assert right.session.offer_verdicts == {"0": NewAssociation(reason)}
        set_local(right)
        assert right.session.offer_verdicts == {}
        verdict = NewAssociation(f"our tls-id, {reason}")
        assert transport(right).association.verdict == verdict

    def test_description_created_before_an_outcome_is_set_as_it_is(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        created = left.create_offer()
        left.resolve_association("0", 1, in_use=False)
        set_local(left, created)
        asked = transport(left).association
        section = Sdp.parse(created.sdp).media[0]
        assert (asked.local.fingerprints, asked.local.tls_id) == (NEW, section.tls_id)
        assert not asked.agreed
        right.resolve_association("0", 1, in_use=False)
        set_remote(right, created)
        set_remote(left, answer_of(right))
        check_agreement(left, right)

    def test_rekey_before_the_outcome_of_the_last_one_keeps_both_fallbacks(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        left.resolve_association("0", 1, in_use=True)
        left.request_rekey(NEWER)
        set_remote(right, offer_of(left))
        effects = set_local(right)
        assert the(ConnectDtls, effects).association == 2
        assert not any(isinstance(effect, DropAssociation) for effect in effects)
        assert [terms.number for terms in transport(right).fallbacks] == [0, 1]
        assert right.resolve_association("0", 1, in_use=True) == ()
        assert [terms.number for terms in transport(right).fallbacks] == [1]
        assert right.resolve_association("0", 2, in_use=True) == ()
        set_remote(left, described(right, Side.LOCAL))
        check_agreement(left, right)

    def test_association_passed_over_without_use_is_dropped(self) -> None:
        left, right = connected()
        left.request_rekey(NEW)
        exchange(left, right)
        left.resolve_association("0", 1, in_use=True)
        left.request_rekey(NEWER)
        set_remote(right, offer_of(left))
        set_local(right)
        assert right.resolve_association("0", 1, in_use=False) == (DropAssociation("0", 1),)
        assert [terms.number for terms in transport(right).fallbacks] == [0]
        assert transport(right).association.number == 2

    def test_association_that_the_peer_goes_back_from_is_not_taken_for_the_one_that_follows(
        self,
    ) -> None:
        """The peer asks for a new association, and answers with the tls-id of the old one."""
        left, right = connected()
        old = right.session.transports[0].association.local.tls_id
        right.request_rekey(NEW)
        set_remote(left, offer_of(right))
        set_remote(right, answer_of(left))
        new = right.session.transports[0].association.local.tls_id
        left.restart_ice()
        set_remote(right, offer_of(left))
        passive = edited(answer_of(right), (new, old), ("setup:active", "setup:passive"))
        effects = set_remote(left, passive)
        assert DropAssociation("0", 1) in effects
        assert the(ConnectDtls, effects).association == transport(left).association.number == 2
