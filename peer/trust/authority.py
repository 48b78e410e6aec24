"""Verifies certificates that an authority has signed, and their names (RFC 5763 section 8.7)."""

from __future__ import annotations

import datetime
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path

from cryptography import x509
from OpenSSL import crypto

from peer.errors import ConfigurationError, PeerTrustError
from peer.values import assign, dataclass

#: Largest file of roots or of revocations, in bytes (ours).
_MAX_FILE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """Certificates that lead from a peer to an authority that is trusted.

    Args:
        certificates: The peer's first, the authority's own last.
        names: The names of the peer, those of its certificate's subjectAltName: DNS names, URIs
            and e-mail addresses.
    """

    certificates: tuple[x509.Certificate, ...]
    names: tuple[str, ...]


_Kind = type[x509.DNSName] | type[x509.UniformResourceIdentifier] | type[x509.RFC822Name]
_KINDS: tuple[_Kind, ...] = (x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name)

#: Takes a verified chain; False, or an error raised, refuses the peer.
OnVerified = Callable[[VerifiedChain], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The authorities whose certificates make peers known.

    Args:
        roots: Certificates of the authorities.
        revoked: Certificate revocation lists (RFC 5280) of every authority in a chain; where any
            is given, a chain whose authority has none, or an outdated one, is refused.
        on_verified: Sees the chain and the names, and may refuse the peer.

    Raises:
        ConfigurationError: There is no root.
    """

    roots: Sequence[x509.Certificate]
    revoked: Sequence[x509.CertificateRevocationList] = ()
    on_verified: OnVerified | None = field(default=None, repr=False)
    _store: crypto.X509Store = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assign(self, "roots", tuple(self.roots))
        assign(self, "revoked", tuple(self.revoked))
        if not self.roots:
            raise ConfigurationError("an authority has at least one root certificate")
        assign(self, "_store", _trusted(self))

    @classmethod
    def from_files(
        cls,
        roots: str | os.PathLike[str],
        *,
        revoked: str | os.PathLike[str] | None = None,
        on_verified: OnVerified | None = None,
    ) -> Authority:
        """Read roots, and a list of what is revoked, from PEM files.

        Raises:
            ConfigurationError: A file cannot be read.
        """
        try:
            certificates = x509.load_pem_x509_certificates(_read(roots))
            lists = [] if revoked is None else [x509.load_pem_x509_crl(_read(revoked))]
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the files of the authority: {error}") from error
        return cls(roots=certificates, revoked=lists, on_verified=on_verified)

    def verify(
        self,
        shown: bytes,
        chain: Sequence[bytes] = (),
        *,
        name: str | None = None,
        now: datetime.datetime | None = None,
    ) -> VerifiedChain:
        """Verify a certificate that a peer has shown in its handshake.

        Args:
            shown: The peer's certificate, in DER.
            chain: The certificates of authorities that it showed as well.
            name: A name that it must have: a DNS name (with wildcards as RFC 6125 has them), a URI
                or an e-mail address.
            now: The present by default.

        Raises:
            PeerTrustError: No authority vouches for it, it has expired or is revoked, or it has
                another name.
        """
        try:
            verified = _verified(self._store_at(now), shown, chain)
        except crypto.X509StoreContextError as error:
            raise PeerTrustError(
                f"no authority vouches for the peer's certificate: {error}", name=name
            ) from error
        except (crypto.Error, ValueError) as error:
            raise PeerTrustError("the peer's certificate cannot be read", name=name) from error
        names = _names(verified[0])
        found = VerifiedChain(verified, tuple(itertools.chain.from_iterable(names.values())))
        if name is not None and not any(
            _matches(name, name=each) for each in names.get(_kind(name), ())
        ):
            said = ", ".join(map(repr, found.names)) or "no name"
            raise PeerTrustError(
                f"the peer's certificate is for {said}, not for {name!r}", name=name
            )
        if not self._is_taken(found, name):
            raise PeerTrustError("the application refuses the peer's certificate", name=name)
        return found

    def _store_at(self, now: datetime.datetime | None) -> crypto.X509Store:
        if now is None:
            return self._store
        store = _trusted(self)
        store.set_time(now)
        return store

    def _is_taken(self, found: VerifiedChain, name: str | None) -> bool:
        try:
            return self.on_verified is None or self.on_verified(found)
        except PeerTrustError:
            raise
        except Exception as error:
            raise PeerTrustError(
                f"the application refuses the peer's certificate: {error!r}", name=name
            ) from error


def _trusted(authority: Authority) -> crypto.X509Store:
    """Make OpenSSL's store of what an authority trusts; revocation lists are long to read."""
    store = crypto.X509Store()
    for root in authority.roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    for each in authority.revoked:
        store.add_crl(each)
    flags = crypto.X509StoreFlags.X509_STRICT
    if authority.revoked:
        flags |= crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
    store.set_flags(flags)
    return store


def _verified(
    store: crypto.X509Store, shown: bytes, chain: Sequence[bytes]
) -> tuple[x509.Certificate, ...]:
    certificates = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain]
    leaf = crypto.load_certificate(crypto.FILETYPE_ASN1, shown)
    context = crypto.X509StoreContext(store, leaf, certificates)
    return tuple(each.to_cryptography() for each in context.get_verified_chain())


def _names(certificate: x509.Certificate) -> dict[_Kind, list[str]]:
    """Read the names of a certificate, by their kinds; none where they cannot be read."""
    try:
        alternative = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except (
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        ValueError,
    ):
        # RFC 6125 section 6.4.4: a common name is none that an application may go by.
        return {}
    return {kind: alternative.get_values_for_type(kind) for kind in _KINDS}


def _kind(name: str) -> _Kind:
    """Tell the kind of a name: one of another kind is another name, which others may give."""
    if ":" in name:
        return x509.UniformResourceIdentifier
    return x509.RFC822Name if "@" in name else x509.DNSName


def _matches(wanted: str, *, name: str) -> bool:
    if _kind(wanted) is not x509.DNSName:
        return wanted == name
    wanted, name = wanted.lower().rstrip("."), name.lower().rstrip(".")
    if not name.startswith("*."):
        return wanted == name
    # RFC 6125 section 6.4.3: the asterisk is the whole of the first label, and stands for one.
    first, _, rest = wanted.partition(".")
    return bool(first) and rest == name[2:] and "." in rest


def _read(path: str | os.PathLike[str]) -> bytes:
    with Path(path).open("rb") as file:
        data = file.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise ValueError(f"{path} has more than {_MAX_FILE} bytes")
    return data
