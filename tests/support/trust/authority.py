"""An authority that signs certificates, and says which are revoked."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from peer.identity.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.identity.keys import PrivateKey

#: An extension of a certificate, and whether it is critical.
Extension = tuple[x509.ExtensionType, bool]

_DAY = datetime.timedelta(days=1)


class CertificateAuthority:
    """An authority with a certificate of its own, signed by itself or by another.

    Args:
        name: Its common name.
        issuer: The authority above it; None for a root.
        certificate: Its certificate, where it is to have another one than that.
        key: The key of that.
        extensions: Further ones of the certificate that is made, each with whether it is critical.
    """

    def __init__(
        self,
        name: str,
        *,
        issuer: CertificateAuthority | None = None,
        certificate: x509.Certificate | None = None,
        key: PrivateKey | None = None,
        extensions: Iterable[Extension] = (),
    ) -> None:
        self._issuer = issuer
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self.certificate = certificate or self._make(name, extensions)

    def _make(self, name: str, extensions: Iterable[Extension]) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = self._issuer
        signed_by = self._key if issuer is None else issuer._key  # noqa: SLF001 - one of our own
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        public, signer = self._key.public_key(), signed_by.public_key()
        builder = (
            _builder(subject, subject if issuer is None else issuer.certificate.subject, public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False
            )
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(signed_by, hashes.SHA256())

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What it shows below a root: its own certificate and those above it."""
        return () if self._issuer is None else (self.certificate, *self._issuer.chain)

    def intermediate(
        self, name: str, *, extensions: Iterable[Extension] = ()
    ) -> CertificateAuthority:
        """Make an authority whose certificate this one has signed, with further extensions."""
        return CertificateAuthority(name, issuer=self, extensions=extensions)

    def issue(
        self, name: str | None, *, uri: str | None = None, extensions: Iterable[Extension] = ()
    ) -> Certificate:
        """Sign a certificate for a DNS name, or for none, with further extensions."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
        builder = (
            _builder(subject, self.certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        names: list[x509.GeneralName] = [] if name is None else [x509.DNSName(name)]
        if uri is not None:
            names.append(x509.UniformResourceIdentifier(uri))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return Certificate(builder.sign(self._key, hashes.SHA256()), key, chain=self.chain)

    def revoke(self, *certificates: Certificate) -> x509.CertificateRevocationList:
        """Make the list of what it has revoked, good for ten days."""
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _DAY)
            .next_update(now + 10 * _DAY)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        for each in certificates:
            revoked = (
                x509.RevokedCertificateBuilder()
                .serial_number(each.certificate.serial_number)
                .revocation_date(now - _DAY)
                .build()
            )
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self._key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey | object
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)  # type: ignore[arg-type]  # every public key of ours is one
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 30 * _DAY)
    )
