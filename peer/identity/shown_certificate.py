"""The certificate that a peer has shown in a DTLS handshake. PURE."""

from __future__ import annotations

from dataclasses import dataclass, field

from peer.identity.fingerprints import Fingerprint, HashFunction


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A certificate that a peer has shown, and whose private key it has.

    Args:
        der: The certificate, in DER.
        chain: Those of authorities that it showed as well, in DER, the one that signed it first.
    """

    der: bytes
    chain: tuple[bytes, ...] = ()
    fingerprint: Fingerprint = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", self.fingerprint_by(HashFunction.SHA256))

    def fingerprint_by(self, algorithm: HashFunction) -> Fingerprint:
        """Compute its fingerprint by a hash function."""
        return Fingerprint.of_certificate(self.der, algorithm)
