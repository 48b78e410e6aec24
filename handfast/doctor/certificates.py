"""Checks the certificates of TLS servers: trusted, of that name, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from handfast.doctor.findings import Finding, Subject

if TYPE_CHECKING:
    from peer.times import UnixTime

#: Seconds of a day.
_DAY: Final = 86400.0
#: Days before its expiry from which a certificate is warned of (ours): ACME clients renew 30 days
#: before, so that 14 days tell of a renewal that fails.
_SOON: Final = 14


async def check_certificate(host: str, port: int) -> list[Finding]:
    """Open TLS to a server, and say what its certificate is.

    Args:
        host: Name or address, as the certificate has to have it.
        port: TCP port.

    Raises:
        OSError: There is no TLS at that port.
    """
    try:
        async with _tls(host, port) as tls:
            return [expiry_finding(f"{host}:{port}", tls, now=time.time())]
    except ssl.SSLCertVerificationError as error:
        return [refused_certificate(f"{host}:{port}", error)]


def expiry_finding(where: str, tls: ssl.SSLObject, *, now: float) -> Finding:
    """Say how long the certificate of a verified TLS connection is valid.

    Args:
        where: Name of the server, for the sentence.
        tls: The connection.
        now: Unix time in seconds.
    """
    certificate = tls.getpeercert() or {}
    return validity(where, ssl.cert_time_to_seconds(str(certificate["notAfter"])), now=now)


def validity(where: str, expires: UnixTime | float, *, now: UnixTime | float) -> Finding:
    """Say how long a certificate is valid. PURE.

    Args:
        where: Name of the server, for the sentence.
        expires: Unix time in seconds at which it runs out.
        now: Unix time in seconds.
    """
    days = int((expires - now) // _DAY)
    sentence = (
        f"The certificate of {where} is trusted, and runs out in {days} "
        f"{'day' if days == 1 else 'days'}."
    )
    if days >= _SOON:
        return Finding.ok(Subject.CERTIFICATE, sentence)
    remedy = "Renew it, and let the server read it anew."
    return Finding.warning(Subject.CERTIFICATE, sentence, remedy=remedy)


def refused_certificate(where: str, error: ssl.SSLCertVerificationError) -> Finding:
    """Say why a certificate is refused. PURE.

    Args:
        where: Name of the server, for the sentence.
        error: The error of OpenSSL.
    """
    return Finding.failure(
        Subject.CERTIFICATE,
        f"The certificate of {where} is refused: {error.verify_message}.",
        remedy="Give the server a certificate of a public authority for that name, with its whole "
        "chain; or name an authority of your own by SSL_CERT_FILE.",
    )


@contextlib.asynccontextmanager
async def _tls(host: str, port: int) -> AsyncIterator[ssl.SSLObject]:
    context = ssl.create_default_context()
    _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        yield tls
    finally:
        writer.transport.abort()
