"""Two ends that have agreed, for tests of what a later exchange does to their association."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from peer.configuration import BundlePolicy
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.effects import Effect
from tests.support.negotiation.offer_answer import (
    add_track,
    answer_of,
    exchange,
    offer_of,
    pair,
    set_remote,
    without,
)

if TYPE_CHECKING:
    from peer.negotiation.offer_answer import OfferAnswer
    from peer.negotiation.session import TransportState

E = TypeVar("E", bound=Effect)


def fingerprint(byte: int) -> Fingerprint:
    return Fingerprint.of_digest(HashFunction.SHA256, bytes([byte] * 32))


NEW, NEWER = (fingerprint(7),), (fingerprint(8),)


def the(kind: type[E], effects: tuple[Effect, ...]) -> E:
    """The one effect of a kind."""
    (found,) = (effect for effect in effects if isinstance(effect, kind))
    return found


def connected(policy: BundlePolicy = BundlePolicy.BALANCED) -> tuple[OfferAnswer, OfferAnswer]:
    """Two ends that have agreed on audio."""
    left, right = pair(bundle_policy=policy)
    add_track(left, "audio")
    exchange(left, right)
    return left, right


def transport(end: OfferAnswer) -> TransportState:
    """The one transport of an end."""
    (only,) = end.session.transports
    return only


def old_peer() -> tuple[OfferAnswer, OfferAnswer]:
    """Ours, and one that sends no tls-id, as all browsers."""
    left, right = pair()
    add_track(left, "audio")
    answer_from_old_peer(left, right)
    return left, right


def answer_from_old_peer(left: OfferAnswer, right: OfferAnswer) -> tuple[Effect, ...]:
    """Give the effects of an exchange with a peer that sends no tls-id."""
    set_remote(right, without(offer_of(left), "tls-id"))
    return set_remote(left, answer_of(right))
