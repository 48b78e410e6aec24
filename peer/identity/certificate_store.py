"""Owns the certificates that a connection shows, found by the fingerprints it signals for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint

Fingerprints = tuple["Fingerprint", ...]

#: So many of the newest are kept, whether a session names them or not.
SPARE = 4


class CertificateStore:
    """The certificates of one connection: that of the present association, and those around it.

    Args:
        first: What the first association shows.
    """

    def __init__(self, first: Certificate) -> None:
        self._certificates: dict[Fingerprints, Certificate] = {}
        #: What descriptions say of the first one.
        self.first = self.add(first)

    def add(self, certificate: Certificate) -> Fingerprints:
        """Take a certificate in; return what a description says of it."""
        # Chromium looks at the last line only and restarts DTLS when that changes: one line, by
        # one hash, the same bytes every time.
        fingerprints = (certificate.fingerprint(),)
        self._certificates[fingerprints] = certificate
        return fingerprints

    @property
    def newest(self) -> Certificate:
        """The one that was taken in last."""
        return next(reversed(self._certificates.values()))

    def __getitem__(self, fingerprints: Fingerprints) -> Certificate:
        return self._certificates[fingerprints]

    def keep(self, used: Collection[Fingerprints | None]) -> None:
        """Forget all others but the newest: a description that shows them may still be set."""
        newest = list(self._certificates)[-SPARE:]
        self._certificates = {
            key: certificate
            for key, certificate in self._certificates.items()
            if key in used or key in newest
        }

    def __len__(self) -> int:
        return len(self._certificates)
