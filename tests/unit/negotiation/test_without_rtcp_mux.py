"""RTCP on a port of its own, of a peer without ICE, where the application asked for it."""

from __future__ import annotations

import pytest

from peer.configuration import IcePolicy, RtcpMuxPolicy
from peer.errors import DescriptionError, ModificationError
from peer.ice import DefaultDestination
from peer.negotiation.effects import ConnectWithoutIce
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from tests.support.negotiation.offer_answer import (
    add_track,
    an_offer,
    answer_of,
    answer_to,
    edited,
    offer_of,
    profile,
    set_remote,
)
from tests.support.negotiation.without_ice import with_lines, without_ice

PEER = "192.0.2.10"


def negotiating(seed: int = 2, policy: RtcpMuxPolicy = RtcpMuxPolicy.NEGOTIATE) -> OfferAnswer:
    return OfferAnswer(profile(seed, ice=IcePolicy.OPTIONAL, rtcp_mux=policy))


def rtcp_of(end: OfferAnswer) -> DefaultDestination | None:
    (transport,) = end.session.transports
    assert transport.without_ice is not None
    return transport.without_ice.rtcp


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (None, DefaultDestination(PEER, 4001)),
        ("a=rtcp:5005", DefaultDestination(PEER, 5005)),
        ("a=rtcp:5005 IN IP4 192.0.2.11", DefaultDestination("192.0.2.11", 5005)),
        ("a=rtcp:5005 IN IP6 2001:db8::1", DefaultDestination("2001:db8::1", 5005)),
    ],
)
def test_rtcp_goes_to_the_next_port_or_where_the_attribute_says(
    attribute: str | None, expected: DefaultDestination
) -> None:
    offer = without_ice(an_offer("audio"), mux=False, address=PEER, port=4000)
    offer = edited(offer, (f"a=rtcp:9 IN IP4 {PEER}\r\n", ""))
    if attribute is not None:
        offer = with_lines(offer, attribute)
    answer, end = answer_to(offer, negotiating())
    assert not answer.media[0].rtcp_mux
    assert rtcp_of(end) == expected


@pytest.mark.parametrize("attribute", ["a=rtcp:", "a=rtcp:0", "a=rtcp:70000", "a=rtcp:x y z"])
def test_unreadable_rtcp_attribute_is_refused_by_name(attribute: str) -> None:
    offer = without_ice(an_offer("audio"), mux=False, address=PEER, port=4000)
    offer = edited(offer, (f"a=rtcp:9 IN IP4 {PEER}\r\n", f"{attribute}\r\n"))
    with pytest.raises(DescriptionError, match="a=rtcp is a port") as caught:
        set_remote(negotiating(), offer)
    assert caught.value.line == attribute


def test_answer_without_mux_connects_both_ports() -> None:
    left, right = negotiating(1), negotiating(2)
    add_track(left, "audio")
    offer = offer_of(left)
    assert "a=rtcp-mux\r\n" in offer.sdp
    set_remote(right, without_ice(offer, mux=False, address=PEER, port=4000))
    answer = without_ice(answer_of(right), mux=False, address=PEER, port=6000)
    effects = set_remote(left, edited(answer, ("a=rtcp:9", "a=rtcp:6007")))
    (path,) = [each for each in effects if isinstance(each, ConnectWithoutIce)]
    assert path.peer.rtcp == DefaultDestination(PEER, 6007)
    assert "a=rtcp-mux" not in offer_of(left).sdp


def test_mux_that_both_ends_have_is_used() -> None:
    answer, end = answer_to(without_ice(an_offer("audio"), address=PEER, port=4000), negotiating())
    assert answer.media[0].rtcp_mux
    assert rtcp_of(end) is None


def test_data_needs_no_port_for_rtcp() -> None:
    _, end = answer_to(without_ice(an_offer("data"), address=PEER, port=4000), negotiating())
    assert rtcp_of(end) is None


def test_mux_is_required_by_default() -> None:
    offer = without_ice(an_offer("audio"), mux=False, address=PEER, port=4000)
    answer, _ = answer_to(offer, negotiating(policy=RtcpMuxPolicy.REQUIRE))
    assert answer.media[0].rejected


def test_peer_with_ice_has_to_multiplex() -> None:
    offer = edited(an_offer("audio"), ("a=rtcp-mux\r\n", ""))
    end = negotiating()
    set_remote(end, offer)
    assert [s.rejected for s in Sdp.parse(answer_of(end).sdp).media] == [True]


def test_answer_with_ice_and_without_mux_is_refused() -> None:
    left, right = negotiating(1), negotiating(2)
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    answer = edited(answer_of(right), ("a=rtcp-mux\r\n", ""))
    with pytest.raises(DescriptionError, match=r"RTP and RTCP must share a port"):
        set_remote(left, answer)


def test_reoffer_that_has_lost_mux_is_refused() -> None:
    left, right = negotiating(1), negotiating(2)
    add_track(left, "audio")
    set_remote(right, without_ice(offer_of(left), address=PEER, port=4000))
    set_remote(left, without_ice(answer_of(right), address=PEER, port=6000))
    before = right.session
    with pytest.raises(ModificationError, match="had a=rtcp-mux"):
        set_remote(right, without_ice(offer_of(left), mux=False, address=PEER, port=4000))
    assert right.session is before
