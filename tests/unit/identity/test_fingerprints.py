from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.identity.fingerprints import Fingerprint, HashFunction, select_strongest

known = st.builds(
    lambda algorithm, data: Fingerprint.of_digest(algorithm, algorithm.digest(data)),
    st.sampled_from(list(HashFunction)),
    st.binary(max_size=8),
)
foreign = st.builds(lambda name: Fingerprint(name, "AB"), st.sampled_from(["sha-1", "md5", "x"]))


@given(known | foreign)
def test_what_is_written_is_read_back(fingerprint: Fingerprint) -> None:
    assert Fingerprint.parse(str(fingerprint)) == fingerprint


def test_case_of_name_and_digits_does_not_matter() -> None:
    text = str(Fingerprint.of_certificate(b"x", HashFunction.SHA256))

    assert Fingerprint.parse(text.lower()) == Fingerprint.parse(text.upper())


@pytest.mark.parametrize(
    "text",
    ["", "sha-256", "sha-256 ", "sha-256 AB:CG", "sha-256 AB:", "sha-256 ABCD", " AB:CD", "AB:CD"],
)
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hash name and colon-separated"):
        Fingerprint.parse(text)


def test_a_digest_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="sha-256 digest has 32 bytes, not 2"):
        Fingerprint.parse("sha-256 AB:CD")


@pytest.mark.parametrize("algorithm", list(HashFunction))
def test_a_digest_is_of_the_hash_it_names(algorithm: HashFunction) -> None:
    reference = getattr(hashlib, algorithm.replace("-", ""))(b"data").digest()

    assert algorithm.digest(b"data") == reference
    assert len(reference) == algorithm.size


@pytest.mark.conformance("5-hashes")
@pytest.mark.parametrize("name", ["sha-1", "sha-224", "md5", "md2", "sha3-256"])
def test_weak_and_unknown_hashes_do_not_count(name: str) -> None:
    assert select_strongest([Fingerprint(name, "AB")]) == ()


@given(st.lists(known | foreign))
def test_only_the_strongest_known_hash_remains(fingerprints: list[Fingerprint]) -> None:
    chosen = select_strongest(fingerprints)

    ranks = [f.hash_function.strength for f in fingerprints if f.hash_function]
    assert [
        f for f in fingerprints if f.hash_function and f.hash_function.strength == max(ranks)
    ] == list(chosen)


def test_a_hash_that_is_not_accepted_does_not_count() -> None:
    weak = Fingerprint.of_certificate(b"x", HashFunction.SHA256)
    strong = Fingerprint.of_certificate(b"x", HashFunction.SHA512)

    assert select_strongest([weak, strong], accepted=[HashFunction.SHA256]) == (weak,)
