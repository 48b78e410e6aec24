"""A server of TLS is taken where its certificate names the SIP domain (RFC 5922)."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from signaling.sip.errors import SipTransportError
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.domain import domain_context
from signaling.sip.transport.opening import open_transport
from tests.support.network.certificate import write_certificate
from tests.support.sip.octets import request
from tests.support.sip.servers import stream_server, websocket_server

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN = "example.org"


def contexts(
    folder: Path, *, names: tuple[str, ...] = (), uris: tuple[str, ...] = ()
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts of the server, and of a client that trusts it."""
    certificate, key = write_certificate(folder, names=names, uris=uris)
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(certificate, key)
    here = domain_context()
    here.load_verify_locations(certificate)
    return there, here


@pytest.mark.parametrize(
    ("domain", "names", "uris"),
    [
        (None, (), ()),
        (DOMAIN, (DOMAIN,), ()),
        ("EXAMPLE.ORG", ("other.example", DOMAIN), ()),
        (DOMAIN, (), (f"sip:{DOMAIN}",)),
    ],
    ids=["address", "name", "case", "URI"],
)
async def test_a_certificate_of_the_domain_is_taken(
    tmp_path: Path, domain: str | None, names: tuple[str, ...], uris: tuple[str, ...]
) -> None:
    there, here = contexts(tmp_path, names=names, uris=uris)
    async with stream_server(there) as server:
        url = f"sips:127.0.0.1:{server.port}"
        async with await open_transport(url, ssl=here, domain=domain) as transport:
            assert transport.secure
            assert str(transport.via).startswith("SIP/2.0/TLS 127.0.0.1:")
            assert str(transport.contact).endswith(";transport=tls")
            message = parse_message(request())
            await transport.send(message)
            connection = await server.accept()
            assert await connection.next(b"\r\n\r\n") == write_message(message)


@pytest.mark.conformance("8.2-transport")
@pytest.mark.parametrize(
    ("names", "uris"),
    [
        (("*.org",), ()),
        (("sip.example.org",), ()),
        ((), (f"sip:ann@{DOMAIN}",)),
        ((), (f"https://{DOMAIN}",)),
    ],
    ids=["wildcard", "below", "user", "other URI"],
)
async def test_a_certificate_of_others_is_refused(
    tmp_path: Path, names: tuple[str, ...], uris: tuple[str, ...]
) -> None:
    there, here = contexts(tmp_path, names=names, uris=uris)
    async with stream_server(there) as server:
        with pytest.raises(SipTransportError, match=f"not '{DOMAIN}'"):
            await open_transport(f"sips:127.0.0.1:{server.port}", ssl=here, domain=DOMAIN)


async def test_a_certificate_of_no_known_authority_is_refused(tmp_path: Path) -> None:
    there, _ = contexts(tmp_path, names=(DOMAIN,))
    async with stream_server(there) as server:
        with pytest.raises(SipTransportError, match="certificate verify failed"):
            await open_transport(f"sips:127.0.0.1:{server.port}", domain=DOMAIN)


async def test_a_websocket_of_tls_names_the_host(tmp_path: Path) -> None:
    there, here = contexts(tmp_path)
    here.check_hostname = True
    async with websocket_server(there) as server:
        async with await open_transport(f"wss://127.0.0.1:{server.port}/", ssl=here) as transport:
            assert str(transport.via).startswith("SIP/2.0/WSS ")
            assert str(transport.contact).endswith(".invalid;transport=ws")
        with pytest.raises(SipTransportError, match="localhost"):
            await open_transport(f"wss://localhost:{server.port}/", ssl=here)
