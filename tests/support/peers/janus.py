"""Runs Janus, an SFU, on the loopback, and speaks its JSON API over a WebSocket.

::

    async with janus_server(folder) as url, janus_session(url) as session:
        handle = await session.attach("janus.plugin.echotest")
        said = await handle.ask({"audio": True}, offer)
        await pc.setRemoteDescription(said.description)
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from peer import SessionDescription
from tests.support.clock.deadline import DEADLINE
from tests.support.network.free_ports import free_port
from tests.support.network.listening import listening
from tests.support.network.process_end import kill
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_HOST = "127.0.0.1"
#: Seconds between two looks whether Janus takes connections yet (ours).
_LOOK = 0.05
_LIBRARIES = "/usr/lib/*/janus"
_PLUGINS = frozenset({"libjanus_echotest.so", "libjanus_videoroom.so"})
_SIP_PLUGIN = "libjanus_sip.so"
_PROTOCOL = Subprotocol("janus-protocol")
_TRANSPORTS = frozenset({"libjanus_websockets.so"})

Message = dict[str, Any]


class JanusError(Exception):
    """A request that Janus refused, in its own words."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event of a plugin: its data, and the description that came along."""

    data: Message
    description: SessionDescription | None

    @property
    def jsep(self) -> SessionDescription:
        """Return the description that came along, an offer or an answer.

        Raises:
            JanusError: There is none.
        """
        if self.description is None:
            raise JanusError(f"no description came with {self.data}")
        return self.description


class JanusHandle:
    """One plugin handle, which is one peer connection of Janus.

    Attributes:
        number: What Janus calls it.
        up: Done when Janus says that its connection has media.
        hung_up: Why the connection ended, in the words of Janus, when it has.
        told: What the plugin says by itself, such as that somebody calls.
    """

    def __init__(self, session: JanusSession, number: int) -> None:
        self._session = session
        self.number = number
        loop = asyncio.get_running_loop()
        self.hung_up: asyncio.Future[str] = loop.create_future()
        self.told: asyncio.Queue[Said] = asyncio.Queue()
        self.up: asyncio.Future[None] = loop.create_future()

    async def ask(self, body: Message, description: SessionDescription | None = None) -> Said:
        """Send a message to the plugin, and wait for the event that answers it.

        Raises:
            JanusError: The plugin refused it.
        """
        fields: Message = {"handle_id": self.number, "body": body}
        if description is not None:
            fields["jsep"] = {"type": description.type.value, "sdp": description.sdp}
        return _said(await self._session.request("message", **fields))

    async def hang_up(self) -> None:
        """Let Janus close the peer connection."""
        await self._session.request("hangup", handle_id=self.number)

    def note(self, message: Message) -> None:
        """Process one message of Janus that has no transaction of ours."""
        match message["janus"]:
            case "webrtcup" if not self.up.done():
                self.up.set_result(None)
            case "event":
                self.told.put_nowait(_said(message))
            case "hangup" if not self.hung_up.done():
                self.hung_up.set_result(message.get("reason", ""))


class JanusSession:
    """One session over a WebSocket; the handles below it are told apart by number."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count()
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._handles: dict[int, JanusHandle] = {}
        self._number: int | None = None

    async def request(self, what: str, **fields: object) -> Message:
        """Make a request, and wait for its last answer: an `ack` is none.

        Raises:
            JanusError: Janus refused it.
        """
        transaction = f"t{next(self._numbers)}"
        answer = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        number = {} if self._number is None else {"session_id": self._number}
        message = {"janus": what, "transaction": transaction, **number, **fields}
        await self._socket.send(json.dumps(message))
        async with asyncio.timeout(DEADLINE):
            said: Message = await answer
        if said["janus"] == "error":
            raise JanusError(said["error"]["reason"])
        return said

    async def create(self) -> None:
        """Create the session at Janus."""
        self._number = (await self.request("create"))["data"]["id"]

    async def attach(self, plugin: str) -> JanusHandle:
        """Attach a handle to a plugin."""
        number: int = (await self.request("attach", plugin=plugin))["data"]["id"]
        handle = self._handles[number] = JanusHandle(self, number)
        return handle

    async def listen(self) -> None:
        """Pass on messages until the socket closes."""
        with contextlib.suppress(ConnectionClosed):
            async for text in self._socket:
                self._note(json.loads(text))

    def _note(self, message: Message) -> None:
        if message["janus"] == "ack":
            return
        waiting = self._waiting.pop(message.get("transaction", ""), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        elif (handle := self._handles.get(message.get("sender", 0))) is not None:
            handle.note(message)


@asynccontextmanager
async def janus_session(url: str) -> AsyncIterator[JanusSession]:
    """Open a session of Janus, and end it together with its peer connections."""
    async with connect(
        url, subprotocols=[_PROTOCOL], open_timeout=DEADLINE, ping_interval=None
    ) as websocket:
        session = JanusSession(websocket)
        listening = asyncio.create_task(session.listen())
        try:
            await session.create()
            yield session
            await session.request("destroy")
        finally:
            listening.cancel()
            await asyncio.wait([listening])


@asynccontextmanager
async def janus_server(folder: Path, *, has_sip: bool = False) -> AsyncIterator[str]:
    """Run Janus until its WebSocket answers, and give its URL.

    Args:
        folder: Directory for its configuration and its log.
        has_sip: Load the SIP plugin as well.
    """
    port = free_port()
    plugins = _PLUGINS | {_SIP_PLUGIN} if has_sip else _PLUGINS
    for name, text in _configuration(folder, port, plugins).items():
        (folder / name).write_text(text)
    with (folder / "janus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(tool_path("janus"), "-F", str(folder), "-C", str(folder / "janus.jcfg")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        await listening((_HOST, port))
        yield f"ws://{_HOST}:{port}"
    finally:
        kill(process)
        await process.wait()


def _configuration(folder: Path, port: int, plugins: frozenset[str]) -> dict[str, str]:
    """Everything off but the WebSocket and the plugins that the tests call."""
    (libraries,) = map(Path, glob.glob(_LIBRARIES))

    def unused(kind: str, used: frozenset[str]) -> str:
        return ",".join(sorted({path.name for path in (libraries / kind).glob("*.so")} - used))

    main = f"""
        general: {{ configs_folder = "{folder}"; debug_level = 4; session_timeout = 0; }}
        media: {{ rtp_port_range = "40000-49999"; }}
        plugins: {{ disable = "{unused("plugins", plugins)}"; }}
        transports: {{ disable = "{unused("transports", _TRANSPORTS)}"; }}
    """
    socket = f'general: {{ ws = true; wss = false; ws_ip = "{_HOST}"; ws_port = {port}; }}'
    # Without an address of its own it asks for one of an interface, and describes it to phones.
    sip = f'general: {{ local_ip = "{_HOST}"; rtp_port_range = "20000-29999"; }}'
    return {
        "janus.jcfg": main,
        "janus.transport.websockets.jcfg": socket,
        "janus.plugin.sip.jcfg": sip,
    }


def _said(message: Message) -> Said:
    data = message["plugindata"]["data"]
    if "error" in data:
        raise JanusError(data["error"])
    jsep = message.get("jsep")
    if jsep is None:
        return Said(data, None)
    return Said(data, SessionDescription(type=jsep["type"], sdp=jsep["sdp"]))
