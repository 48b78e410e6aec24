"""Parses certificate fingerprints, selects those to check and checks them (RFC 8122). PURE."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*")


class HashFunction(StrEnum):
    """The hash functions accepted for fingerprints, weakest first (RFC 8122 section 5)."""

    SHA256 = "sha-256"
    SHA384 = "sha-384"
    SHA512 = "sha-512"

    @property
    def size(self) -> int:
        """The size of a digest in bytes."""
        return int(self.value[4:]) // 8

    @property
    def strength(self) -> int:
        """The rank of the hash function: a greater number is stronger."""
        return self.size

    def digest(self, data: bytes) -> bytes:
        """Compute the digest of some bytes."""
        return hashlib.new(self.value.replace("-", ""), data).digest()


_KNOWN_HASHES: dict[str, HashFunction] = {known.value: known for known in HashFunction}

#: Hash functions too weak for a fingerprint, by name so that a refusal does not say "unknown".
WEAK_HASHES = frozenset({"sha-1", "sha-224", "md5", "md2"})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One value of an `a=fingerprint` attribute.

    Args:
        algorithm: The name of the hash function in lower case, which may be unknown to us.
        value: The digest as upper-case hexadecimal pairs with colons between them.
    """

    algorithm: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Parse a text such as `sha-256 AB:CD:...`.

        Raises:
            ValueError: The text has another form, or the digest a wrong length for its hash.
        """
        algorithm, _, value = text.strip().partition(" ")
        algorithm, value = algorithm.lower(), value.strip()
        if not algorithm or not _HEX_PAIRS.fullmatch(value):
            raise ValueError("a fingerprint is a hash name and colon-separated hexadecimal pairs")
        size = (len(value) + 1) // 3
        known = _KNOWN_HASHES.get(algorithm)
        if known is not None and size != known.size:
            raise ValueError(f"a {algorithm} digest has {known.size} bytes, not {size}")
        return cls(algorithm, value.upper())

    @classmethod
    def of_digest(cls, algorithm: HashFunction, digest: bytes) -> Fingerprint:
        """Make a fingerprint from a digest."""
        return cls(algorithm.value, digest.hex(":").upper())

    @classmethod
    def of_certificate(cls, der: bytes, algorithm: HashFunction) -> Fingerprint:
        """Make the fingerprint of a certificate in DER."""
        return cls.of_digest(algorithm, algorithm.digest(der))

    @property
    def hash_function(self) -> HashFunction | None:
        """The hash function, or None where its name is unknown."""
        return _KNOWN_HASHES.get(self.algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


def select_strongest(
    fingerprints: Iterable[Fingerprint], accepted: Collection[HashFunction] = tuple(HashFunction)
) -> tuple[Fingerprint, ...]:
    """Return the fingerprints by the strongest accepted hash, of which any one may match.

    RFC 8122 section 5 has a peer that signals several checked by its strongest.
    """
    known = [(h.strength, f) for f in fingerprints if (h := f.hash_function) in accepted and h]
    best = max((strength for strength, _ in known), default=0)
    return tuple(f for strength, f in known if strength == best)


def fingerprints_of(der: bytes, fingerprints: Iterable[Fingerprint]) -> list[Fingerprint]:
    """Compute the fingerprints of a certificate by the hash functions of other fingerprints.

    Args:
        der: The certificate in DER.
        fingerprints: Their hash functions are used, as far as they are known.
    """
    functions = [f.hash_function for f in fingerprints]
    return [Fingerprint.of_certificate(der, function) for function in functions if function]


@dataclass(frozen=True, slots=True)
class FingerprintCheck:
    """Verdict on a peer's certificate (RFC 5763 section 5).

    The association works it out when both the certificate and the fingerprints are known, and
    stores it; a rekey and the trace read the stored one.

    Args:
        expected: Signalled fingerprints by the strongest hash that we accept.
        shown: The certificate's fingerprint by that hash.
        matches: True where any one of the expected fingerprints is the certificate's.
    """

    expected: tuple[Fingerprint, ...]
    shown: Fingerprint
    matches: bool

    @classmethod
    def of(cls, certificate: bytes, expected: Sequence[Fingerprint]) -> FingerprintCheck:
        """Compare a certificate in DER with fingerprints, of which there is at least one.

        RFC 8122 section 5: any one fingerprint of the strongest hash may be the one.
        """
        shown = fingerprints_of(certificate, expected)
        return cls(tuple(expected), shown[0], not set(shown).isdisjoint(expected))
