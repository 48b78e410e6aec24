"""Context of a running demo: its TCP socket, its web server and its Python peer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from handfast.demo.clips import ClipFolder
from handfast.demo.host import Host
from handfast.demo.site import SIGNALING_PATH, create_site
from handfast.demo.traces import TraceFolder
from handfast.room_page import shared_host
from handfast.web_server import Listening, WebServerError, WebServerOptions, listening, serving
from peer import PeerConfiguration
from peer.values import dataclass
from signaling import join

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from peer import IceServer
    from signaling.server import TurnSecret

ROOM: Final = "demo"
_NAME: Final = "python"


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
    web = WebServerOptions(
        host=options.host, port=options.port, certfile=options.certfile, keyfile=options.keyfile
    )
    traces = _folder(options.traces)
    try:
        with listening(web) as where, _clips() as clips:
            async with _answering(where, web, options, clips, traces) as demo:
                yield demo
    except WebServerError as error:
        raise DemoError(str(error)) from error


@contextlib.asynccontextmanager
async def _answering(
    where: Listening,
    web: WebServerOptions,
    options: DemoOptions,
    clips: ClipFolder,
    traces: TraceFolder | None,
) -> AsyncIterator[Demo]:
    site = create_site(
        visitors=options.visitors,
        recordings=clips.served,
        ice_servers=options.ice_servers,
        hosts=(options.host, socket.gethostname(), *options.hosts),
        host=shared_host(options.host),
    )
    async with serving(site, where, web):
        # Through the front door like everybody else, but always from this machine.
        scheme = web.scheme.replace("http", "ws")
        url = f"{scheme}://{where.here}:{where.port}{SIGNALING_PATH}"
        async with await join(url, room=ROOM, name=_NAME, ssl=web.trust(), insecure=True) as room:
            host = Host(
                room, PeerConfiguration(), timeout=options.timeout, clips=clips, traces=traces
            )
            async with _running(host) as answering:
                yield Demo(f"{web.scheme}://{where.shown}:{where.port}/", host, answering)


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


@contextlib.asynccontextmanager
async def _running(host: Host) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(host.run(), name="demo host")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
