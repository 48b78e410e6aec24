"""Context of a running demo: its TCP socket, its web server and its Python peer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import uvicorn

from handfast.demo.clips import ClipFolder
from handfast.demo.host import Host
from handfast.demo.site import SIGNALING_PATH, create_site
from handfast.demo.traces import TraceFolder
from peer import PeerConfiguration
from signaling import join
from signaling.messages import MAX_MESSAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

    from peer import IceServer
    from signaling.server import TurnSecret

ROOM: Final = "demo"
_NAME: Final = "python"
#: Seconds that open HTTP requests have when the server stops (ours).
_GRACE: Final = 1
#: TCP connections that wait to be accepted (ours).
_BACKLOG: Final = 128
#: Loopback address for each address that stands for all interfaces.
_LOOPBACK: Final = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "[::1]"})


class DemoError(Exception):
    """The demo cannot start; the text is one sentence for its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Options of the demo.

    Args:
        host: Address or name to listen on.
        port: TCP port; 0 for any free one.
        certfile: PEM certificate chain for https, together with `keyfile`.
        keyfile: PEM private key of that certificate.
        visitors: Most pages in a call at one time.
        timeout: Seconds that a page has to connect, from joining the room.
        traces: Folder in which a trace of each call is saved; none by default.
        ice_servers: STUN and TURN servers of Python and of the pages.
        hosts: Names under which browsers reach the demo, besides `localhost`, IP addresses, `host`
            and the name of this machine.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    certfile: Path | None = None
    keyfile: Path | None = None
    visitors: int = 8
    timeout: float = 30.0
    traces: Path | None = None
    ice_servers: tuple[IceServer | TurnSecret, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo, as `open_demo` gives it.

    Args:
        url: Address of the page.
        host: The Python peer.
        answering: The task in which the Python peer answers.
    """

    url: str
    host: Host
    answering: asyncio.Task[None]

    async def ended(self) -> None:
        """Wait until the Python peer can answer no more.

        Raises:
            ChannelLost: The room server went away.
        """
        await asyncio.shield(self.answering)


@contextlib.asynccontextmanager
async def open_demo(options: DemoOptions) -> AsyncIterator[Demo]:
    """Serve the page and answer calls until the context ends.

    Raises:
        DemoError: The address cannot be listened on, the certificate cannot be used, or a folder
            cannot be written to.
    """
    _check_certificate(options)
    traces = _folder(options.traces)
    listener = _listen(options.host, options.port)
    with contextlib.closing(listener), _clips() as clips:
        scheme = "http" if options.certfile is None else "https"
        address, port = listener.getsockname()[:2]
        site = create_site(
            visitors=options.visitors,
            recordings=clips.served,
            ice_servers=options.ice_servers,
            hosts=[name.lower() for name in (options.host, socket.gethostname(), *options.hosts)],
        )
        async with _serving(site, listener, options):
            # Through the front door like everybody else, but always from this machine.
            here = _LOOPBACK.get(address) or _bracketed(address)
            url = f"{scheme.replace('http', 'ws')}://{here}:{port}{SIGNALING_PATH}"
            trust = _trust(options)
            async with await join(url, room=ROOM, name=_NAME, ssl=trust, insecure=True) as room:
                configuration = PeerConfiguration()
                host = Host(
                    room, configuration, timeout=options.timeout, clips=clips, traces=traces
                )
                async with _running(host) as answering:
                    shown = here if address in _LOOPBACK else _bracketed(options.host)
                    yield Demo(f"{scheme}://{shown}:{port}/", host, answering)


def _check_certificate(options: DemoOptions) -> None:
    if (options.certfile is None) != (options.keyfile is None):
        raise DemoError("https needs both --certfile and --keyfile.")
    for path in (options.certfile, options.keyfile):
        if path is not None and not path.is_file():
            raise DemoError(f"There is no file {path}.")
    if options.certfile is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                options.certfile, options.keyfile, password=""
            )
        except (ssl.SSLError, OSError) as error:
            raise DemoError(
                f"{options.certfile} and {options.keyfile} are no certificate with its key in PEM: "
                f"{error.strerror or error}."
            ) from error


def _folder(path: Path | None) -> TraceFolder | None:
    if path is None:
        return None
    try:
        return TraceFolder(path)
    except OSError as error:
        raise DemoError(f"Traces cannot be saved in {path}: {error.strerror}.") from error


@contextlib.contextmanager
def _clips() -> Iterator[ClipFolder]:
    try:
        folder = TemporaryDirectory(prefix="handfast-", ignore_cleanup_errors=True)
    except OSError as error:
        raise DemoError(f"There is no place for recordings: {error.strerror}.") from error
    with folder as path:
        yield ClipFolder(Path(path))


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
        raise DemoError(f"{host!r} is not an address of this machine: {error.strerror}.") from error
    except OSError as error:
        raise DemoError(_why_not(host, port, error)) from error


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
async def _serving(
    app: ASGIApp, listener: socket.socket, options: DemoOptions
) -> AsyncIterator[None]:
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            ws_max_size=MAX_MESSAGE_SIZE,
            timeout_graceful_shutdown=_GRACE,
            ssl_certfile=options.certfile,
            ssl_keyfile=options.keyfile,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Web server that leaves signal handling to the owner of the event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _running(host: Host) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(host.run(), name="demo host")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _trust(options: DemoOptions) -> ssl.SSLContext | None:
    """TLS context of our own peer, which trusts the served certificate, even a self-signed one."""
    if options.certfile is None:
        return None
    context = ssl.create_default_context(cafile=options.certfile)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
