"""Owns the proof of the order in which the world is told what two descriptions agree on."""

from __future__ import annotations

import random

from peer.descriptions import SdpType, SessionDescription
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.attributes import Direction
from peer.negotiation.difference import difference
from peer.negotiation.effects import ConfigureRtp, ConnectDtls, OpenTransport
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.profile import Profile
from peer.negotiation.session import Birth
from peer.negotiation.state import Side
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind


def offer_answer(seed: int) -> OfferAnswer:
    fingerprint = Fingerprint.of_certificate(bytes([seed]), HashFunction.SHA256)
    profile = Profile(
        capabilities={kind: capabilities(kind) for kind in MediaKind},
        fingerprints=(fingerprint,),
        cname="cname",
        random=random.Random(seed).randbytes,
    )
    made = OfferAnswer(profile)
    made.add_transceiver(MediaKind.AUDIO, birth=Birth.ADD_TRANSCEIVER, direction=Direction.SENDRECV)
    return made


def take(
    end: OfferAnswer, side: Side, description: SessionDescription | None = None
) -> SessionDescription:
    """Set a description; it, as it is in force then."""
    end.commit(end.plan(side, description))
    described = end.session.description(side)
    assert described is not None
    return SessionDescription(str(described.sdp), described.type)


def test_a_transport_knows_what_it_must_carry_before_its_peer_is_verified() -> None:
    # A handshake that came before the answer ends with the verification, with SRTP or without.
    offerer, answerer = offer_answer(1), offer_answer(2)
    take(answerer, Side.REMOTE, take(offerer, Side.LOCAL))
    answer = take(answerer, Side.LOCAL)
    assert answer.type is SdpType.ANSWER
    before = offerer.session

    take(offerer, Side.REMOTE, answer)

    effects = [type(effect) for effect in difference(before, offerer.session, "cname")]
    assert effects.index(ConfigureRtp) < effects.index(ConnectDtls)


def test_a_transport_is_opened_before_anything_else_is_asked_of_it() -> None:
    offerer, answerer = offer_answer(1), offer_answer(2)
    before = answerer.session
    take(answerer, Side.REMOTE, take(offerer, Side.LOCAL))
    take(answerer, Side.LOCAL)
    assert isinstance(difference(before, answerer.session, "cname")[0], OpenTransport)
