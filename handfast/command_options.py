"""Options that several commands of the program have in common, and how errors are told."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from handfast.console import Console
from handfast.durations import seconds_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

Port = Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 for any free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.")]
Certfile = Annotated[
    Path | None, typer.Option(help="Certificate chain (PEM), for https and wss.", metavar="FILE")
]
Keyfile = Annotated[Path | None, typer.Option(help="Its private key (PEM).", metavar="FILE")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help="A name under which browsers reach this server; again for more.",
    ),
]
IceServers = Annotated[
    list[str] | None,
    typer.Option(
        "--ice-server",
        metavar="URL",
        help="stun:, turn: or turns: URL; again for more. Secrets: HANDFAST_ICE_USERNAME and "
        "HANDFAST_ICE_CREDENTIAL, or HANDFAST_TURN_SECRET, or --ice-secret-file.",
    ),
]
IceSecretFile = Annotated[
    Path | None,
    typer.Option(
        "--ice-secret-file", metavar="FILE", help="TOML: username and credential, or secret."
    ),
]

Certificate = Annotated[
    Path | None,
    typer.Option(
        "--certificate", metavar="FILE", help="Our own (PEM), by which others know us; made once."
    ),
]
KnownPeersFile = Annotated[
    Path | None,
    typer.Option(
        "--known-peers", metavar="FILE", help="Remember who it is by name; refuse another key."
    ),
]


def duration(text: str) -> float:
    """Parse a duration of the command line, such as `10s`."""
    try:
        return seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def complain(error: Exception) -> None:
    """Print an error to standard error, in one sentence."""
    sentence = Text.assemble(("error: ", "red"), str(error))
    Console(stderr=True).print(sentence, soft_wrap=True)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory where it is installed (`handfast[speed]`): its turns cost less."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop
