"""Command line of handfast with its options, output and exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from handfast.command_options import (
    AllowHost,
    Certfile,
    Certificate,
    Host,
    IceSecretFile,
    IceServers,
    Keyfile,
    KnownPeersFile,
    Port,
    complain,
    duration,
    loop_factory,
)
from handfast.console import Console
from handfast.demo import Demo, DemoError, DemoOptions, open_demo
from handfast.doctor.examination import Examination, examine
from handfast.doctor.report import as_json as json_report
from handfast.doctor.report import as_table, is_healthy
from handfast.ice_options import IceOptionsError, ice_servers, servers_of
from handfast.known_peers_command import known_peers
from handfast.playing import PlayError, PlayOptions, PlaySession
from handfast.progress import ProgressLine
from handfast.recording import (
    STANDARD_OUTPUT,
    Arrangement,
    JsonLines,
    RecordError,
    RecordOptions,
    RecordSession,
)
from handfast.rooms import TOKEN_VARIABLE, AddressError, RoomAddress
from handfast.serve_command import serve
from handfast.sip_address import SIP_SECRET_VARIABLE, SipAddress, is_sip
from handfast.trace import TerminalLadder, TraceError, document, draw, load, save
from handfast.trust_options import TrustOptions, TrustOptionsError
from signaling import SignalingError
from signaling.signals import stopped_by_signals
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

app = typer.Typer(
    name="handfast",
    help="WebRTC peer connections whose handshake holds while everything about it changes.",
    no_args_is_help=True,
    add_completion=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"handfast {version('handfast')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Parse the options that all commands have in common."""


@app.command()
def demo(
    port: Port = 8080,
    host: Host = "127.0.0.1",
    certfile: Certfile = None,
    keyfile: Keyfile = None,
    traces: Annotated[
        Path | None,
        typer.Option("--trace", help="Save a trace of each call there.", metavar="DIR"),
    ] = None,
    allow_host: AllowHost = None,
    ice_server: IceServers = None,
    ice_secret_file: IceSecretFile = None,
) -> None:
    """Serve a page that calls a Python peer: picture, sound and data there and back."""
    console = Console()
    try:
        options = DemoOptions(
            host=host,
            port=port,
            certfile=certfile,
            keyfile=keyfile,
            traces=traces,
            ice_servers=ice_servers(ice_server or (), ice_secret_file, os.environ),
            hosts=tuple(allow_host or ()),
        )
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(options, lambda running: _welcome(console, running, options)))
    except (DemoError, IceOptionsError, SignalingError) as error:
        complain(error)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("\nStopped.")


app.command()(serve)
app.command("known-peers")(known_peers)


@app.command()
def trace(
    file: Annotated[
        Path, typer.Argument(help="Trace of one end (JSON lines), or a folder of HANDFAST_TRACE.")
    ],
    other: Annotated[
        Path | None, typer.Argument(metavar="[FILE2]", help="Trace of the other end.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page there instead.", metavar="OUT")
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Tell each datagram, and what was expected and shown.")
    ] = False,
) -> None:
    """Draw a saved trace as a ladder; with the traces of both ends, both side by side."""
    files = [file] if other is None else [file, other]
    console = Console()
    try:
        ladder = draw(*load(files))
        if html is None:
            console.print(TerminalLadder(ladder, details=details))
        else:
            save(document(ladder), html, read=files)
            console.print(Text(f"{ladder.verdict} The ladder is in {html}."), soft_wrap=True)
    except TraceError as error:
        complain(error)
        raise typer.Exit(1) from None


_Room = Annotated[
    str,
    typer.Argument(
        metavar="ROOM-URL|SIP-URI",
        help=f"wss://host/ws#room, or the address of its page; token in {TOKEN_VARIABLE}."
        " Or sip:who@host, by --sip-server.",
    ),
]
_SipServer = Annotated[
    str | None,
    typer.Option("--sip-server", metavar="URL", help="wss://host, sips:host: for a sip: address."),
]
_SipUser = Annotated[
    str | None,
    typer.Option(
        "--sip-address",
        metavar="ADDRESS",
        help=f"Ours there, sip:you@host; password in {SIP_SECRET_VARIABLE}.",
    ),
]
_SipSecretFile = Annotated[
    Path | None,
    typer.Option("--sip-secret-file", metavar="FILE", help="Or in this file, mode 0600."),
]
_Insecure = Annotated[bool, typer.Option("--insecure", help="Allow ws: to another machine.")]


class RecordFormat(StrEnum):
    """Names of the containers of `handfast record`."""

    MP4 = "mp4"
    WEBM = "webm"
    MKV = "mkv"
    HLS = "hls"
    OGG = "ogg"
    WAV = "wav"
    FLAC = "flac"


@app.command()
def record(
    room: _Room,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=(
                ".webm, .mkv, .mp4, .m3u8, .ogg, or the sound alone as .wav or .flac."
                " One that is there is kept. - for a pipe."
            ),
        ),
    ],
    container: Annotated[
        RecordFormat | None, typer.Option("--format", help="Where the suffix does not tell.")
    ] = None,
    segment: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="TIME", help="Begin the next file then: 10s, 5m."),
    ] = None,
    max_duration: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="TIME", help="End so long after the first frame."),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(metavar="HZ", help="Mono .wav, .flac or .ogg for speech engines.  [16000]"),
    ] = None,
    sidecar: Annotated[
        bool, typer.Option("--sidecar", help="JSON beside each file: when, who, pauses, losses.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Events as JSON lines to standard output.")
    ] = False,
    per_participant: Annotated[
        bool, typer.Option("--per-participant", help="FILE-name for the first one too.")
    ] = False,
    composite: Annotated[
        bool, typer.Option("--composite", help="One picture of all, and one sound.")
    ] = False,
    name: Annotated[str, typer.Option(help="What the others see.")] = "recorder",
    stay: Annotated[
        bool, typer.Option("--stay", help="Wait for others when everybody has left.")
    ] = False,
    certificate: Certificate = None,
    known_peers: KnownPeersFile = None,
    phrases: Annotated[
        bool, typer.Option("--phrases", help="Show a phrase with each, to compare.")
    ] = False,
    insecure: _Insecure = False,
    ice_server: IceServers = None,
    ice_secret_file: IceSecretFile = None,
    sip_server: _SipServer = None,
    sip_address: _SipUser = None,
    sip_secret_file: _SipSecretFile = None,
) -> None:
    """Record who is in a room, or whom we call by SIP, until they leave or Ctrl-C.

    Nothing is encoded anew without need.
    """
    if per_participant and composite:
        raise typer.BadParameter("--per-participant and --composite exclude each other")
    to_pipe = file == STANDARD_OUTPUT
    if to_pipe and (per_participant or as_json):
        other = "--json" if as_json else "--per-participant"
        raise typer.BadParameter(f"- and {other} exclude each other: one stream holds one thing")
    arrangement = Arrangement.FIRST if to_pipe else Arrangement.SEPARATE
    if per_participant:
        arrangement = Arrangement.PER_PARTICIPANT
    console = Console(stderr=to_pipe or as_json)
    progress = ProgressLine(console)
    lines = JsonLines(sys.stdout) if as_json else None
    try:
        options = RecordOptions(
            address=_address(
                room, server=sip_server, address=sip_address, secret_file=sip_secret_file
            ),
            path=file,
            format=None if container is None else container.value,
            segment=segment,
            max_duration=max_duration,
            arrangement=Arrangement.COMPOSITE if composite else arrangement,
            name=name,
            token=os.environ.get(TOKEN_VARIABLE),
            rate=rate,
            sidecar=sidecar,
            stay=stay,
            insecure=insecure,
            ice_servers=ice_servers(ice_server or (), ice_secret_file, os.environ),
            trust=TrustOptions(certificate=certificate, known_peers=known_peers, phrases=phrases),
        )
        session = RecordSession(options, progress.note, lines)
        _run(session.run, session.report.line, progress)
    except (
        AddressError,
        IceOptionsError,
        RecordError,
        SignalingError,
        TrustOptionsError,
    ) as error:
        complain(error)
        raise typer.Exit(1) from None
    finally:
        if lines is not None:
            lines.close()
    for line in session.report.summary():
        console.print(line, soft_wrap=True, markup=False)
    if session.report.failures or not session.report.files:
        raise typer.Exit(1)


@app.command()
def doctor(
    room: Annotated[
        str | None, typer.Argument(metavar="[ROOM-URL]", help="A room server to look at as well.")
    ] = None,
    ice_server: IceServers = None,
    ice_secret_file: IceSecretFile = None,
    room_servers: Annotated[
        bool,
        typer.Option("--room-servers", help="Ask the ICE servers that the room names, too."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead.")] = False,
) -> None:
    """Look for what keeps calls from working here, and say what to do about it.

    Nothing is sent to anybody but the servers that are named. Status 1 where something fails.
    """
    if room_servers and room is None:
        raise typer.BadParameter("--room-servers needs a ROOM-URL")
    try:
        servers = ice_servers(ice_server or (), ice_secret_file, os.environ)
        # The server is looked at, whatever the room.
        address = None if room is None else RoomAddress.parse(room if "#" in room else f"{room}#-")
    except (AddressError, IceOptionsError) as error:
        complain(error)
        raise typer.Exit(1) from None
    options = Examination(
        ice_servers=servers_of(servers, "doctor"),
        room_url=None if address is None else address.url,
        room_servers=room_servers,
    )
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        findings = runner.run(examine(options))
    if as_json:
        typer.echo(json_report(findings))
    else:
        Console().print(as_table(findings))
    if not is_healthy(findings):
        raise typer.Exit(1)


@app.command()
def call(
    room: _Room,
    play: Annotated[
        str,
        typer.Option("--play", metavar="FILE", help="Any that FFmpeg reads, or a live address."),
    ],
    loop: Annotated[bool, typer.Option("--loop", help="Play it again and again.")] = False,
    name: Annotated[str, typer.Option(help="What the other one sees.")] = "player",
    insecure: _Insecure = False,
    ice_server: IceServers = None,
    ice_secret_file: IceSecretFile = None,
    sip_server: _SipServer = None,
    sip_address: _SipUser = None,
    sip_secret_file: _SipSecretFile = None,
) -> None:
    """Call the member of a room that is there or comes first, or somebody by SIP: play a file."""
    console = Console()
    progress = ProgressLine(console)
    try:
        options = PlayOptions(
            address=_address(
                room, server=sip_server, address=sip_address, secret_file=sip_secret_file
            ),
            path=play,
            loop=loop,
            name=name,
            token=os.environ.get(TOKEN_VARIABLE),
            insecure=insecure,
            ice_servers=ice_servers(ice_server or (), ice_secret_file, os.environ),
        )
        session = PlaySession(options, progress.note)
        _run(session.run, session.line, progress)
    except (AddressError, IceOptionsError, PlayError, SignalingError) as error:
        complain(error)
        raise typer.Exit(1) from None
    console.print(session.summary(), soft_wrap=True, markup=False)
    if not session.played:
        raise typer.Exit(1)


def _address(
    text: str, *, server: str | None, address: str | None, secret_file: Path | None
) -> RoomAddress | SipAddress:
    """Parse the address of a room, or of whom to call by SIP."""
    if is_sip(text):
        return SipAddress.of_options(
            text,
            server=server,
            address=address,
            secret_file=secret_file,
            environment=os.environ,
        )
    return RoomAddress.parse(text)


def _run(
    session: Callable[[asyncio.Event], Awaitable[None]],
    line: Callable[[], str],
    progress: ProgressLine,
) -> None:
    """Run a session to its end, asked to stop by the first signal and killed by the second."""

    async def main() -> None:
        stop = asyncio.Event()
        with stopped_by_signals(stop):
            async with progress.showing(line):
                await session(stop)

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(main())
    except KeyboardInterrupt:
        progress.note("Stopped at once.")
        raise typer.Exit(130) from None


async def _serve(options: DemoOptions, on_ready: Callable[[Demo], None]) -> None:
    stop = asyncio.Event()
    # Ctrl-C cancels this coroutine by asyncio.Runner; a service manager sends SIGTERM.
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_demo(options) as running:
        on_ready(running)
        await first_of(stop.wait(), running.ended())


def _welcome(console: Console, running: Demo, options: DemoOptions) -> None:
    console.print()
    console.print(
        Text.assemble("  A Python peer waits for your call at ", (running.url, "bold cyan"))
    )
    console.print()
    console.print("  Open it in a browser and press “Call the Python peer”. Your picture comes")
    console.print("  back with the time and a frame counter on it, your sound as it is.")
    console.print()
    console.print(
        Text.assemble("  People and bots meet in rooms, ", (f"{running.url}room/NAME", "bold cyan"))
    )
    if options.host not in ("127.0.0.1", "localhost", "::1"):
        console.print()
        console.print("  Everybody who can reach this address may call.")
        if options.certfile is None:
            console.print("  From other machines browsers give a camera to https only, which needs")
            console.print("  --certfile and --keyfile; a test picture is sent otherwise.")
    if options.traces is not None:
        console.print()
        saved = f"  Traces are saved in {options.traces}; `handfast trace FILE` draws one."
        console.print(Text(saved), soft_wrap=True)
    console.print()
    console.print(Text("  Ctrl-C stops it.", style="dim"))
    console.print()
