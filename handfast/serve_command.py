"""The command `handfast serve`: its options, and what it prints."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from handfast.command_options import (
    AllowHost,
    Certfile,
    Host,
    IceSecretFile,
    IceServers,
    Keyfile,
    Port,
    complain,
    duration,
    loop_factory,
)
from handfast.console import Console
from handfast.ice_options import IceOptionsError, ice_servers
from handfast.logs import LogFormat, log_to_standard_error
from handfast.room_recordings.bounds import RecordingBounds
from handfast.serving import (
    ServeError,
    ServeOptions,
    backplane_from,
    connections,
    limits_from,
    tokens_from,
)
from handfast.serving import serve as serve_rooms
from handfast.web_server import WebServerError, WebServerOptions
from signaling.server import Limits, TokenAlgorithm
from signaling.signals import stopped_by_signals

_BOUNDS = Limits()
_RECORDING_BOUNDS = RecordingBounds()
_MaxRooms = Annotated[int, typer.Option(min=1, metavar="N", help="Most rooms at one time.")]
_MaxMembers = Annotated[
    int, typer.Option(min=1, metavar="N", help="Most members of all rooms together.")
]
_MaxRoomMembers = Annotated[
    int,
    typer.Option(
        "--max-room-members", min=1, max=64, metavar="N", help="Most members of one room."
    ),
]
_MessagesPerSecond = Annotated[
    float,
    typer.Option(metavar="N", help="A member that sends more for long is slowed."),
]


def serve(
    port: Port = 8080,
    host: Host = "127.0.0.1",
    certfile: Certfile = None,
    keyfile: Keyfile = None,
    allow_host: AllowHost = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin",
            metavar="ORIGIN",
            help="Pages that may connect, such as https://example.org; again for more.",
        ),
    ] = None,
    jwt_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Members show a token signed with it: secret, or PEM."),
    ] = None,
    jwt_algorithm: Annotated[
        TokenAlgorithm, typer.Option(help="The one algorithm of the key.")
    ] = TokenAlgorithm.HS256,
    jwt_audience: Annotated[
        str | None, typer.Option(metavar="NAME", help="The `aud` of this server's tokens.")
    ] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="Tell who comes and goes on standard error, as text or JSON lines."),
    ] = None,
    max_rooms: _MaxRooms = _BOUNDS.rooms,
    max_members: _MaxMembers = _BOUNDS.members,
    max_room_members: _MaxRoomMembers = _BOUNDS.members_per_room,
    messages_per_second: _MessagesPerSecond = _BOUNDS.messages_per_second,
    grace: Annotated[
        float | None,
        typer.Option(
            parser=duration,
            metavar="TIME",
            help="Serve on so long after SIGTERM, while /readyz says 503: 10s.",
        ),
    ] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Numbers for Prometheus at /metrics.")
    ] = False,
    redis: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Share the rooms with the servers of the same Redis: rediss://host:6379/0, its "
            "password in HANDFAST_REDIS_PASSWORD.",
        ),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Let people in a room record it, by a button of its page; files stay in DIR for "
            "an hour at most.",
        ),
    ] = None,
    max_recordings: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most rooms that are recorded at one time.")
    ] = _RECORDING_BOUNDS.at_once,
    max_recording_time: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="TIME", help="End a recording then.  [1h]"),
    ] = None,
    ice_server: IceServers = None,
    ice_secret_file: IceSecretFile = None,
) -> None:
    """Serve rooms in which pages, bots and recorders find each other."""
    console = Console()
    if log_format is not None:
        log_to_standard_error(log_format)
    try:
        limits = limits_from(
            rooms=max_rooms,
            members=max_members,
            members_per_room=max_room_members,
            messages_per_second=messages_per_second,
        )
        options = ServeOptions(
            web=WebServerOptions(
                host=host,
                port=port,
                certfile=certfile,
                keyfile=keyfile,
                connections=connections(limits),
            ),
            limits=limits,
            origins=tuple(allow_origin or ()),
            hosts=tuple(allow_host or ()),
            ice_servers=ice_servers(ice_server or (), ice_secret_file, os.environ),
            tokens=tokens_from(jwt_key, jwt_algorithm, jwt_audience),
            metrics=metrics,
            grace=grace or 0.0,
            backplane=backplane_from(redis, os.environ),
            recordings=recordings,
            recording_bounds=RecordingBounds(
                at_once=max_recordings, longest=max_recording_time or _RECORDING_BOUNDS.longest
            ),
        )
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve_rooms(options, console))
    except (ServeError, WebServerError, IceOptionsError) as error:
        complain(error)
        raise typer.Exit(1) from None


async def _serve_rooms(options: ServeOptions, console: Console) -> None:
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        await serve_rooms(options, stop, lambda url: _announce(console, url, options))
    console.print("Stopped.")


def _announce(console: Console, url: str, options: ServeOptions) -> None:
    console.print(Text.assemble("Rooms are at ", (f"{url}#NAME", "bold cyan")), soft_wrap=True)
    page = url.replace("ws", "http", 1).removesuffix("/ws")
    where = (f"{page}/", "bold cyan"), (f"{page}/room/NAME", "bold cyan")
    words = Text.assemble("People find them at ", where[0], " by their names, or at ", where[1])
    console.print(words, soft_wrap=True)
    if options.recordings is not None:
        offer = f"People in a room may record it; files are in {options.recordings} for an hour."
        console.print(Text(offer), soft_wrap=True)
    if options.tokens is None:
        console.print("Whoever reaches this address may join them; --jwt-key asks for tokens.")
