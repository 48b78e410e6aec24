"""Runs baresip, a SIP phone.

::

    async with baresip(folder) as phone:
        answer = await phone.invite(offer.sdp)
        await phone.bye()
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.clock.deadline import DEADLINE
from tests.support.network.free_ports import free_port
from tests.support.network.process_end import kill
from tests.support.peers.sip import HOST, SipDialog
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from tests.support.peers.kamailio import Kamailio

#: Seconds between two looks at the phone's log (ours).
_LOOK = 0.05
_MODULES = ("opus", "g711", "ausine", "aubridge", "fakevideo", "vp8", "ice", "srtp", "dtls_srtp")
_APPLICATIONS = ("account", "menu", "ctrl_tcp")
_ACCOUNT = "<sip:phone@127.0.0.1>;regint=0;answermode=auto"


class Phone(SipDialog):
    """One dialog with the phone, over which either end calls."""

    def __init__(self, log: Path, *, port: int, control: int) -> None:
        super().__init__(port)
        self._log, self._control = log, control

    async def dial(self) -> None:
        """Let the phone call us."""
        await self.command("dial", self.address)

    async def call(self, target: str) -> None:
        """Let the phone call an address, by the proxy that it is registered at."""
        await self.command("dial", target)

    async def hang_up(self) -> None:
        """Let the phone end its call."""
        await self.command("hangup")

    async def command(self, name: str, text: str = "") -> None:
        """Give the phone a command of its menu, as its user would."""
        _, writer = await asyncio.open_connection(HOST, self._control)
        data = json.dumps({"command": name, "params": text})
        writer.write(f"{len(data)}:{data},".encode())
        await writer.drain()
        writer.close()

    async def logs(self, text: str) -> None:
        """Wait until the phone has said something in its log."""
        async with asyncio.timeout(DEADLINE):
            while True:
                if text in self._log.read_text():
                    return
                await asyncio.sleep(_LOOK)


class AnswerMode(StrEnum):
    """What the phone does with calls that come in."""

    AUTO = "auto"
    #: An answer in a 183 that is not reliable (RFC 3262), until `accept` is commanded.
    EARLY = "early"


class MediaMode(StrEnum):
    """What the phone speaks: parameters of its account."""

    WEBRTC = "mediaenc=dtls_srtp;medianat=ice"
    #: What a phone of the telephone world speaks, RTP without keys.
    PLAIN = "mediaenc="
    #: DTLS-SRTP without ICE.
    LATCHING = "mediaenc=dtls_srtp"
    #: SRTP with keys of signalling (SDES), without ICE, as a trunk has it.
    SDES = "mediaenc=srtp-mand"
    #: RTP without keys over ICE.
    PLAIN_ICE = "medianat=ice"


@asynccontextmanager
async def baresip(
    folder: Path, media: MediaMode = MediaMode.WEBRTC, *, mux: bool = True
) -> AsyncIterator[Phone]:
    """Run a phone that answers by itself, and speaks DTLS-SRTP, ICE and rtcp-mux by default."""
    async with _phone(folder, f"{_ACCOUNT};{media}", mux=mux) as phone:
        yield phone


@asynccontextmanager
async def registered_baresip(
    folder: Path,
    proxy: Kamailio,
    *,
    user: str,
    secret: str,
    answers: AnswerMode = AnswerMode.AUTO,
    media: MediaMode = MediaMode.WEBRTC,
    by_tls: bool = False,
) -> AsyncIterator[Phone]:
    """Run a phone that is registered at a proxy, by UDP or by TLS."""
    transport, outbound = ("tls", proxy.tls_uri) if by_tls else ("udp", proxy.udp)
    account = (
        f'<{proxy.aor(user)};transport={transport}>;outbound="{outbound}";regint=600'
        f";auth_user={user};auth_pass={secret};answermode={answers};{media}"
    )
    async with _phone(folder, account) as phone:
        await phone.logs("200 OK (")
        yield phone


@asynccontextmanager
async def _phone(folder: Path, account: str, *, mux: bool = True) -> AsyncIterator[Phone]:
    port, control = free_port(), free_port()
    lines = [
        "poll_method epoll",
        f"rtcp_mux {'yes' if mux else 'no'}",
        f"sip_listen {HOST}:{port}",
        f"ctrl_tcp_listen {HOST}:{control}",
        "audio_player aubridge,x",
        "audio_source ausine,440",
        "audio_alert aubridge,y",
        "video_source fakevideo,x",
        "video_display fakevideo,x",
        "module_path /usr/lib/baresip/modules",
        *(f"module {name}.so" for name in _MODULES),
        *(f"module_app {name}.so" for name in _APPLICATIONS),
    ]
    files = {"config": "\n".join(lines), "accounts": account, "contacts": ""}
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    with (folder / "baresip.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(tool_path("baresip"), "-f", str(folder), "-v"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        loop = asyncio.get_running_loop()
        transport, phone = await loop.create_datagram_endpoint(
            lambda: Phone(folder / "baresip.log", port=port, control=control), local_addr=(HOST, 0)
        )
        try:
            yield phone
        finally:
            transport.close()
    finally:
        kill(process)
        await process.wait()
