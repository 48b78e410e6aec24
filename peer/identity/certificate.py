"""Makes, reads and writes X.509 certificates, and keeps those of a connection. PURE."""

from __future__ import annotations

import base64
import datetime
import os
import re
import secrets
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from peer.errors import ConfigurationError
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.identity.keys import PrivateKey
from peer.identity.voucher import MAX_VOUCHERS, Voucher, VoucherPurpose
from peer.owner_only import ReadableByOthersError, create_owner_only, read_owner_only

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Fingerprints = tuple[Fingerprint, ...]

#: Validity of a generated certificate: 30 days, the default of W3C webrtc-pc (generateCertificate).
_LIFETIME = datetime.timedelta(days=30)
#: Shortest and longest validity of a generated certificate; webrtc-pc has browsers stop at a year.
_LEAST_LIFETIME = datetime.timedelta(days=1)
_LONGEST_LIFETIME = datetime.timedelta(days=365)
#: Least size of an RSA key, in bits: a smaller key is refused (ours).
_LEAST_RSA_KEY_SIZE = 2048
#: Most certificates of authorities that are kept with one, and shown with it (ours).
_MAX_CHAIN = 8
#: Largest file of a certificate, in bytes (ours).
_MAX_FILE = 64 * 1024
#: A certificate is renewed this long before it ends, unless the application says otherwise (ours).
_RENEW_BEFORE = datetime.timedelta(days=7)
#: Label of a voucher in a PEM file (RFC 7468 section 3 lets others pass it over).
_VOUCHER_LABEL = "HANDFAST VOUCHER"
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)
#: Number of newest certificates that are kept although no session names them (ours).
SPARE = 4


class KeyType(StrEnum):
    """The types of keys that every WebRTC peer accepts (W3C webrtc-pc, generateCertificate)."""

    ECDSA_P256 = "ecdsa-p256"
    RSA_2048 = "rsa-2048"


class Certificate:
    """An X.509 certificate with its private key, for DTLS handshakes. Its `repr` shows no key.

    Args:
        certificate: Self-signed or not; most peers check the fingerprint alone.
        key: The private key of the certificate: ECDSA, or RSA of at least 2048 bits.
        chain: Certificates of the authorities between this one and one that the peer trusts, which
            the handshake shows as well: the one that signed this first; at most eight.
        vouchers: Those of former certificates for this one; the newest four are kept.

    Raises:
        ConfigurationError: The key is too small, or belongs to another certificate; or the chain
            is too long.
    """

    __slots__ = ("_certificate", "_chain", "_der", "_key", "_vouchers")

    def __init__(
        self,
        certificate: x509.Certificate,
        key: PrivateKey,
        *,
        chain: Sequence[x509.Certificate] = (),
        vouchers: Sequence[Voucher] = (),
    ) -> None:
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _LEAST_RSA_KEY_SIZE:
            raise ConfigurationError(
                f"an RSA key has at least {_LEAST_RSA_KEY_SIZE} bits, not {key.key_size}"
            )
        if certificate.public_key() != key.public_key():
            raise ConfigurationError("the private key is not the one of the certificate")
        if len(chain) > _MAX_CHAIN:
            raise ConfigurationError(f"a chain has at most {_MAX_CHAIN} certificates")
        self._certificate = certificate
        self._key = key
        self._chain = tuple(chain)
        self._vouchers = tuple(vouchers)[:MAX_VOUCHERS]
        self._der = certificate.public_bytes(serialization.Encoding.DER)

    @classmethod
    def generate(
        cls,
        key_type: KeyType = KeyType.ECDSA_P256,
        *,
        lifetime: datetime.timedelta = _LIFETIME,
        now: datetime.datetime | None = None,
    ) -> Certificate:
        """Generate a key and a self-signed certificate.

        Args:
            key_type: ECDSA P-256 takes well under a millisecond, RSA up to half a second.
            lifetime: How long it is valid: 30 days by default, from a day to a year.
            now: The time to date the certificate at; the present by default.

        Raises:
            ConfigurationError: The lifetime is out of its range.
        """
        if not _LEAST_LIFETIME <= lifetime <= _LONGEST_LIFETIME:
            raise ConfigurationError("a certificate is valid for a day at least, a year at most")
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
            .not_valid_after(today + lifetime)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def from_pem(
        cls, certificate: bytes | str, key: bytes | str, *, passphrase: bytes | str | None = None
    ) -> Certificate:
        """Parse a certificate and its private key, as `to_pem` returns them.

        Args:
            certificate: The certificate; its chain and its vouchers may follow.
            key: The private key, in PKCS #8 or in the format of its kind.
            passphrase: What the key is encrypted with, or None.

        Raises:
            ConfigurationError: Either is unreadable, or they do not belong together.
        """
        blocks = [block[0] for block in _PEM_BLOCK.finditer(_as_text(certificate))]
        try:
            parsed = [
                x509.load_pem_x509_certificate(block.encode())
                for block in blocks
                if block.startswith("-----BEGIN CERTIFICATE-----")
            ]
            vouchers = [_read_voucher(block) for block in blocks if _VOUCHER_LABEL in block]
        except ValueError as error:
            raise ConfigurationError("the certificate is not a readable PEM text") from error
        if not parsed:
            raise ConfigurationError("the certificate is not a readable PEM text")
        secret = None if passphrase is None else _as_bytes(passphrase)
        try:
            private = serialization.load_pem_private_key(_as_bytes(key), password=secret)
        except (ValueError, TypeError) as error:
            said = "the private key is not a readable PEM text"
            if "ENCRYPTED" in _as_text(key):
                said = "the private key is encrypted, and not with this passphrase"
            raise ConfigurationError(said) from error
        if not isinstance(private, PrivateKey):
            raise ConfigurationError("a private key is an ECDSA or RSA key")
        return cls(parsed[0], private, chain=parsed[1:], vouchers=vouchers)

    def to_pem(self, *, passphrase: bytes | str | None = None) -> tuple[bytes, bytes]:
        """Return the certificate, with chain and vouchers, and its private key, a secret, as PEM.

        Args:
            passphrase: Encrypts the key (PKCS #8, by the best that `cryptography` knows), or None.
        """
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            encryption = serialization.BestAvailableEncryption(_as_bytes(passphrase))
        certificates = b"".join(
            each.public_bytes(serialization.Encoding.PEM)
            for each in (self._certificate, *self._chain)
        )
        return (
            certificates + b"".join(map(_write_voucher, self._vouchers)),
            self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
            ),
        )

    def save(self, path: str | os.PathLike[str], *, passphrase: bytes | str | None = None) -> None:
        """Write the certificate and its private key to one file that its owner alone can read.

        The file is there whole or, where the program ends meanwhile, as it was before.

        Args:
            path: The file, which is replaced.
            passphrase: Encrypts the key, or None.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        target = Path(path)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            try:
                with create_owner_only(beside, buffering=-1) as file:
                    file.write(b"".join(self.to_pem(passphrase=passphrase)))
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the certificate cannot be saved to {target}: {error.strerror}"
            ) from error

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, passphrase: bytes | str | None = None
    ) -> Certificate:
        """Read what `save` wrote.

        Args:
            path: The file, which nobody but its owner may be able to read.
            passphrase: What the key is encrypted with, or None.

        Raises:
            ConfigurationError: The file is missing, unreadable, or open to others.
        """
        try:
            text = read_owner_only(path, limit=_MAX_FILE)
        except ReadableByOthersError as error:
            raise ConfigurationError(
                f"others can read {path}, which holds a private key (mode {error.mode:03o}): "
                f"chmod 600 {path}"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"the certificate {path} cannot be read: {error.strerror}"
            ) from error
        if len(text) > _MAX_FILE:
            raise ConfigurationError(f"the certificate {path} has more than {_MAX_FILE} bytes")
        blocks = [block[0] for block in _PEM_BLOCK.finditer(_as_text(text))]
        keys = [block for block in blocks if "PRIVATE KEY-----" in block]
        if len(keys) != 1:
            raise ConfigurationError(f"{path} holds {len(keys)} private keys, and not one")
        others = "\n".join(block for block in blocks if block not in keys)
        return cls.from_pem(others, keys[0], passphrase=passphrase)

    @classmethod
    def load_or_generate(
        cls,
        path: str | os.PathLike[str],
        *,
        passphrase: bytes | str | None = None,
        renew_before: datetime.timedelta = _RENEW_BEFORE,
        now: datetime.datetime | None = None,
    ) -> Certificate:
        """Load the certificate of a file, made at the first call and renewed before it ends.

        A renewed one carries a voucher of the former, so that peers who know that follow.

        Args:
            path: The file.
            passphrase: What its key is encrypted with, or None.
            renew_before: How long before its end it is renewed: seven days by default.
            now: The present by default.

        Raises:
            ConfigurationError: The file is there and cannot be used, or cannot be written.
        """
        present = now or datetime.datetime.now(datetime.UTC)
        if not Path(path).exists():
            certificate = cls.generate(now=present)
        else:
            certificate = cls.load(path, passphrase=passphrase)
            if certificate.expires - renew_before > present:
                return certificate
            certificate = certificate.renewed(now=present)
        certificate.save(path, passphrase=passphrase)
        return certificate

    def renewed(self, *, now: datetime.datetime | None = None) -> Certificate:
        """Generate the certificate that follows this one, with a new key and this one's voucher.

        Raises:
            ConfigurationError: An authority signed this one, and has to sign the next as well.
        """
        if self._certificate.issuer != self._certificate.subject:
            raise ConfigurationError(
                "an authority signed this certificate: have it sign the next one as well"
            )
        following = Certificate.generate(
            KeyType.RSA_2048 if self.algorithm == "RSA" else KeyType.ECDSA_P256, now=now
        )
        return following.vouched_by(self, VoucherPurpose.RENEWAL)

    def vouched_by(self, former: Certificate, purpose: VoucherPurpose) -> Certificate:
        """Return this certificate with the voucher of another, and with those that that one has.

        Args:
            former: The certificate that vouches, with its key.
            purpose: What this one is to be.
        """
        voucher = Voucher.sign(former.der, former.private_key, self.fingerprint(), purpose)
        return Certificate(
            self._certificate,
            self._key,
            chain=self._chain,
            vouchers=(voucher, *former.vouchers),
        )

    def fingerprint(self, algorithm: HashFunction = HashFunction.SHA256) -> Fingerprint:
        """Compute the fingerprint that `a=fingerprint` signals for this certificate."""
        return Fingerprint.of_certificate(self._der, algorithm)

    def getFingerprints(self) -> list[Fingerprint]:
        """Compute the fingerprints as W3C webrtc-pc section 4.9.2 has them: that by SHA-256."""
        return [self.fingerprint()]

    @property
    def expires(self) -> datetime.datetime:
        """The end of the validity of the certificate, in UTC."""
        return self._certificate.not_valid_after_utc

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate as an object of the `cryptography` library."""
        return self._certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates of authorities that are shown with it, the one that signed it first."""
        return self._chain

    @property
    def vouchers(self) -> tuple[Voucher, ...]:
        """The vouchers of former certificates for this one, the newest first."""
        return self._vouchers

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

    @property
    def der_chain(self) -> tuple[bytes, ...]:
        """The certificate and those of `chain`, in DER."""
        encoding = serialization.Encoding.DER
        return self._der, *(each.public_bytes(encoding) for each in self._chain)

    def __repr__(self) -> str:
        return f"<Certificate {self.fingerprint()}>"


def offered(
    held: Sequence[Certificate], *, now: datetime.datetime | None = None
) -> Certificate | None:
    """Return the one of several certificates that a connection shows; None of none.

    The first that lasts a week more, or else the one that lasts the longest. Of those up to it each
    vouches for the next, so that a peer who knows one of them follows.

    Args:
        held: Certificates in the order of preference, of one owner.
        now: The present by default.
    """
    if not held:
        return None
    present = now or datetime.datetime.now(datetime.UTC)
    lasting = (each for each in held if each.expires - _RENEW_BEFORE > present)
    chosen = next(lasting, None) or max(held, key=lambda each: each.expires)
    shown, *following = held[: held.index(chosen) + 1]
    for each in following:
        if all(voucher.former != shown.der for voucher in each.vouchers):
            shown = each.vouched_by(shown, VoucherPurpose.RENEWAL)
        else:
            shown = each
    return shown


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

    def vouchers_for(self, shown: Collection[Fingerprint]) -> tuple[Voucher, ...]:
        """Return the vouchers of former certificates for the one that a description names.

        Args:
            shown: The fingerprints of the description; where they are of several, there are none.
        """
        certificate = self._certificates.get(tuple(shown))
        return () if certificate is None else certificate.vouchers

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


def _as_text(text: bytes | str) -> str:
    return text if isinstance(text, str) else text.decode("ascii", "replace")


def _write_voucher(voucher: Voucher) -> bytes:
    body = base64.encodebytes(str(voucher).encode()).decode()
    return f"-----BEGIN {_VOUCHER_LABEL}-----\n{body}-----END {_VOUCHER_LABEL}-----\n".encode()


def _read_voucher(block: str) -> Voucher:
    body = "".join(block.splitlines()[1:-1])
    return Voucher.parse(base64.b64decode(body).decode("ascii", "replace"))
