"""Check that a TLS certificate is that of a SIP domain (RFC 5922 section 7)."""

from __future__ import annotations

import ipaddress
import ssl
from typing import TYPE_CHECKING

from signaling.sip.errors import SipTransportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from ssl import SSLContext, SSLObject


def domain_context() -> SSLContext:
    """Make a TLS context that trusts the system's authorities, and leaves the name to `check`."""
    context = ssl.create_default_context()
    # RFC 5922 section 7.2 wants no wildcard, and takes a `sip:` URI: OpenSSL has it the other way.
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def check_domain(connection: SSLObject, domain: str) -> None:
    """Check that the certificate of the other end names the domain itself, without a wildcard.

    Nothing is checked where the program's own TLS context asks for no certificate.

    Raises:
        SipTransportError: It names others.
    """
    if connection.context.verify_mode is ssl.CERT_NONE:
        return
    named = list(_identities(connection.getpeercert() or {}))
    if _canonical(domain) not in map(_canonical, named):
        names = ", ".join(named) or "nobody"
        raise SipTransportError(f"the certificate names {names}, not {domain!r}")


def _identities(certificate: Mapping[str, object]) -> Iterator[str]:
    """Yield each domain and address that the certificate is for."""
    names = certificate.get("subjectAltName", ())
    assert isinstance(names, tuple)
    for kind, name in names:
        match kind:
            # With a user in it, as in sip:ann@example.org, it is that user's and no domain.
            case "URI" if name.lower().startswith("sip:"):
                yield name[4:].partition(";")[0].partition("?")[0]
            case "DNS" | "IP Address":
                yield name


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().rstrip(".")
