"""Runs Kamailio, a SIP proxy and registrar over UDP, TCP, TLS and WebSockets, on the loopback.

::

    async with kamailio(folder, users={"bot": "secret"}) as proxy:
        async with sip.register(proxy.ws, proxy.aor("bot"), "secret") as phone:
            ...

Contacts that register under one name ring together (parallel forking). Requests within a dialog
pass the proxy as well (Record-Route).
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.support.network.certificate import write_certificate
from tests.support.network.free_ports import free_run
from tests.support.network.listening import listening
from tests.support.project.tools import tool_path

HOST = "127.0.0.1"
#: The domain of all addresses of record; no name server knows it.
DOMAIN = "sip.handfast.test"
_ROUTES = Path(__file__).with_name("kamailio_routes.cfg")
_MODULES = "/usr/lib/*/kamailio/modules"
#: Seconds for its processes to end by themselves (ours).
_END_TIMEOUT = 3.0


class DigestAlgorithm(StrEnum):
    """Hash of the challenges: phones of the world know MD5 only."""

    MD5 = "MD5"
    SHA256 = "SHA-256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kamailio:
    """A Kamailio that runs.

    Attributes:
        port: UDP, TCP and WebSockets without TLS.
        tls_port: TLS and WebSockets over TLS.
        authority: File of the authority that its certificate is signed by.
        log: What it says.
    """

    port: int
    tls_port: int
    authority: Path
    log: Path

    @property
    def ws(self) -> str:
        """URL of the WebSocket without TLS."""
        return f"ws://{HOST}:{self.port}"

    @property
    def wss(self) -> str:
        """URL of the WebSocket over TLS."""
        return f"wss://{HOST}:{self.tls_port}"

    @property
    def udp(self) -> str:
        """SIP URI of the proxy by UDP."""
        return f"sip:{HOST}:{self.port};transport=udp"

    @property
    def tcp(self) -> str:
        """SIP URI of the proxy by TCP."""
        return f"sip:{HOST}:{self.port};transport=tcp"

    @property
    def tls(self) -> str:
        """SIP URI of the proxy by TLS."""
        return f"sips:{HOST}:{self.tls_port}"

    @property
    def tls_uri(self) -> str:
        """SIP URI of the proxy by TLS, as phones want it: its name stands in the certificate."""
        return f"sip:{HOST}:{self.tls_port};transport=tls"

    def aor(self, user: str) -> str:
        """Return the address of record of a user."""
        return f"sip:{user}@{DOMAIN}"


@asynccontextmanager
async def kamailio(
    folder: Path,
    *,
    users: Mapping[str, str],
    digest: DigestAlgorithm = DigestAlgorithm.MD5,
    rtpengine_port: int | None = None,
    phones_by_sdes: bool = False,
    fingerprint: str | None = None,
) -> AsyncIterator[Kamailio]:
    """Run Kamailio until it takes connections.

    Args:
        folder: Directory for its configuration, certificate and log.
        users: Who may register and call, with secrets; an address may register more than once.
        digest: Hash of its challenges.
        rtpengine_port: Where an rtpengine takes commands, through which all calls then go; media is
            not touched where None.
        phones_by_sdes: Let rtpengine speak SRTP with keys of signalling to phones, not plain RTP.
        fingerprint: One that the proxy writes into all descriptions, as one in the middle does.
    """
    port, tls_port = free_run(2)
    certificate, key = await asyncio.to_thread(write_certificate, folder, names=(DOMAIN,))
    (folder / "kamailio.cfg").write_text(
        _listening(port, tls_port)
        + ("#!define PHONES_BY_SDES\n" if phones_by_sdes else "")
        + _modules(digest, rtpengine_port)
        + _routes(users, fingerprint)
    )
    (folder / "tls.cfg").write_text(
        f"[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\n"
        f"certificate = {certificate}\nprivate_key = {key}\n"
    )
    log = folder / "kamailio.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(tool_path("kamailio"), "-DD", "-E", "-e", "-m", "32", "-M", "4"),
            *("-f", str(folder / "kamailio.cfg"), "-Y", str(folder)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            # A group of its own, so that its children can be ended with it by its id.
            start_new_session=True,
        )
    try:
        await listening((HOST, port))
        await listening((HOST, tls_port))
        yield Kamailio(port=port, tls_port=tls_port, authority=certificate, log=log)
    finally:
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT):
                os.killpg(process.pid, signal.SIGTERM)
                await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _listening(port: int, tls_port: int) -> str:
    (modules,) = glob.glob(_MODULES)
    return f"""#!KAMAILIO
debug = 1
log_stderror = yes
children = 1
tcp_children = 1
auto_aliases = no
dns = no
rev_dns = no
enable_tls = yes
tcp_accept_no_cl = yes
tcp_connection_lifetime = 3600
listen = udp:{HOST}:{port}
listen = tcp:{HOST}:{port}
listen = tls:{HOST}:{tls_port}
alias = {DOMAIN}
mpath = "{modules}/"
"""


def _modules(digest: DigestAlgorithm, rtpengine_port: int | None) -> str:
    names = [
        *("kex", "corex", "tm", "tmx", "sl", "rr", "pv", "maxfwd", "textops", "siputils"),
        *("xlog", "usrloc", "registrar", "auth", "nathelper", "tls", "xhttp", "websocket"),
    ]
    parameters = [
        ("auth", "algorithm", f'"{digest}"'),
        ("auth", "qop", '"auth"'),
        ("nathelper", "received_avp", '"$avp(received)"'),
        ("registrar", "received_avp", '"$avp(received)"'),
        ("registrar", "max_contacts", "8"),
        ("registrar", "min_expires", "1"),
        ("rr", "enable_full_lr", "1"),
        ("tls", "config", '"tls.cfg"'),
        ("tm", "fr_inv_timer", "60000"),
        ("usrloc", "db_mode", "0"),
    ]
    text = ""
    if rtpengine_port is not None:
        names.append("rtpengine")
        parameters.append(("rtpengine", "rtpengine_sock", f'"udp:{HOST}:{rtpengine_port}"'))
        text = "#!define WITH_RTPENGINE\n"
    loads = [f'loadmodule "{name}.so"' for name in names]
    settings = [f'modparam("{module}", "{name}", {value})' for module, name, value in parameters]
    return text + "\n".join([*loads, *settings]) + "\n"


def _routes(users: Mapping[str, str], fingerprint: str | None) -> str:
    secrets = "\n".join(
        f'    if ($au == "{user}") {{ $var(secret) = "{secret}"; }}'
        for user, secret in users.items()
    )
    routes = _ROUTES.read_text().replace("@SECRETS@", secrets)
    if fingerprint is None:
        return routes
    return "#!define WITH_REWRITING\n" + routes.replace("@FINGERPRINT@", fingerprint)
