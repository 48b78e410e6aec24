"""Compares the certificate of a DTLS handshake with the fingerprints that the peer signalled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peer.identity.fingerprints import Fingerprint, fingerprints_of


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
