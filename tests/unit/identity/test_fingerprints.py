"""Fingerprints are parsed strictly, and only those by the strongest accepted hash are checked."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.identity.certificate import Certificate
from peer.identity.fingerprints import (
    Fingerprint,
    FingerprintCheck,
    HashFunction,
    select_strongest,
)

DER = b"a certificate in DER"
OTHER = Certificate.generate().fingerprint()

known = st.builds(
    lambda algorithm, data: Fingerprint.of_digest(algorithm, algorithm.digest(data)),
    st.sampled_from(list(HashFunction)),
    st.binary(max_size=8),
)
unknown = st.builds(lambda name: Fingerprint(name, "AB"), st.sampled_from(["sha-1", "md5", "x"]))


@given(known | unknown)
def test_fingerprint_survives_writing_and_parsing(fingerprint: Fingerprint) -> None:
    assert Fingerprint.parse(str(fingerprint)) == fingerprint


def test_fingerprint_is_parsed_without_regard_to_case() -> None:
    text = str(Fingerprint.of_certificate(b"x", HashFunction.SHA256))

    assert Fingerprint.parse(text.lower()) == Fingerprint.parse(text.upper())


@pytest.mark.parametrize(
    "text",
    ["", "sha-256", "sha-256 ", "sha-256 AB:CG", "sha-256 AB:", "sha-256 ABCD", " AB:CD", "AB:CD"],
)
def test_malformed_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hash name and colon-separated"):
        Fingerprint.parse(text)


def test_fingerprint_of_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="sha-256 digest has 32 bytes, not 2"):
        Fingerprint.parse("sha-256 AB:CD")


@pytest.mark.parametrize("algorithm", list(HashFunction))
def test_digest_uses_the_named_hash_function(algorithm: HashFunction) -> None:
    reference = getattr(hashlib, algorithm.replace("-", ""))(b"data").digest()

    assert algorithm.digest(b"data") == reference
    assert len(reference) == algorithm.size


@pytest.mark.conformance("5-hashes")
@pytest.mark.parametrize("name", ["sha-1", "sha-224", "md5", "md2", "sha3-256"])
def test_fingerprints_by_weak_and_unknown_hashes_are_not_selected(name: str) -> None:
    assert select_strongest([Fingerprint(name, "AB")]) == ()


@given(st.lists(known | unknown))
def test_only_fingerprints_by_strongest_hash_are_selected(
    fingerprints: list[Fingerprint],
) -> None:
    chosen = select_strongest(fingerprints)

    ranks = [f.hash_function.strength for f in fingerprints if f.hash_function]
    assert [
        f for f in fingerprints if f.hash_function and f.hash_function.strength == max(ranks)
    ] == list(chosen)


def test_fingerprint_by_hash_that_is_not_accepted_is_not_selected() -> None:
    weak = Fingerprint.of_certificate(b"x", HashFunction.SHA256)
    strong = Fingerprint.of_certificate(b"x", HashFunction.SHA512)

    assert select_strongest([weak, strong], accepted=[HashFunction.SHA256]) == (weak,)


def test_any_one_matching_fingerprint_is_enough() -> None:
    shown = Fingerprint.of_certificate(DER, HashFunction.SHA256)

    assert FingerprintCheck.of(DER, [OTHER, shown]) == FingerprintCheck(
        (OTHER, shown), shown, matches=True
    )


def test_fingerprint_mismatch_tells_the_shown_one() -> None:
    shown = Fingerprint.of_certificate(DER, HashFunction.SHA256)

    check = FingerprintCheck.of(DER, [OTHER])

    assert (check.matches, check.expected, check.shown) == (False, (OTHER,), shown)


def test_fingerprint_is_shown_by_the_hash_that_is_expected() -> None:
    shown = Fingerprint.of_certificate(DER, HashFunction.SHA512)

    assert FingerprintCheck.of(DER, [shown]).shown == shown
