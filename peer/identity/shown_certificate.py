"""The certificate that a peer has shown in a DTLS handshake. PURE."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from peer.identity.fingerprints import Fingerprint, HashFunction, fingerprints_of
from peer.values import assign, dataclass

if TYPE_CHECKING:
    from collections.abc import Collection


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
        shown = Fingerprint.of_certificate(self.der, HashFunction.SHA256)
        assign(self, "fingerprint", shown)

    def is_among(self, fingerprints: Collection[Fingerprint]) -> bool:
        """Tell whether one of some fingerprints is that of this certificate."""
        return not set(fingerprints_of(self.der, fingerprints)).isdisjoint(fingerprints)
