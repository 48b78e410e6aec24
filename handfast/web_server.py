"""A web server in the running event loop: its TCP socket, its certificate and uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import uvicorn

from handfast.http_patience import patient_protocol
from handfast.websocket_protocol import DirectWebSocketProtocol
from peer.values import dataclass
from signaling.messages import MAX_MESSAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

#: Seconds that open HTTP requests have when the server stops (ours).
_GRACE: Final = 1
#: Seconds for which a connection may ask for nothing, and as long for its TLS handshake (ours).
_HEAD_TIMEOUT: Final = 10.0
#: TCP connections that wait to be accepted (ours).
_BACKLOG: Final = 128
#: Loopback address for each address that stands for all interfaces.
_LOOPBACK: Final = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "[::1]"})


class WebServerError(Exception):
    """The server cannot start; the text is one sentence for its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServerOptions:
    """The address of a web server, and its certificate.

    Args:
        host: Address or name to listen on.
        port: TCP port; 0 for any free one.
        certfile: PEM certificate chain for https, together with `keyfile`.
        keyfile: PEM private key of that certificate.
        connections: Most TCP connections at one time; None for no bound of ours.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    certfile: Path | None = None
    keyfile: Path | None = None
    connections: int | None = None

    @property
    def scheme(self) -> str:
        """The scheme of its URLs, `http` or `https`."""
        return "http" if self.certfile is None else "https"

    def trust(self) -> ssl.SSLContext | None:
        """TLS context that trusts the certificate, even a self-signed one; None for http."""
        if self.certfile is None:
            return None
        context = ssl.create_default_context(cafile=self.certfile)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context


@dataclass(frozen=True, slots=True)
class Listening:
    """The address of a web server that listens.

    Args:
        listener: The TCP socket.
        here: Host by which this machine reaches it, an IPv6 address in brackets.
        shown: Host to show to people.
        port: TCP port.
    """

    listener: socket.socket
    here: str
    shown: str
    port: int


@contextlib.contextmanager
def listening(options: WebServerOptions) -> Iterator[Listening]:
    """Listen until the context ends; what comes before `serving` waits.

    Raises:
        WebServerError: The address cannot be listened on, or the certificate cannot be used.
    """
    _check_certificate(options)
    with contextlib.closing(_listen(options.host, options.port)) as listener:
        address, port = listener.getsockname()[:2]
        here = _LOOPBACK.get(address) or _bracketed(address)
        shown = here if address in _LOOPBACK else _bracketed(options.host)
        yield Listening(listener, here, shown, port)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # asyncio does it for sockets that it makes itself; 40 ms a message otherwise.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except socket.gaierror as error:
        reason = f"{host!r} is not an address of this machine: {error.strerror}."
        raise WebServerError(reason) from error
    except OSError as error:
        raise WebServerError(_why_not(host, port, error)) from error


def _why_not(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is taken by another program; choose one with --port."
        case errno.EACCES:
            return f"This user may not listen on port {port}; choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine."
        case _:
            return f"Cannot listen on {host}, port {port}: {error.strerror}."


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, listening: Listening, options: WebServerOptions
) -> AsyncIterator[None]:
    """Serve an app until the context ends."""
    server = _Server(
        uvicorn.Config(
            app,
            http=patient_protocol(_HEAD_TIMEOUT),
            ws=DirectWebSocketProtocol,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            ws_max_size=MAX_MESSAGE_SIZE,
            # It takes 40 KB for each client, and lengths of what was compressed together with what
            # a stranger sends tell of a secret (RFC 7692 section 8).
            ws_per_message_deflate=False,
            limit_concurrency=options.connections,
            timeout_graceful_shutdown=_GRACE,
            ssl_certfile=options.certfile,
            ssl_keyfile=options.keyfile,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening.listener]), name="web server")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Web server that leaves signals to the owner of the event loop, and waits for no client."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn does not take a time for the handshake, and asyncio's is a minute.
        await super().startup(sockets=[])
        config, loop = self.config, asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg] # as uvicorn does
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        for listener in sockets or ():
            self.servers.append(
                await loop.create_server(
                    protocol,
                    sock=listener,
                    ssl=config.ssl,
                    backlog=config.backlog,
                    ssl_handshake_timeout=None if config.ssl is None else _HEAD_TIMEOUT,
                )
            )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _check_certificate(options: WebServerOptions) -> None:
    if (options.certfile is None) != (options.keyfile is None):
        raise WebServerError("https needs both --certfile and --keyfile.")
    for path in (options.certfile, options.keyfile):
        if path is not None and not path.is_file():
            raise WebServerError(f"There is no file {path}.")
    if options.certfile is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                options.certfile, options.keyfile, password=""
            )
        except (ssl.SSLError, OSError) as error:
            raise WebServerError(
                f"{options.certfile} and {options.keyfile} are no certificate with its key in PEM: "
                f"{error.strerror or error}."
            ) from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
