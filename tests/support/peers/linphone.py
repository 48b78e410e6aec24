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
from tests.support.peers.kamailio import DOMAIN, Kamailio
from tests.support.peers.sip import HOST, SipDialog
from tests.support.project.tools import tool_path

#: Phones in a row that may crash (ours).
_ATTEMPTS = 4
#: Seconds between two looks whether it is registered (ours).
_LOOK = 0.1
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
media_encryption={encryption}
auto_net_state_mon=0
[rtp]
rtcp_mux=1
bundle=0
audio_rtp_port=-1
video_rtp_port=-1
avpf_rr_interval=1
[net]
firewall_policy={policy}
[video]
enabled=1
capture=1
display=1
automatically_initiate=1
automatically_accept=1
displaytype=MSAnalyseDisplay
show_local=0
"""
_REGISTRATION = """
[auth_info_0]
username={user}
passwd={secret}
realm={domain}
[proxy_0]
reg_proxy=<{proxy}>
reg_route=<{proxy}>
reg_identity=<{address}>
reg_expires=600
reg_sendregister=1
publish=0
"""


class Phone(SipDialog):
    """One dialog with the phone, over which either end calls."""

    def __init__(self, process: asyncio.subprocess.Process, *, tone: Path, port: int) -> None:
        super().__init__(port)
        self._process, self._tone = process, tone
        self._states: asyncio.Queue[str] = asyncio.Queue()
        self._registered = asyncio.Event()

    async def dial(self) -> None:
        """Let the phone call us."""
        await self.command(f"call {self.address}")

    async def call(self, target: str) -> None:
        """Let the phone call an address, by the proxy that it is registered at."""
        await self.command(f"call {target}")

    async def hang_up(self) -> None:
        """Let the phone end its call."""
        await self.command("terminate")

    async def registered(self) -> None:
        """Wait until a proxy has taken the registration of the phone."""
        async with asyncio.timeout(DEADLINE):
            while not self._registered.is_set():
                await self.command("register-status ALL")
                await asyncio.sleep(_LOOK)

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
            text = line.decode(errors="replace").strip()
            if text == "State: LinphoneRegistrationOk":
                self._registered.set()
            _, event, name = text.partition("Event: LinphoneCall")
            if event:
                self._states.put_nowait(name)


async def until_told(
    folder: Path,
    story: Callable[[Phone], Awaitable[None]],
    *,
    encryption: str = "dtls",
    policy: str = "ice",
) -> None:
    """Run a phone and a story with it, once more where the phone crashes.

    linphone 5.1.65 reads a null pointer in one of ten calls in which it bundles a picture.

    Args:
        folder: Its home.
        story: What happens.
        encryption: The phone's `media_encryption`: `none`, `srtp` (which is SDES) or `dtls`.
        policy: Its `firewall_policy`: `ice` or `none`.
    """
    for attempt in range(_ATTEMPTS):
        async with linphone(folder / str(attempt), encryption=encryption, policy=policy) as phone:
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
async def linphone(
    folder: Path, *, encryption: str = "dtls", policy: str = "ice"
) -> AsyncIterator[Phone]:
    """Run a phone that answers by itself, and speaks DTLS-SRTP and ICE by default."""
    port = free_port()
    configuration = _CONFIGURATION.format(
        host=HOST, port=port, encryption=encryption, policy=policy
    )
    async with _phone(folder, port, configuration) as phone:
        yield phone


@asynccontextmanager
async def registered_linphone(
    folder: Path,
    proxy: Kamailio,
    *,
    user: str,
    secret: str,
    is_early: bool = False,
    by_sdes: bool = False,
) -> AsyncIterator[Phone]:
    """Run a phone that is registered at a proxy, by UDP, or by TLS for keys of signalling.

    Args:
        folder: Directory for what it writes.
        proxy: The proxy.
        user: Name of its address there.
        secret: Password of the user.
        is_early: It speaks DTLS-SRTP and ICE, and answers in a 183 only; otherwise it speaks plain
            RTP, and accepts each call.
        by_sdes: It speaks SRTP with keys of signalling, over TLS, whose certificate it does not
            check.
    """
    port = free_port()
    speaks = ("dtls", "ice") if is_early else ("srtp" if by_sdes else "none", "none")
    plain = _CONFIGURATION.format(host=HOST, port=port, encryption=speaks[0], policy=speaks[1])
    early = f"incoming_calls_early_media={int(is_early)}"
    early += "\nverify_server_certs=0\nverify_server_cn=0" if by_sdes else ""
    plain = plain.replace("auto_net_state_mon=0", f"auto_net_state_mon=1\ndefault_proxy=0\n{early}")
    registration = _REGISTRATION.format(
        user=user,
        secret=secret,
        domain=DOMAIN,
        proxy=proxy.tls_uri if by_sdes else proxy.udp,
        address=proxy.aor(user),
    )
    async with _phone(folder, port, plain + registration, accepts=not is_early) as phone:
        await phone.registered()
        yield phone


@asynccontextmanager
async def _phone(
    folder: Path, port: int, configuration: str, *, accepts: bool = True
) -> AsyncIterator[Phone]:
    (folder / ".local/share/linphone").mkdir(parents=True)
    (folder / "linphonerc").write_text(configuration)
    tone = folder / "tone.wav"
    await asyncio.to_thread(_write_tone, tone)
    with (folder / "linphone.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(tool_path("linphone"), "--config", str(folder / "linphonerc")),
            *(["--auto-answer"] if accepts else []),
            *("-C", "-D", "--disable-stats-events"),
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
