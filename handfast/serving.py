"""The room server of `handfast serve`: rooms, their page, and its health for load balancers."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from dataclasses import field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from handfast.open_files import allow_open_files
from handfast.room_page import door_route, room_page_routes, shared_host
from handfast.room_recordings.bounds import RecordingBounds
from handfast.room_recordings.keeper import RoomRecordings
from handfast.room_recordings.recorder import RecorderDoor
from handfast.room_recordings.routes import recording_routes
from handfast.room_recordings.run_folder import run_folder
from handfast.room_recordings.seats import RecorderSeats
from handfast.site_middleware import site_middleware
from handfast.web_server import Listening, WebServerOptions, listening, serving
from peer.values import dataclass
from signaling import InsecureUrlError
from signaling.server import (
    InProcessBackplane,
    JwtAuthorizer,
    Limits,
    RedisBackplane,
    TokenAlgorithm,
    create_app,
)
from signaling.server.access import everybody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from peer import IceServer
    from signaling.server import Authorize, Backplane, TurnSecret
    from signaling.server.app import RoomApp

#: TCP connections beyond those of all members: on the way in, or asking for the health (ours).
_SPARE: Final = 256


#: Highest `--messages-per-second` (ours): one process passes on no more.
_FASTEST: Final = 100_000

#: Environment variable for what other users of the machine may not read.
_PASSWORD_VARIABLE: Final = "HANDFAST_REDIS_PASSWORD"

#: Files of the program itself (ours): some thirty are usual.
_OWN_FILES: Final = 128


class ServeError(Exception):
    """The room server cannot start; the text is one sentence for its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Options of `handfast serve`.

    Args:
        web: Where it listens; its bound of connections is that of `limits`.
        limits: Bounds of the rooms.
        origins: Origins of pages of other servers that may connect.
        hosts: Names under which its own pages reach it.
        ice_servers: STUN and TURN servers that members are told of.
        tokens: Judge of the tokens that members have to show; None lets everybody in.
        metrics: Serve the numbers of the rooms at `/metrics`.
        grace: Seconds for which it serves on after it was told to stop, and is not ready meanwhile.
        backplane: Keeps the rooms; this process where it is None.
        recordings: Folder for recordings that people in the rooms ask for; None for none.
        recording_bounds: Bounds of these recordings.
    """

    web: WebServerOptions
    limits: Limits = field(default_factory=Limits)
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    ice_servers: tuple[IceServer | TurnSecret, ...] = ()
    tokens: JwtAuthorizer | None = None
    metrics: bool = False
    grace: float = 0.0
    backplane: Backplane | None = None
    recordings: Path | None = None
    recording_bounds: RecordingBounds = field(default_factory=RecordingBounds)


def connections(limits: Limits) -> int:
    """Return the most TCP connections that a server with these bounds needs."""
    return limits.members + _SPARE


def limits_from(
    *, rooms: int, members: int, members_per_room: int, messages_per_second: float
) -> Limits:
    """Create the bounds of the rooms for `--max-rooms` and its like; all others are as usual.

    Raises:
        ServeError: One of them is none.
    """
    if not 0 < messages_per_second <= _FASTEST:
        raise ServeError(
            f"--messages-per-second is more than 0 and at most {_FASTEST}, "
            f"not {messages_per_second:g}."
        )
    return Limits(
        rooms=rooms,
        members=members,
        members_per_room=members_per_room,
        messages_per_second=messages_per_second,
        # What may come in a second may come at once.
        burst=max(Limits().burst, math.ceil(messages_per_second)),
    )


def tokens_from(
    key: Path | None, algorithm: TokenAlgorithm, audience: str | None
) -> JwtAuthorizer | None:
    """Create the judge of tokens for `--jwt-key`; None where there is no key.

    Raises:
        ServeError: The key cannot be read or used, its audience is missing, or PyJWT is.
    """
    if key is None:
        if audience is not None:
            raise ServeError("--jwt-audience needs a --jwt-key.")
        return None
    if audience is None:
        raise ServeError("--jwt-key needs the --jwt-audience of this server's tokens.")
    try:
        return JwtAuthorizer(key=key.read_bytes().strip(), algorithm=algorithm, audience=audience)
    except OSError as error:
        raise ServeError(f"{key} cannot be read: {error.strerror}.") from error
    except (ImportError, ValueError) as error:
        raise ServeError(f"{key} cannot be used: {error}.") from error


def _names(options: ServeOptions) -> tuple[str, ...]:
    return (options.web.host, socket.gethostname(), *options.hosts)


def backplane_from(url: str | None, environment: Mapping[str, str]) -> Backplane | None:
    """Create what shares the rooms for `--redis`; None where there is no URL.

    Args:
        url: Of Redis, without a password, as other users of the machine can read it.
        environment: Environment variables, with HANDFAST_REDIS_PASSWORD where Redis wants one.

    Raises:
        ServeError: The URL cannot be used, or redis-py is missing.
    """
    if url is None:
        return None
    if ":" in urlsplit(url).netloc.rpartition("@")[0]:
        raise ServeError(f"Others can read options: the password is for {_PASSWORD_VARIABLE}.")
    try:
        return RedisBackplane(url, password=environment.get(_PASSWORD_VARIABLE))
    except (InsecureUrlError, ValueError, ImportError) as error:
        raise ServeError(f"--redis cannot be used: {error}.") from error


def _rooms(options: ServeOptions, backplane: Backplane, authorize: Authorize) -> RoomApp:
    try:
        return create_app(
            limits=options.limits,
            origins=options.origins,
            hosts=_names(options),
            ice_servers=options.ice_servers,
            authorize=authorize,
            metrics=options.metrics,
            backplane=backplane,
        )
    except ImportError as error:
        raise ServeError(f"{error}.") from error


async def serve(
    options: ServeOptions, stop: asyncio.Event, on_ready: Callable[[str], None]
) -> None:
    """Serve rooms until `stop` is set; calls go on after that, and members return elsewhere.

    Args:
        options: The options.
        stop: Ends it.
        on_ready: Called with the URL of the rooms, once they can be joined.

    Raises:
        WebServerError: The address cannot be listened on, or the certificate cannot be used.
        ServeError: A library that an option needs is missing, or recordings cannot be kept.
    """
    backplane = options.backplane or InProcessBackplane()
    seats = RecorderSeats(options.tokens or everybody)
    rooms = _rooms(options, backplane, seats)
    allow_open_files(connections(options.limits) + _OWN_FILES)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        if stop.is_set():
            return PlainTextResponse("stopping\n", 503)
        if not backplane.ready:
            return PlainTextResponse("redis away\n", 503)
        return PlainTextResponse("ready\n")

    health = (Route("/healthz", healthz), Route("/readyz", readyz))
    with _recordings_folder(options) as folder, listening(options.web) as where:
        recordings = None if folder is None else _recordings(options, folder, where, seats)
        routes = (
            None
            if recordings is None
            else recording_routes(recordings, backplane=backplane, authorize=seats)
        )
        # Load balancers and Prometheus ask by names of their own; only pages can be rebound.
        pages = Starlette(
            routes=[
                door_route(),
                *room_page_routes(shared_host(options.web.host), routes),
            ],
            middleware=site_middleware(_names(options)),
        )
        app = Starlette(routes=[*rooms.routes, *health, Mount("/", pages)])
        async with backplane, serving(app, where, options.web):
            async with recordings or contextlib.nullcontext():
                on_ready(_rooms_url(options, where.shown, where.port))
                await stop.wait()
                if recordings is not None:
                    recordings.end_all()
                # Long enough for load balancers to see that it is not ready.
                await asyncio.sleep(options.grace)
            await rooms.drain()


def _rooms_url(options: ServeOptions, host: str, port: int) -> str:
    return f"{options.web.scheme.replace('http', 'ws')}://{host}:{port}/ws"


@contextlib.contextmanager
def _recordings_folder(options: ServeOptions) -> Iterator[Path | None]:
    if options.recordings is None:
        yield None
        return
    if isinstance(options.backplane, RedisBackplane):
        # Behind one address the next request of a page may reach another server.
        raise ServeError("--recordings keeps files on one server, and does not go with --redis.")
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(run_folder(options.recordings))
        except OSError as error:
            raise ServeError(
                f"{options.recordings} takes no recordings: {error.strerror}."
            ) from error
        yield folder


def _recordings(
    options: ServeOptions, folder: Path, where: Listening, seats: RecorderSeats
) -> RoomRecordings:
    door = RecorderDoor(
        url=_rooms_url(options, where.here, where.port),
        trust=options.web.trust(),
        seats=seats,
        alone=options.recording_bounds.alone,
    )
    return RoomRecordings(folder, options.recording_bounds, door.record)
