"""Signalling over TLS, with a certificate made here."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import uvicorn

from signaling import ConnectError, Offer, connect
from signaling.server import create_app
from tests.support.network.certificate import write_certificate

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
    cert, key = write_certificate(tmp_path)
    file = tmp_path / "server.pem"
    file.write_bytes(key.read_bytes() + cert.read_bytes())
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
