"""Makes, reads and writes X.509 certificates, and keeps those of a connection. PURE."""

from __future__ import annotations

import datetime
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from peer.errors import ConfigurationError
from peer.identity.fingerprints import Fingerprint, HashFunction

if TYPE_CHECKING:
    from collections.abc import Collection

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Fingerprints = tuple[Fingerprint, ...]

#: Validity of a generated certificate: 30 days, the default of W3C webrtc-pc (generateCertificate).
_LIFETIME = datetime.timedelta(days=30)
#: Least size of an RSA key, in bits: a smaller key is refused (ours).
_LEAST_RSA_KEY_SIZE = 2048
#: Number of newest certificates that are kept although no session names them (ours).
SPARE = 4


class KeyType(StrEnum):
    """The types of keys that every WebRTC peer accepts (W3C webrtc-pc, generateCertificate)."""

    ECDSA_P256 = "ecdsa-p256"
    RSA_2048 = "rsa-2048"


class Certificate:
    """An X.509 certificate with its private key, for DTLS handshakes. Its `repr` shows no key.

    Args:
        certificate: Self-signed or not; the peer checks the fingerprint alone.
        key: The private key of the certificate: ECDSA, or RSA of at least 2048 bits.

    Raises:
        ConfigurationError: The key is too small, or belongs to another certificate.
    """

    __slots__ = ("_certificate", "_der", "_key")

    def __init__(self, certificate: x509.Certificate, key: PrivateKey) -> None:
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _LEAST_RSA_KEY_SIZE:
            raise ConfigurationError(
                f"an RSA key has at least {_LEAST_RSA_KEY_SIZE} bits, not {key.key_size}"
            )
        if certificate.public_key() != key.public_key():
            raise ConfigurationError("the private key is not the one of the certificate")
        self._certificate = certificate
        self._key = key
        self._der = certificate.public_bytes(serialization.Encoding.DER)

    @classmethod
    def generate(
        cls, key_type: KeyType = KeyType.ECDSA_P256, *, now: datetime.datetime | None = None
    ) -> Certificate:
        """Generate a key and a self-signed certificate that is valid for 30 days.

        Args:
            key_type: ECDSA P-256 takes well under a millisecond, RSA up to half a second.
            now: The time to date the certificate at; the present by default.
        """
        match KeyType(key_type):
            case KeyType.ECDSA_P256:
                key: PrivateKey = ec.generate_private_key(ec.SECP256R1())
            case KeyType.RSA_2048:
                key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            case never:
                assert_never(never)
        # RFC 5763 section 6.1: nothing in a certificate may link two sessions, so its name and
        # serial number are random and its dates say no more than the day.
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(16))])
        today = (now or datetime.datetime.now(datetime.UTC)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # A peer's clock may be behind ours.
            .not_valid_before(today - datetime.timedelta(days=1))
            .not_valid_after(today + _LIFETIME)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def from_pem(cls, certificate: bytes | str, key: bytes | str) -> Certificate:
        """Parse a certificate and its unencrypted private key, as `to_pem` returns them.

        Raises:
            ConfigurationError: Either is unreadable, or they do not belong together.
        """
        try:
            parsed = x509.load_pem_x509_certificate(_as_bytes(certificate))
        except ValueError as error:
            raise ConfigurationError("the certificate is not a readable PEM text") from error
        try:
            private = serialization.load_pem_private_key(_as_bytes(key), password=None)
        except (ValueError, TypeError) as error:
            raise ConfigurationError("the private key is not a readable PEM text") from error
        if not isinstance(private, PrivateKey):
            raise ConfigurationError("a private key is an ECDSA or RSA key")
        return cls(parsed, private)

    def to_pem(self) -> tuple[bytes, bytes]:
        """Return the certificate and its unencrypted private key as PEM: the key is a secret."""
        return (
            self._certificate.public_bytes(serialization.Encoding.PEM),
            self._key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def fingerprint(self, algorithm: HashFunction = HashFunction.SHA256) -> Fingerprint:
        """Compute the fingerprint that `a=fingerprint` signals for this certificate."""
        return Fingerprint.of_certificate(self._der, algorithm)

    @property
    def expires(self) -> datetime.datetime:
        """The end of the validity of the certificate, in UTC."""
        return self._certificate.not_valid_after_utc

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate as an object of the `cryptography` library."""
        return self._certificate

    @property
    def private_key(self) -> PrivateKey:
        """The private key of the certificate, a secret."""
        return self._key

    @property
    def algorithm(self) -> str:
        """The signature algorithm of the key: `RSA` or `ECDSA`."""
        return "RSA" if isinstance(self._key, rsa.RSAPrivateKey) else "ECDSA"

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self._der

    def __repr__(self) -> str:
        return f"<Certificate {self.fingerprint()}>"


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

    def copy(self) -> CertificateStore:
        """Return another store with the same certificates, for a fork of the connection."""
        made = CertificateStore(self[self.first])
        made._certificates.update(self._certificates)
        return made

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


def _as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text
