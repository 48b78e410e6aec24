"""Owns certificate fingerprints as values: parsing, strength, the rule of RFC 8122 section 5."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*")


class HashFunction(StrEnum):
    """The hashes that we accept, weakest first (RFC 8122 section 5; sha-1 is too weak)."""

    SHA256 = "sha-256"
    SHA384 = "sha-384"
    SHA512 = "sha-512"

    @property
    def size(self) -> int:
        """Digest size in bytes."""
        return int(self.value[4:]) // 8

    @property
    def strength(self) -> int:
        """Rank: a greater number is a stronger hash."""
        return self.size

    def digest(self, data: bytes) -> bytes:
        """Hash `data`."""
        return hashlib.new(self.value.replace("-", ""), data).digest()


_KNOWN_HASHES: dict[str, HashFunction] = {known.value: known for known in HashFunction}

#: Known by name so that the refusal can say "too weak" and not "unknown".
WEAK_HASHES = frozenset({"sha-1", "sha-224", "md5", "md2"})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One `a=fingerprint` value.

    Args:
        algorithm: The hash name in lower case; not necessarily one that we know.
        value: Upper-case hexadecimal pairs with colons between them.
    """

    algorithm: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Read `sha-256 AB:CD:...`.

        Raises:
            ValueError: The text has another shape, or a digest of the wrong length for its hash.
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
        """Write a digest as a fingerprint."""
        return cls(algorithm.value, digest.hex(":").upper())

    @classmethod
    def of_certificate(cls, der: bytes, algorithm: HashFunction) -> Fingerprint:
        """Hash a certificate in DER."""
        return cls.of_digest(algorithm, algorithm.digest(der))

    @property
    def hash_function(self) -> HashFunction | None:
        """The hash, or None where we do not know it."""
        return _KNOWN_HASHES.get(self.algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


def select_strongest(
    fingerprints: Iterable[Fingerprint], accepted: Collection[HashFunction] = tuple(HashFunction)
) -> tuple[Fingerprint, ...]:
    """Those of the strongest hash we accept: any one of them may match (RFC 8122 section 5)."""
    known = [(h.strength, f) for f in fingerprints if (h := f.hash_function) in accepted and h]
    best = max((strength for strength, _ in known), default=0)
    return tuple(f for strength, f in known if strength == best)


def fingerprints_of(der: bytes, fingerprints: Iterable[Fingerprint]) -> list[Fingerprint]:
    """A certificate by the hashes of these fingerprints, as far as we know them."""
    functions = [f.hash_function for f in fingerprints]
    return [Fingerprint.of_certificate(der, function) for function in functions if function]
