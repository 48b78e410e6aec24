"""Runs linphone, a SIP phone that knows BUNDLE and mids where it answers, and not where it offers.

::

    async with linphone(folder) as phone:
        answer = await phone.invite(offer.sdp)
        await phone.state("StreamsRunning")
        await phone.bye()
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import struct
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.clock.deadline import DEADLINE
from tests.support.network.free_ports import free_port
from tests.support.network.process_end import kill
from tests.support.peers.sip import HOST, SipDialog
from tests.support.project.tools import tool_path

#: Phones in a row that may crash (ours).
_ATTEMPTS = 4
#: Seconds for the phone to end by itself.
_END_TIMEOUT = 2.0
#: The tone that it plays: samples a second, seconds, Hz.
_RATE, _SECONDS, _TONE = 16000, 60, 440
_CONFIGURATION = """
[sip]
sip_port={port}
sip_tcp_port=-1
sip_tls_port=-1
use_ipv6=0
contact="phone" <sip:phone@{host}:{port}>
media_encryption=dtls
auto_net_state_mon=0
[rtp]
rtcp_mux=1
bundle=0
audio_rtp_port=-1
video_rtp_port=-1
avpf_rr_interval=1
[net]
firewall_policy=ice
[video]
enabled=1
capture=1
display=1
automatically_initiate=1
automatically_accept=1
displaytype=MSAnalyseDisplay
show_local=0
"""


class Phone(SipDialog):
    """One dialog with the phone, over which either end calls."""

    def __init__(self, process: asyncio.subprocess.Process, *, tone: Path, port: int) -> None:
        super().__init__(port)
        self._process, self._tone = process, tone
        self._states: asyncio.Queue[str] = asyncio.Queue()

    async def dial(self) -> None:
        """Let the phone call us."""
        await self.command(f"call {self.address}")

    async def command(self, line: str) -> None:
        """Give the phone a command, as its user would."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def speak(self) -> None:
        """Let it play a tone for a minute: it has no microphone here."""
        await self.command(f"incall-player-start {self._tone} 1")

    async def state(self, name: str) -> None:
        """Wait until the call is in a state, such as `StreamsRunning`.

        Raises:
            TimeoutError: It does not come to that.
        """
        async with asyncio.timeout(DEADLINE):
            while await self._states.get() != name:
                pass

    def crash(self) -> asyncio.Task[int]:
        """Wait for the phone to end by itself."""
        return asyncio.create_task(self._process.wait())

    async def listen(self) -> None:
        """Note the states of the call, until the phone ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            _, event, name = line.decode(errors="replace").strip().partition("Event: LinphoneCall")
            if event:
                self._states.put_nowait(name)


async def until_told(folder: Path, story: Callable[[Phone], Awaitable[None]]) -> None:
    """Run a phone and a story with it, once more where the phone crashes.

    linphone 5.1.65 reads a null pointer in one of ten calls in which it bundles a picture.
    """
    for attempt in range(_ATTEMPTS):
        async with linphone(folder / str(attempt)) as phone:
            telling, crash = asyncio.ensure_future(story(phone)), phone.crash()
            try:
                await asyncio.wait({telling, crash}, return_when=asyncio.FIRST_COMPLETED)
                if telling.done():
                    return telling.result()
            finally:
                telling.cancel()
                crash.cancel()
                await asyncio.wait({telling, crash})
    raise AssertionError(f"{_ATTEMPTS} phones in a row crashed")


@asynccontextmanager
async def linphone(folder: Path) -> AsyncIterator[Phone]:
    """Run a phone that answers by itself, and speaks DTLS-SRTP and ICE."""
    port = free_port()
    (folder / ".local/share/linphone").mkdir(parents=True)
    (folder / "linphonerc").write_text(_CONFIGURATION.format(host=HOST, port=port))
    tone = folder / "tone.wav"
    await asyncio.to_thread(_write_tone, tone)
    with (folder / "linphone.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(tool_path("linphone"), "--config", str(folder / "linphonerc")),
            *("--auto-answer", "-C", "-D", "--disable-stats-events"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},
        )
    loop = asyncio.get_running_loop()
    transport, phone = await loop.create_datagram_endpoint(
        lambda: Phone(process, tone=tone, port=port), local_addr=(HOST, 0)
    )
    listening = asyncio.create_task(phone.listen())
    try:
        yield phone
    finally:
        transport.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT):
                await phone.command("quit")
                await process.wait()
        kill(process)
        await process.wait()
        await listening


def _write_tone(path: Path) -> None:
    second = b"".join(
        struct.pack("<h", round(8000 * math.sin(2 * math.pi * _TONE * i / _RATE)))
        for i in range(_RATE)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(second * _SECONDS)
