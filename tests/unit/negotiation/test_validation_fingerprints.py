from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.errors import FingerprintError
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.negotiation.offer_answer import OfferAnswer
from tests.support.negotiation.offer_answer import (
    add_track,
    an_offer,
    answer_of,
    edited,
    offer_of,
    pair,
    profile,
    refused,
    set_local,
    set_remote,
    without,
)

if TYPE_CHECKING:
    from peer.descriptions import SessionDescription


def fresh() -> OfferAnswer:
    return OfferAnswer(profile(2))


def offer() -> SessionDescription:
    return an_offer("audio", "video", "data")


def answering() -> tuple[OfferAnswer, SessionDescription]:
    """An end that has offered, and an answer to it."""
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    left.request_data()
    set_remote(right, offer_of(left))
    return left, answer_of(right)


@pytest.mark.conformance("5-fingerprint")
def test_a_section_that_has_no_fingerprint_and_inherits_none() -> None:
    error = refused(fresh(), without(offer(), "fingerprint"), FingerprintError, "no a=fingerprint")
    assert error.mid == "0"


@pytest.mark.conformance("5-fingerprint")
def test_an_answer_that_has_no_fingerprint() -> None:
    end, answer = answering()
    refused(end, without(answer, "fingerprint"), FingerprintError, "no a=fingerprint")


@pytest.mark.conformance("5-fingerprint")
@pytest.mark.parametrize("name", ["fingerprint", "ice-ufrag", "ice-pwd", "setup", "tls-id"])
def test_what_the_session_says_holds_for_each_section(name: str) -> None:
    whole = offer()
    line = next(row for row in whole.sdp.splitlines() if row.startswith(f"a={name}"))
    moved = edited(without(whole, name), ("t=0 0\r\n", f"t=0 0\r\n{line}\r\n"))
    end, other = fresh(), fresh()
    set_remote(end, whole)
    set_remote(other, moved)
    set_local(end)
    set_local(other)
    assert other.session.transports == end.session.transports


@pytest.mark.conformance("5-hashes")
@pytest.mark.parametrize("algorithm", ["sha-1", "md5", "md2", "sha-224"])
def test_a_weak_hash_is_refused_by_name(algorithm: str) -> None:
    weak = edited(offer(), ("fingerprint:sha-256", f"fingerprint:{algorithm}"))
    error = refused(fresh(), weak, FingerprintError, f"{algorithm} is too weak")
    assert error.line is not None
    assert error.line.startswith(f"a=fingerprint:{algorithm} ")


def test_an_unknown_hash_is_refused_as_such() -> None:
    strange = edited(offer(), ("fingerprint:sha-256", "fingerprint:sha3-256"))
    refused(fresh(), strange, FingerprintError, "sha3-256 is unknown")


@pytest.mark.conformance("5-hashes")
@pytest.mark.parametrize("hashed", HashFunction)
def test_the_strong_hashes_are_accepted(hashed: HashFunction) -> None:
    strong = Fingerprint.of_digest(hashed, bytes(hashed.size))
    whole = without(offer(), "fingerprint")
    end = fresh()
    set_remote(end, edited(whole, ("t=0 0\r\n", f"t=0 0\r\na=fingerprint:{strong}\r\n")))
    set_local(end)
    (transport,) = end.session.transports
    assert transport.association.remote is not None
    assert transport.association.remote.fingerprints == (strong,)


def test_a_hash_that_the_application_does_not_accept() -> None:
    end = OfferAnswer(profile(2, accepted_hashes=(HashFunction.SHA512,)))
    refused(end, offer(), FingerprintError, "not accepted; sha-512 is needed")


def test_a_weak_hash_beside_a_strong_one_is_no_fault() -> None:
    weak = f"a=fingerprint:sha-1 {':'.join(['AB'] * 20)}\r\na=fingerprint:sha-256"
    end = fresh()
    set_remote(end, edited(offer(), ("a=fingerprint:sha-256", weak)))
    set_local(end)
    (transport,) = end.session.transports
    assert transport.association.remote is not None
    assert [f.algorithm for f in transport.association.remote.fingerprints] == ["sha-256"]
