"""Keeps the certificates of one connection by the fingerprints that are signalled for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint

Fingerprints = tuple["Fingerprint", ...]

#: Number of newest certificates that are kept although no session names them (ours).
SPARE = 4


class CertificateStore:
    """The certificates that the present, former and coming DTLS associations of a connection show.

    Args:
        first: The certificate of the first association.
    """

    def __init__(self, first: Certificate) -> None:
        self._certificates: dict[Fingerprints, Certificate] = {}
        #: The fingerprints that descriptions signal for the first certificate.
        self.first = self.add(first)

    def __repr__(self) -> str:
        return f"<CertificateStore {len(self)} certificates, newest {self.newest!r}>"

    def add(self, certificate: Certificate) -> Fingerprints:
        """Add a certificate, and return the fingerprints that descriptions signal for it."""
        # Chromium looks at the last line only and restarts DTLS when that changes: one line, by
        # one hash, the same bytes every time.
        fingerprints = (certificate.fingerprint(),)
        self._certificates[fingerprints] = certificate
        return fingerprints

    @property
    def newest(self) -> Certificate:
        """The certificate that was added last."""
        return next(reversed(self._certificates.values()))

    def __getitem__(self, fingerprints: Fingerprints) -> Certificate:
        return self._certificates[fingerprints]

    def keep(self, used: Collection[Fingerprints | None]) -> None:
        """Drop the certificates that are not used, except for the newest ones.

        The newest ones stay because a description with their fingerprints may still be applied.

        Args:
            used: The fingerprints that the session names; None stands for none.
        """
        newest = list(self._certificates)[-SPARE:]
        self._certificates = {
            key: certificate
            for key, certificate in self._certificates.items()
            if key in used or key in newest
        }

    def __len__(self) -> int:
        return len(self._certificates)
