"""Signalling over TLS, with a certificate made here."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signaling import ConnectError, Offer, connect
from signaling.server import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the test runner's."""
        yield


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "handfast test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
async def url(certificate: Path) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            create_app(),
            log_level="critical",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"wss://127.0.0.1:{listener.getsockname()[1]}/ws"
        server.should_exit = True
        await serving


@pytest.mark.conformance("8.2-transport")
async def test_two_peers_exchange_messages_over_tls(url: str, certificate: Path) -> None:
    trust = ssl.create_default_context(cafile=certificate)
    first, second = await asyncio.gather(
        connect(url, room="r", ssl=trust), connect(url, room="r", ssl=trust)
    )
    async with first, second:
        await first.send(Offer(sdp="v=0\r\n"))
        assert await second.receive() == Offer(sdp="v=0\r\n")


@pytest.mark.conformance("8.2-transport")
async def test_a_server_with_a_certificate_that_is_not_trusted_is_refused(url: str) -> None:
    with pytest.raises(ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        await connect(url, room="r")


async def test_trust_without_tls_is_refused(url: str) -> None:
    plain = url.replace("wss:", "ws:")
    with pytest.raises(ConnectError, match="not TLS"):
        await connect(plain, room="r", ssl=ssl.create_default_context())
