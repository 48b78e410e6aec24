"""Tests of the effects between two sessions, and of their order."""

from __future__ import annotations

import random
from typing import TypeVar

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.difference import difference
from peer.negotiation.effects import (
    AnnounceTrack,
    CloseData,
    CloseTransport,
    ConfigureRtp,
    ConnectData,
    ConnectDtls,
    ConnectIce,
    CreateTransceiver,
    Effect,
    Listen,
    OpenTransport,
    StopTransceiver,
)
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.profile import Profile
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import Side, TransceiverOrigin
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind
from peer.states import DtlsRole, IceRole
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    answer_of,
    described,
    edited,
    exchange,
    offer_of,
    pair,
    set_local,
    set_remote,
)


def offer_answer(seed: int) -> OfferAnswer:
    fingerprint = Fingerprint.of_certificate(bytes([seed]), HashFunction.SHA256)
    profile = Profile(
        capabilities={kind: capabilities(kind) for kind in MediaKind},
        fingerprints=(fingerprint,),
        cname="cname",
        random=random.Random(seed).randbytes,
    )
    made = OfferAnswer(profile)
    made.add_transceiver(
        MediaKind.AUDIO, origin=TransceiverOrigin.ADD_TRANSCEIVER, direction=MediaDirection.SENDRECV
    )
    return made


def take(
    end: OfferAnswer, side: Side, description: SessionDescription | None = None
) -> SessionDescription:
    """Set a description; it, as it is in force then."""
    end.commit(end.plan(side, description))
    described = end.session.description(side)
    assert described is not None
    return SessionDescription(str(described.sdp), described.type)


def test_rtp_is_configured_before_the_peer_is_verified() -> None:
    # A handshake that came before the answer ends with the verification, with SRTP or without.
    offerer, answerer = offer_answer(1), offer_answer(2)
    take(answerer, Side.REMOTE, take(offerer, Side.LOCAL))
    answer = take(answerer, Side.LOCAL)
    assert answer.type is SdpType.ANSWER
    before = offerer.session

    take(offerer, Side.REMOTE, answer)

    effects = [type(effect) for effect in difference(before, offerer.session, "cname")]
    assert effects.index(ConfigureRtp) < effects.index(ConnectDtls)


def test_transport_is_opened_before_all_other_effects_on_it() -> None:
    offerer, answerer = offer_answer(1), offer_answer(2)
    before = answerer.session
    take(answerer, Side.REMOTE, take(offerer, Side.LOCAL))
    take(answerer, Side.LOCAL)
    assert isinstance(difference(before, answerer.session, "cname")[0], OpenTransport)


E = TypeVar("E")


def names(effects: tuple[Effect, ...]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def the(kind: type[E], effects: tuple[Effect, ...]) -> E:
    """The one effect of a kind."""
    (found,) = (effect for effect in effects if isinstance(effect, kind))
    return found


def test_a_call_from_the_first_offer_to_media() -> None:
    left, right = pair()
    add_track(left, "audio")
    left.request_data()
    plan = left.plan(Side.LOCAL, None)
    assert [e.key for e in plan.prepare] == ["0", "1"]
    shown = left.profile.fingerprints
    assert left.commit(plan) == (Listen("0", 0, shown), Listen("1", 0, shown))

    made = set_remote(right, described(left, Side.LOCAL))
    assert made == (CreateTransceiver(0), AnnounceTrack(0, ("stream",)))

    answer = right.plan(Side.LOCAL, None)
    assert [e.key for e in answer.prepare] == ["0"]
    done = right.commit(answer)
    assert names(done) == ["ConfigureRtp", "ConnectIce", "ConnectDtls", "ConnectData"]
    path = the(ConnectIce, done)
    assert path.generation == right.session.transports[0].local.username_fragment
    assert path.role is IceRole.CONTROLLED
    assert path.remote == left.session.transports[0].local
    connect = the(ConnectDtls, done)
    assert connect.association == 0
    assert connect.role is DtlsRole.CLIENT
    assert connect.fingerprints == right.profile.fingerprints
    assert connect.remote_fingerprints == left.profile.fingerprints
    assert not connect.peer_may_keep
    assert the(ConnectData, done) == ConnectData("0", 5000, 262144)
    media = the(ConfigureRtp, done)
    assert media.send is None
    assert media.receive is not None
    assert media.receive.ssrcs == (left.session.transceivers[0].ssrc,)

    ended = set_remote(left, described(right, Side.LOCAL))
    assert names(ended) == [
        "ConfigureRtp",
        "ConnectIce",
        "ConnectDtls",
        "ConnectData",
        "CloseTransport",
    ]
    assert the(CloseTransport, ended) == CloseTransport("1"), "the answer bundled it away"
    sending = the(ConfigureRtp, ended)
    assert sending.send is not None
    assert sending.send.cname == "end-1"
    assert sending.send.mid == "0"
    assert sending.receive is None


def test_exchange_that_changes_nothing_has_no_effects() -> None:
    left, right = pair()
    add_track(left, "audio")
    left.request_data()
    exchange(left, right)
    assert set_local(left) == ()
    assert set_remote(right, described(left, Side.LOCAL)) == ()
    assert set_local(right) == ()
    assert set_remote(left, described(right, Side.LOCAL)) == ()


def test_a_source_that_repairs_is_told_from_the_source_that_it_repairs() -> None:
    left, right = pair()
    state = add_track(left, "video")
    set_remote(right, offer_of(left))
    receive = the(ConfigureRtp, set_local(right)).receive
    assert receive is not None
    assert receive.ssrcs == (state.ssrc,)
    assert receive.rtx == ((state.rtx_ssrc, state.ssrc),)


def test_a_direction_that_changes_is_configured_anew() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(right, "audio")
    exchange(left, right)
    left.change_transceiver(0, direction=MediaDirection.RECVONLY)
    set_remote(right, offer_of(left))
    effect = the(ConfigureRtp, set_local(right))
    assert effect.send is not None
    assert effect.receive is None


def test_a_track_is_announced_each_time_that_the_peer_begins_to_send() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    for direction, announced in (
        (MediaDirection.RECVONLY, False),
        (MediaDirection.SENDRECV, True),
        (MediaDirection.SENDONLY, False),
    ):
        left.change_transceiver(0, direction=direction)
        effects = set_remote(right, offer_of(left))
        assert any(isinstance(effect, AnnounceTrack) for effect in effects) is announced
        set_remote(left, answer_of(right))


def test_a_track_that_the_answer_sends_is_announced_to_the_offerer() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(right, "audio")
    set_remote(right, offer_of(left))
    effects = set_remote(left, answer_of(right))
    assert the(AnnounceTrack, effects) == AnnounceTrack(0, ("stream",))


def test_stopping_transceiver_is_neither_configured_nor_announced() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    right.stop_transceiver(0)
    assert "ConfigureRtp" not in names(set_local(right))
    set_remote(left, described(right, Side.LOCAL))
    assert "AnnounceTrack" not in names(set_remote(right, offer_of(left)))


def test_a_stop_is_carried_out_on_both_ends() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    assert left.stop_transceiver(0) == ()
    set_remote(right, offer_of(left))
    assert names(set_local(right)) == ["StopTransceiver", "CloseTransport"]
    assert names(set_remote(left, described(right, Side.LOCAL))) == [
        "StopTransceiver",
        "CloseTransport",
    ]


def test_a_stop_before_the_first_offer_is_carried_out_at_once() -> None:
    left, _ = pair()
    state = add(left, "audio")
    assert left.stop_transceiver(state.key) == (StopTransceiver(state.key),)


@pytest.mark.parametrize("connected", [False, True])
def test_data_that_is_refused_closes_its_channels(*, connected: bool) -> None:
    left, right = pair()
    add_track(left, "audio")
    left.request_data()
    if connected:
        exchange(left, right)
    set_remote(right, offer_of(left))
    refusing = edited(
        answer_of(right), ("m=application 9", "m=application 0"), ("BUNDLE 0 1", "BUNDLE 0")
    )
    effects = set_remote(left, refusing)
    assert CloseData() in effects
    assert left.session.data is None


def test_a_provisional_answer_connects_and_the_final_one_only_adds() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    first = set_local(right, SessionDescription("", SdpType.PRANSWER))
    assert names(first) == ["ConfigureRtp", "ConnectIce", "ConnectDtls"]
    assert names(set_remote(left, described(right, Side.LOCAL))) == [
        "ConfigureRtp",
        "ConnectIce",
        "ConnectDtls",
    ]
    assert set_local(right) == ()
    assert set_remote(left, described(right, Side.LOCAL)) == ()


def test_another_peer_in_the_place_of_the_former_ends_its_data_channels() -> None:
    kept, page, reloaded = (offer_answer(seed) for seed in range(3))
    for each in (page, reloaded):
        each.request_data()
    set_remote(kept, offer_of(page))
    set_remote(page, answer_of(kept))
    # The same one, with a new description.
    page.restart_ice()
    set_remote(kept, offer_of(page))
    assert "ConnectData" not in names(set_local(kept))
    set_remote(kept, offer_of(reloaded))
    effects = set_local(kept)
    assert the(ConnectData, effects) == ConnectData("0", 5000, 262144, is_new_peer=True)
    path = the(ConnectIce, effects)
    assert (path.role, path.is_new_peer) == (IceRole.CONTROLLED, True)


def test_who_offers_to_another_peer_controls_ice_whoever_did_before() -> None:
    kept, page, reloaded = (offer_answer(seed) for seed in range(3))
    set_remote(kept, offer_of(page))
    set_remote(page, answer_of(kept))
    kept.restart_ice()
    set_remote(reloaded, offer_of(kept))
    path = the(ConnectIce, set_remote(kept, answer_of(reloaded)))
    assert (path.role, path.is_new_peer) == (IceRole.CONTROLLING, True)
    assert kept.session.transports[0].ice_role is IceRole.CONTROLLING


def test_a_peer_that_changes_its_session_id_alone_is_the_same() -> None:
    kept, page = offer_answer(0), offer_answer(1)
    page.request_data()
    set_remote(kept, offer_of(page))
    set_remote(page, answer_of(kept))
    again = offer_of(page)
    session_id = str(page.session.id)
    set_remote(kept, edited(again, (f" {session_id} ", " 12345 ")))
    assert "ConnectData" not in names(set_local(kept))
