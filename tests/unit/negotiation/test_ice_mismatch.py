"""ICE mismatch (RFC 8839 section 4.2.5): somebody between the ends has changed the address."""

from __future__ import annotations

import pytest

from peer.configuration import IcePolicy
from peer.descriptions import SessionDescription
from peer.ice import DefaultDestination
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from tests.support.negotiation.offer_answer import (
    add_track,
    an_offer,
    answer_of,
    offer_of,
    profile,
    set_remote,
)
from tests.support.negotiation.without_ice import with_lines, without_ice

CANDIDATE = "a=candidate:1 1 udp 2130706431 198.51.100.7 4000 typ host"


def optional(seed: int = 2, policy: IcePolicy = IcePolicy.OPTIONAL) -> OfferAnswer:
    return OfferAnswer(profile(seed, ice=policy))


def at(description: SessionDescription, address: str, port: int) -> SessionDescription:
    """The description with an address in its `c=` and `m=` lines, and ICE as it was."""
    changed = without_ice(description, address=address, port=port)
    ice = [line for line in description.sdp.splitlines() if line.startswith("a=ice-")]
    return with_lines(changed, *ice)


def answered(end: OfferAnswer, offer: SessionDescription) -> Sdp:
    set_remote(end, offer)
    return Sdp.parse(answer_of(end).sdp)


def test_default_address_that_is_no_candidate_is_a_mismatch() -> None:
    end = optional()
    answer = answered(end, with_lines(at(an_offer("audio"), "192.0.2.10", 16146), CANDIDATE))
    (section,) = answer.media
    assert section.has("ice-mismatch")
    assert section.ice_ufrag is None
    (transport,) = end.session.transports
    assert transport.without_ice is not None
    assert transport.without_ice.mismatch
    assert transport.without_ice.rtp == DefaultDestination("192.0.2.10", 16146)


@pytest.mark.parametrize(
    ("address", "port", "candidates"),
    [
        ("198.51.100.7", 4000, (CANDIDATE,)),
        ("0.0.0.0", 9, (CANDIDATE,)),
        ("198.51.100.7", 9, (CANDIDATE,)),
        ("host.example.org", 4000, (CANDIDATE,)),
        ("192.0.2.10", 16146, ()),
    ],
    ids=["default is a candidate", "trickle", "no port yet", "host name", "no candidate yet"],
)
def test_offer_without_a_mismatch_uses_ice(
    address: str, port: int, candidates: tuple[str, ...]
) -> None:
    end = optional()
    answer = answered(end, with_lines(at(an_offer("audio"), address, port), *candidates))
    (section,) = answer.media
    assert section.ice_ufrag is not None
    assert not section.has("ice-mismatch")


def test_mismatch_is_not_looked_for_where_ice_is_required() -> None:
    end = optional(policy=IcePolicy.REQUIRE)
    answer = answered(end, with_lines(at(an_offer("audio"), "192.0.2.10", 16146), CANDIDATE))
    assert answer.media[0].ice_ufrag is not None


def test_answer_that_says_mismatch_is_taken_as_without_ice() -> None:
    left, right = optional(1), optional(2)
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    answer = with_lines(at(answer_of(right), "192.0.2.10", 16146), "a=ice-mismatch")
    set_remote(left, answer)
    (transport,) = left.session.transports
    assert transport.remote_ice is None
    assert transport.without_ice is not None
    assert transport.without_ice.mismatch


def test_mismatch_of_one_section_leaves_ice_of_the_session_to_the_others() -> None:
    offer = an_offer("audio", "video")
    lines = offer.sdp.replace("a=group:BUNDLE 0 1\r\n", "").splitlines()
    credentials = [line for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd"))][:2]
    kept = [line for line in lines if not line.startswith(("a=ice-", "a=bundle-only"))]
    kept[4:4] = credentials
    place = next(i for i, line in enumerate(kept) if line.startswith("m=video"))
    kept = [line.replace("m=video 0 ", "m=video 9 ") for line in kept]
    audio = [line.replace("m=audio 9", "m=audio 16146") for line in kept[:place]]
    audio = [line.replace("c=IN IP4 0.0.0.0", "c=IN IP4 192.0.2.10") for line in audio]
    text = "".join(f"{line}\r\n" for line in (*audio, CANDIDATE, *kept[place:]))
    answer = answered(optional(), SessionDescription(text, offer.type))
    assert [section.ice_ufrag is None for section in answer.media] == [True, False]
