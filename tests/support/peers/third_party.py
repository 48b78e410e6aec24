"""Third-party peers that tests drive by the lines of tests/interop/programs/README.md.

::

    async with open_stage("pion") as open_peer, open_peer() as peer:
        await peer.tell("offer")
        offer = (await peer.hear("description"))["description"]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, assert_never

from tests.support.browser.browsers import open_browser
from tests.support.clock.deadline import DEADLINE
from tests.support.network.process_end import kill
from tests.support.project.tools import (
    GOPATH,
    NODE_MODULES,
    PYTHON_3_12_MODULES,
    PYTHON_MODULES,
    ROOT,
    SYSTEM_PYTHON,
    tool_path,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
    from pathlib import Path

    from tests.support.browser.browsing import Page

PROGRAMS = ROOT / "tests" / "interop" / "programs"

#: Seconds that a program has to end by itself, before it is killed.
_END_TIMEOUT = 2.0
# All of Pion, where nothing is in Go's cache yet, beside other tests.
_BUILD_TIMEOUT = 240.0
# Lines of a program's standard error that are worth repeating.
_LAST_WORDS = 5
_PATH = os.environ.get("PATH", os.defpath)
_PION_PACKAGE = "golang-github-pion-webrtc.v3-dev"
# A description with its candidates is some 10 KiB.
_LINE_LIMIT = 1 << 20
# What a page evaluates, in this order.
_PAGE_PROGRAMS = ("arrivals.js", "browser.js", "w3c.js")

Line = dict[str, Any]


class ThirdParty(StrEnum):
    """Names of the third-party peers in `tests.support.project.tools`."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"
    WRTC = "wrtc"
    LIBDATACHANNEL = "libdatachannel"
    PION = "pion"
    WEBRTCBIN = "webrtcbin"
    WERIFT = "werift"
    PYTHON_WEBRTC = "python_webrtc"


class ThirdPartyError(Exception):
    """A third-party peer refused a command, in its own words, or is gone."""


class ThirdPartyPeer:
    """A third-party peer with one connection.

    Attributes:
        version: Version of its stack.
        on_candidate: Called with each candidate that it gathers.
    """

    def __init__(self, write: Callable[[Line], Awaitable[None]]) -> None:
        self._write = write
        self._said: asyncio.Queue[Line] = asyncio.Queue()
        self.version = "unknown"
        self.on_candidate: Callable[[Line], None] = lambda _: None

    def note(self, line: Line) -> None:
        """Process one line of the peer."""
        if line["say"] == "candidate":
            self.on_candidate(line["candidate"])
        else:
            self._said.put_nowait(line)

    async def tell(self, command: str, **fields: object) -> None:
        """Send one command to the peer."""
        await self._write({"do": command, **fields})

    async def hear(self, what: str) -> Line:
        """Wait for the next line of one kind from the peer.

        Raises:
            ThirdPartyError: The peer reports a failure.
            TimeoutError: The peer sends no such line.
        """
        async with asyncio.timeout(DEADLINE):
            while True:
                line = await self._said.get()
                if line["say"] == "error":
                    raise ThirdPartyError(line["text"])
                if line["say"] == what:
                    return line


OpenPeer = Callable[[], AbstractAsyncContextManager[ThirdPartyPeer]]


def open_stage(name: ThirdParty) -> AbstractAsyncContextManager[OpenPeer]:
    """Prepare a browser or a program, and give a function that starts a peer in it."""
    match name:
        case ThirdParty.CHROMIUM | ThirdParty.FIREFOX:
            return _browser_stage(name)
        case ThirdParty.WRTC | ThirdParty.LIBDATACHANNEL | ThirdParty.WERIFT:
            program = (tool_path("node"), str(PROGRAMS / f"{name}.js"))
            return _program_stage(program, {"NODE_PATH": str(NODE_MODULES)})
        case ThirdParty.PYTHON_WEBRTC:
            return python_webrtc_stage()
        case ThirdParty.PION:
            return _pion_stage()
        case ThirdParty.WEBRTCBIN:
            return _program_stage((SYSTEM_PYTHON, str(PROGRAMS / "webrtcbin.py")))
        case _:
            assert_never(name)


def python_webrtc_stage(
    field_trials: Mapping[str, str] = MappingProxyType({}),
) -> AbstractAsyncContextManager[OpenPeer]:
    """Prepare libwebrtc in Python, with experiments of libwebrtc that are off by default.

    Args:
        field_trials: Names of the experiments and their groups, such as "Enabled".
    """
    trials = "".join(f"{name}/{group}/" for name, group in field_trials.items())
    program = (sys.executable, str(PROGRAMS / "python_webrtc.py"))
    environment = {"PYTHONPATH": str(PYTHON_MODULES), "WRTC_ALLOW_LOOPBACK": "1"}
    return _program_stage(program, environment | {"WRTC_FIELD_TRIALS": trials})


def aiolibdatachannel_stage() -> AbstractAsyncContextManager[OpenPeer]:
    """Prepare libdatachannel in Python, which has data channels alone."""
    program = (tool_path("aiolibdatachannel"), str(PROGRAMS / "data_channels.py"))
    return _program_stage(program, {"PYTHONPATH": str(PYTHON_3_12_MODULES)})


@asynccontextmanager
async def _program_stage(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> AsyncIterator[OpenPeer]:
    yield lambda: _program(command, environment or {})


@asynccontextmanager
async def _pion_stage() -> AsyncIterator[OpenPeer]:
    sources = sorted((PROGRAMS / "pion").glob("*.go"))
    async with _program_stage((str(await compiled_with_pion("pion", sources)),)) as open_peer:
        yield open_peer


async def compiled_with_pion(name: str, sources: Sequence[Path]) -> Path:
    """Compile a program on Pion, leaving it to Go's own cache which parts are stale.

    Args:
        name: Name of the program.
        sources: Its files.

    Raises:
        ThirdPartyError: It does not compile.
    """
    folder = ROOT / ".cache" / "go"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    version = await _output("dpkg-query", "-W", "-f", "${Version}", _PION_PACKAGE)
    await _output(
        *(tool_path("pion"), "build", "-o", str(program)),
        *("-ldflags", f"-X main.version={version}"),
        *map(str, sources),
        GO111MODULE="off",
        GOPATH=str(GOPATH),
        GOCACHE=str(folder / "cache"),
        CGO_ENABLED="0",
    )
    return program


async def _output(*command: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": _PATH, **environment},
    )
    try:
        async with asyncio.timeout(_BUILD_TIMEOUT):
            output, complaints = await process.communicate()
    except BaseException:
        kill(process)
        await process.wait()
        raise
    if process.returncode != 0:
        raise ThirdPartyError(f"{command[0]}: {complaints.decode(errors='replace')}")
    return output.decode()


@asynccontextmanager
async def _program(
    command: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[ThirdPartyPeer]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        env={"PATH": _PATH, **environment},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr

    async def write(line: Line) -> None:
        # One that ended says so in what it is heard to say.
        with contextlib.suppress(ConnectionError):
            stdin.write(json.dumps(line).encode() + b"\n")
            await stdin.drain()

    peer = ThirdPartyPeer(write)
    last_words: deque[bytes] = deque(maxlen=_LAST_WORDS)

    async def complaints() -> None:
        # To the end, so that no program waits for a full pipe.
        async for line in stderr:
            last_words.append(line)

    async def read() -> None:
        async for line in stdout:
            peer.note(json.loads(line))
        await complaining
        words = b"".join(last_words).decode(errors="replace")
        peer.note({"say": "error", "text": f"the program ended: {words}"})

    complaining = asyncio.create_task(complaints())
    reading = asyncio.create_task(read())
    try:
        peer.version = (await peer.hear("ready"))["version"]
        yield peer
    finally:
        stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT):
                await process.wait()
        kill(process)
        await process.wait()
        await reading


@asynccontextmanager
async def _browser_stage(name: ThirdParty) -> AsyncIterator[OpenPeer]:
    async with open_browser(name.value) as browser:

        @asynccontextmanager
        async def open_peer() -> AsyncIterator[ThirdPartyPeer]:
            async with _page_peer(await browser.open("data:text/html,<title>peer</title>")) as peer:
                yield peer

        yield open_peer


@asynccontextmanager
async def _page_peer(page: Page) -> AsyncIterator[ThirdPartyPeer]:
    for name in _PAGE_PROGRAMS:
        source = (PROGRAMS / name).read_text()
        # Called by another name, it defines what the page has, not what this call has.
        await page.evaluate(f"void (0, eval)({json.dumps(source)})")
    await page.evaluate(
        """void (() => {
            globalThis.said = [];
            const say = (what, fields) => said.push({ say: what, ...fields });
            globalThis.obey = w3cPeer(browserStack, say);
        })()"""
    )

    async def write(line: Line) -> None:
        order = f"obey({json.dumps(line)})"
        note = "(error) => void said.push({ say: 'error', text: String(error) })"
        await page.evaluate(f"{order}.then(() => {{}}, {note})")

    async def listen() -> None:
        while True:
            for said in await page.wait_for("said.length > 0 && said.splice(0)"):
                peer.note(said)

    peer = ThirdPartyPeer(write)
    peer.version = await page.evaluate(
        "navigator.userAgent.match(/(?:Chrome|Firefox).([\\d.]+)/)[1]"
    )
    listener = asyncio.create_task(listen())
    try:
        yield peer
    finally:
        listener.cancel()
        await asyncio.wait([listener])
        await page.close()
