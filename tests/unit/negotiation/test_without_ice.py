"""A peer without ICE: taken where the application asked for it, and held to what it had."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from peer.configuration import IcePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import DescriptionError, ModificationError
from peer.ice import DefaultDestination, WithoutIce
from peer.negotiation.effects import ConnectDtls, ConnectIce, ConnectWithoutIce
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.states import SignalingState
from tests.support.negotiation.offer_answer import (
    add_track,
    an_offer,
    answer_of,
    answer_to,
    edited,
    offer_of,
    pair,
    profile,
    set_local,
    set_remote,
)
from tests.support.negotiation.sessions import check_session
from tests.support.negotiation.without_ice import with_lines, without_ice

if TYPE_CHECKING:
    from peer.negotiation.effects import Effect

PEER = "192.0.2.10"
PORT = 16146


def optional(seed: int = 2) -> OfferAnswer:
    return OfferAnswer(profile(seed, ice=IcePolicy.OPTIONAL))


def plain(description: SessionDescription) -> SessionDescription:
    return without_ice(description, address=PEER, port=PORT)


def offering() -> tuple[OfferAnswer, SessionDescription]:
    """An end that has offered sound, and an answer without ICE to it."""
    left, right = optional(1), optional(2)
    add_track(left, "audio")
    set_remote(right, plain(offer_of(left)))
    return left, plain(answer_of(right))


def agreed() -> tuple[OfferAnswer, OfferAnswer]:
    """Two ends that have agreed on sound without ICE."""
    left, right = optional(1), optional(2)
    add_track(left, "audio")
    set_remote(right, plain(offer_of(left)))
    set_remote(left, plain(answer_of(right)))
    return left, right


def paths(effects: tuple[Effect, ...]) -> list[ConnectWithoutIce]:
    return [effect for effect in effects if isinstance(effect, ConnectWithoutIce)]


def test_offer_without_ice_is_answered_without_ice() -> None:
    answer, end = answer_to(plain(an_offer("audio")), optional())
    (section,) = answer.media
    assert not section.rejected
    assert not [line for line in section.lines if line.value.startswith(("ice-", "candidate"))]
    assert section.rtcp_mux
    (transport,) = end.session.transports
    assert transport.without_ice == WithoutIce(DefaultDestination(PEER, PORT))
    assert transport.remote_ice is None


def test_answer_without_ice_connects_where_its_media_line_says() -> None:
    left, answer = offering()
    effects = set_remote(left, answer)
    (path,) = paths(effects)
    assert path.peer.rtp == DefaultDestination(PEER, PORT)
    assert not path.is_client
    assert not [effect for effect in effects if isinstance(effect, ConnectIce)]
    kinds = [type(effect) for effect in effects]
    assert kinds.index(ConnectWithoutIce) < kinds.index(ConnectDtls)


def test_later_offers_to_a_peer_without_ice_have_no_ice() -> None:
    left, _ = agreed()
    assert "a=ice-" not in offer_of(left).sdp


def test_ice_restart_with_a_peer_without_ice_opens_no_sockets() -> None:
    left, _ = agreed()
    plan = left.plan(Side.LOCAL, left.create_offer(ice_restart=True))
    assert plan.prepare == ()


@pytest.mark.parametrize("lines", ["a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx"])
def test_half_of_the_credentials_is_refused_whatever_the_policy(lines: str) -> None:
    end, offer = optional(), with_lines(plain(an_offer("audio")), lines)
    set_remote(end, offer)
    sdp = Sdp.parse(answer_of(end).sdp)
    assert [section.rejected for section in sdp.media] == [True]


def test_answer_with_half_of_the_credentials_is_refused() -> None:
    left, answer = offering()
    with pytest.raises(DescriptionError, match="no a=ice-pwd"):
        set_remote(left, with_lines(answer, "a=ice-ufrag:abcd"))


def test_by_default_an_answer_without_ice_is_refused() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    before = left.session
    with pytest.raises(DescriptionError, match=r"the m-section has no a=ice-ufrag"):
        set_remote(left, plain(answer_of(right)))
    assert left.session is before


def test_by_default_an_offer_without_ice_is_rejected_section_by_section() -> None:
    answer, end = answer_to(plain(an_offer("audio")), OfferAnswer(profile(2)))
    assert [section.rejected for section in answer.media] == [True]
    assert end.session.transports == ()


def test_new_section_without_ice_is_rejected_alone_by_default() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    set_remote(left, answer_of(right))
    add_track(left, "video")
    offer = offer_of(left).sdp
    head, mark, video = offer.rpartition("m=video")
    text = re.sub(r"(a=group:BUNDLE 0) 1", r"\1", head) + mark + video
    answer, _ = answer_to(
        SessionDescription(re.sub(r"(m=video[\s\S]*)", _no_ice, text), SdpType.OFFER), right
    )
    assert [section.rejected for section in answer.media] == [False, True]


def _no_ice(found: re.Match[str]) -> str:
    return re.sub(r"a=ice-[^\r]*\r\n", "", found[0])


def test_reoffer_that_has_lost_ice_is_refused_and_changes_nothing() -> None:
    left, right = optional(1), optional(2)
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    set_remote(left, answer_of(right))
    before = right.session
    with pytest.raises(ModificationError, match="had ICE"):
        set_remote(right, plain(offer_of(left)))
    assert right.session is before


def test_answer_that_has_lost_ice_is_refused_and_changes_nothing() -> None:
    left, right = optional(1), optional(2)
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    set_remote(left, answer_of(right))
    set_remote(right, offer_of(left))
    before = left.session
    with pytest.raises(ModificationError, match="had ICE"):
        set_remote(left, plain(answer_of(right)))
    assert left.session is before


def test_ice_that_appears_later_is_passed_over() -> None:
    left, right = agreed()
    offer = with_lines(
        plain(offer_of(left)), "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx"
    )
    set_remote(right, offer)
    answer = answer_of(right)
    assert "a=ice-" not in answer.sdp
    assert right.session.state is SignalingState.STABLE
    (transport,) = right.session.transports
    assert transport.remote_ice is None
    check_session(right.session)


def test_changed_address_is_taken_with_the_association_that_there_is() -> None:
    left, right = agreed()
    set_remote(right, without_ice(offer_of(left), address=PEER, port=PORT + 4))
    (path,) = paths(set_local(right))
    assert path.peer.rtp.port == PORT + 4
    assert path.keeps_association
    (transport,) = right.session.transports
    assert transport.association.number == 0
    assert not transport.fallbacks


def test_unchanged_address_has_no_effect() -> None:
    left, right = agreed()
    set_remote(right, plain(offer_of(left)))
    assert set_local(right) == ()


def test_hold_by_address_is_taken() -> None:
    left, right = agreed()
    set_remote(right, without_ice(offer_of(left), address="0.0.0.0", port=PORT))
    (path,) = paths(set_local(right))
    assert path.peer.rtp.is_hold


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("c=IN IP4 233.252.0.1/127", "neither an address nor a name"),
        ("c=IN IP4 233.252.0.1", "a multicast address"),
        ("c=IN IP4 a/b", "neither an address nor a name"),
        ("c=ATM NSAP 47.0091", "an address of ATM"),
    ],
)
def test_address_that_nothing_can_be_sent_to_is_refused_by_name(line: str, message: str) -> None:
    end = optional()
    offer = edited(plain(an_offer("audio")), (f"c=IN IP4 {PEER}", line))
    with pytest.raises(DescriptionError, match=message) as caught:
        set_remote(end, offer)
    assert caught.value.line == line
    assert end.session.state is SignalingState.STABLE


def test_missing_address_is_refused_by_name() -> None:
    offer = edited(plain(an_offer("audio")), (f"c=IN IP4 {PEER}\r\n", ""))
    with pytest.raises(DescriptionError, match="no c= line"):
        set_remote(optional(), offer)


def test_host_name_is_taken_as_it_is() -> None:
    _, end = answer_to(
        without_ice(an_offer("audio"), address="gateway.example.org", port=PORT), optional()
    )
    (transport,) = end.session.transports
    assert transport.without_ice == WithoutIce(DefaultDestination("gateway.example.org", PORT))
