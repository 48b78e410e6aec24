"""Runs sipp, which makes many SIP calls through a proxy, each with one offer and without media.

::

    await sipp_calls(folder, proxy, user="ann", secret="secret", to="bot", calls=200, at_once=1)
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.network.process_end import kill
from tests.support.peers.kamailio import DOMAIN, HOST
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from tests.support.peers.kamailio import Kamailio

_SCENARIO = Path(__file__).with_name("sipp_caller.xml")
#: Offer of each call: audio of WebRTC, at an address where nobody answers.
_SDP = "\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 [local_ip]",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=rtcp-mux",
        "a=sendrecv",
        "a=rtpmap:0 PCMU/8000",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "a=setup:actpass",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
    ]
)
#: Seconds after which a run is given up: it ends a test that hangs and judges nothing.
_TIMEOUT = 500


class SippError(Exception):
    """Calls of sipp failed; its message has the end of what sipp said."""


async def sipp_calls(
    folder: Path,
    proxy: Kamailio,
    *,
    user: str,
    secret: str,
    to: str,
    calls: int,
    at_once: int,
) -> None:
    """Make calls by sipp over UDP, and return once each was accepted and has ended.

    Args:
        folder: Directory for its scenario and its errors.
        proxy: The proxy that it calls through.
        user: The user that calls.
        secret: That user's secret.
        to: The user that is called.
        calls: Number of calls.
        at_once: Calls at a time, at most.

    Raises:
        SippError: A call failed.
    """
    texts = {
        "DOMAIN": DOMAIN,
        "USER": user,
        "SECRET": secret,
        "SDP": "\n".join(f"    {line}" for line in _SDP.splitlines()),
    }
    scenario = _SCENARIO.read_text()
    for name, text in texts.items():
        scenario = scenario.replace(f"@{name}@", text)
    file = folder / "caller.xml"
    file.write_text(scenario)
    errors = folder / "sipp-errors.log"
    process = await asyncio.create_subprocess_exec(
        *(tool_path("sipp"), f"{HOST}:{proxy.port}", "-sf", str(file), "-i", HOST, "-s", to),
        *("-m", str(calls), "-l", str(at_once), "-r", str(max(10, at_once)), "-nostdin"),
        *("-trace_err", "-error_file", str(errors), "-timeout", f"{_TIMEOUT}s", "-timeout_error"),
        *("-recv_timeout", f"{_TIMEOUT // 2}s", "-default_behaviors", "all,-bye"),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            kill(process)
            await process.wait()
    if process.returncode != 0:
        said = errors.read_text() if errors.exists() else output.decode("utf-8", "replace")
        raise SippError(f"sipp ended with {process.returncode}: {said[-4000:]}")
