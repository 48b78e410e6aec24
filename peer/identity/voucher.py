"""Vouchers of certificates for those that follow them, signed with their keys. PURE."""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from typing import TYPE_CHECKING, Self, assert_never

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.identity.keys import PrivateKey

#: Most vouchers that are read from one description, and kept with one certificate (ours).
MAX_VOUCHERS = 4
#: Largest certificate and signature within a voucher, in bytes (ours): those of RSA-4096 fit.
_MAX_SIZE = 4096
#: Begins what is signed, so that the signature can stand for nothing else.
_CONTEXT = b"handfast voucher 1\0"


class VoucherPurpose(StrEnum):
    """Purpose of the certificate that is vouched for.

    `renewal` is the same peer's certificate from now on; `rekey` serves one connection only, and
    the former one stays the peer's.
    """

    RENEWAL = "renewal"
    REKEY = "rekey"


@dataclass(frozen=True, slots=True)
class Voucher:
    """A statement, signed with the key of one certificate, that another one follows it.

    Args:
        purpose: What the following certificate is to be.
        former: The certificate that vouches, in DER.
        signature: ECDSA or RSA-PSS, with SHA-256, over both fingerprints and the purpose.
    """

    purpose: VoucherPurpose
    former: bytes
    signature: bytes

    @classmethod
    def sign(
        cls, former: bytes, key: PrivateKey, following: Fingerprint, purpose: VoucherPurpose
    ) -> Self:
        """Sign a voucher for the certificate that follows.

        Args:
            former: The certificate that vouches, in DER.
            key: Its private key.
            following: SHA-256 fingerprint of the certificate that is vouched for.
            purpose: What that is to be.
        """
        statement = _statement(former, following, purpose)
        if isinstance(key, rsa.RSAPrivateKey):
            signature = key.sign(statement, _PSS, hashes.SHA256())
        else:
            signature = key.sign(statement, ec.ECDSA(hashes.SHA256()))
        return cls(purpose, former, signature)

    @property
    def by(self) -> Fingerprint:
        """SHA-256 fingerprint of the certificate that vouches."""
        return Fingerprint.of_certificate(self.former, HashFunction.SHA256)

    def is_for(self, following: Fingerprint) -> bool:
        """Tell whether the signature is good, and for the certificate of this fingerprint."""
        statement = _statement(self.former, following, self.purpose)
        try:
            key = x509.load_der_x509_certificate(self.former).public_key()
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(self.signature, statement, _PSS, hashes.SHA256())
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(self.signature, statement, ec.ECDSA(hashes.SHA256()))
            else:
                return False
        except (InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion, ValueError):
            return False
        return True

    def __str__(self) -> str:
        parts = (base64.b64encode(part).decode() for part in (self.former, self.signature))
        return " ".join((self.purpose.value, *parts))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse what `str` writes: purpose, certificate and signature, the latter in base64.

        Raises:
            ValueError: The text has another form, or a part is too large.
        """
        purpose, former, signature = text.split()
        if max(len(former), len(signature)) > 4 * _MAX_SIZE // 3:
            raise ValueError("a voucher holds at most 4,096 bytes of certificate and of signature")
        try:
            return cls(VoucherPurpose(purpose), *map(_base64, (former, signature)))
        except binascii.Error as error:
            raise ValueError("a voucher is written in base64") from error


def followed(
    pinned: Fingerprint, shown: Fingerprint, vouchers: Iterable[Voucher]
) -> VoucherPurpose | None:
    """Tell whether vouchers lead from one certificate to another, and as what.

    Args:
        pinned: SHA-256 fingerprint of the certificate that is known.
        shown: That of the certificate that was shown.
        vouchers: Those that came with it, of which some may be for others.

    Returns:
        `RENEWAL` where each step is one, `REKEY` where any is for one connection; None where
        no chain of them leads from one to the other.
    """
    # One for a renewal leads further than one for a connection.
    left = sorted(list(vouchers)[:MAX_VOUCHERS], key=lambda each: each.purpose is _REKEY)
    reached, purpose = shown, VoucherPurpose.RENEWAL
    while reached != pinned:
        step = next((each for each in left if each.by != reached and each.is_for(reached)), None)
        if step is None:
            return None
        left.remove(step)
        reached = step.by
        match step.purpose:
            case VoucherPurpose.REKEY:
                purpose = VoucherPurpose.REKEY
            case VoucherPurpose.RENEWAL:
                continue
            case never:
                assert_never(never)
    return purpose


_REKEY = VoucherPurpose.REKEY
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


def _statement(former: bytes, following: Fingerprint, purpose: VoucherPurpose) -> bytes:
    by = Fingerprint.of_certificate(former, HashFunction.SHA256)
    return _CONTEXT + f"{purpose.value}\0{by}\0{following}".encode()


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
