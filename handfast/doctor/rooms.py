"""Checks a room server: reachable, its certificate, pages of its own, clock and protocol."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Origin

from handfast.doctor.certificates import expiry_finding, refused_certificate
from handfast.doctor.findings import Finding, Subject
from signaling import ConnectError, InsecureUrlError, MessageError
from signaling.errors import ErrorCode
from signaling.messages import Error, Join, Joined, decode, encode
from signaling.websocket import check_url

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.datastructures import Headers

    from peer.times import Seconds
    from signaling.ice_servers import IceServerEntry

#: Seconds by which two clocks may differ (ours).
_CLOCK_TOLERANCE: Final = 60.0
#: Seconds to wait for the other half of the closing handshake (ours).
_CLOSE_TIMEOUT: Final = 0.5
_FORBIDDEN: Final = 403
_FIREWALL: Final = "Check that the server runs, and that no firewall is between."
_SCHEME: Final = "Check port and scheme: ws or wss."
_PROXY: Final = "A proxy before it has to reach it, and to pass on Upgrade and Connection."
_HTTP_REMEDIES: Final = MappingProxyType(
    {
        _FORBIDDEN: "Look into the log of the server, and of the proxy before it.",
        404: "Check the path: handfast serve has its rooms at /ws.",
    }
)


@dataclass(slots=True)
class RoomReport:
    """Findings about a room server.

    Args:
        findings: The findings.
        ice_servers: STUN and TURN servers that it names to its members.
    """

    findings: list[Finding] = field(default_factory=list)
    ice_servers: tuple[IceServerEntry, ...] = ()


async def check_room(url: str, *, timeout: Seconds) -> RoomReport:
    """Check a room server, in a room of a name that nobody else has.

    Args:
        url: Of its WebSocket.
        timeout: Seconds that each of two connections may take.
    """
    report = RoomReport()
    try:
        check_url(url, trusting=False, insecure=False)
    except InsecureUrlError:
        report.findings.append(
            Finding.warning(
                Subject.ROOM,
                f"{url} is not protected: whoever is on the way can take part in calls.",
                remedy="Serve it as wss, by --certfile or behind a proxy with TLS; the commands "
                "want --insecure.",
            )
        )
    except ConnectError as error:
        remedy = "Write it as wss://host/ws#room."
        report.findings.append(Finding.failure(Subject.ROOM, f"{error}.", remedy=remedy))
        return report
    try:
        await _look_at(url, report, timeout)
    except TimeoutError:
        sentence = f"{url} does not answer within {timeout:g} s."
        report.findings.append(Finding.failure(Subject.ROOM, sentence, remedy=_FIREWALL))
    except ssl.SSLCertVerificationError as error:
        report.findings.append(refused_certificate(urlsplit(url).netloc, error))
    except (OSError, WebSocketException) as error:
        report.findings.append(_unreached(url, error))
    return report


async def _look_at(url: str, report: RoomReport, timeout: Seconds) -> None:
    """Connect as a page of that server does, and where that is refused as a program."""
    parts = urlsplit(url)
    page = f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}"
    try:
        await _visit(url, report, timeout, page=page)
    except InvalidStatus as error:
        if error.response.status_code != _FORBIDDEN:
            raise
        await _visit(url, report, timeout)
        report.findings.append(
            Finding.warning(
                Subject.ROOM,
                f"Pages of {page} may not join rooms of that server: HTTP 403.",
                remedy=f"Start it with --allow-host {parts.hostname}.",
            )
        )


async def _visit(
    url: str, report: RoomReport, timeout: Seconds, *, page: str | None = None
) -> None:
    async with asyncio.timeout(timeout), _websocket(url, page=page) as websocket:
        report.findings.append(Finding.ok(Subject.ROOM, f"{url} is reached."))
        tls = websocket.transport.get_extra_info("ssl_object")
        if tls is not None:
            where = urlsplit(url).netloc
            report.findings.append(expiry_finding(where, tls, now=time.time()))
        if websocket.response is not None:
            report.findings += clock_findings(websocket.response.headers, now=time.time())
        report.findings += await _join(websocket, report)


@contextlib.asynccontextmanager
async def _websocket(url: str, *, page: str | None) -> AsyncIterator[ClientConnection]:
    # Awaited it tries once. No time of its own: the caller has one for all.
    websocket = await open_websocket(
        url,
        origin=None if page is None else Origin(page),
        open_timeout=None,
        close_timeout=_CLOSE_TIMEOUT,
    )
    try:
        yield websocket
    finally:
        await websocket.close()


async def _join(websocket: ClientConnection, report: RoomReport) -> list[Finding]:
    room = f"doctor-{secrets.token_hex(8)}"
    try:
        await websocket.send(encode(Join(room=room, name="doctor")))
        reply = decode(await websocket.recv())
    except (ConnectionClosed, MessageError) as error:
        return [_foreign(str(error))]
    match reply:
        case Joined():
            report.ice_servers = reply.iceServers
            urls = [url for server in reply.iceServers for url in server.urls]
            named = f"and names to members {', '.join(urls)}" if urls else "and names no ICE server"
            return [Finding.ok(Subject.ROOM, f"It lets members in without a token, {named}.")]
        case Error(code=ErrorCode.UNAUTHORIZED | ErrorCode.FORBIDDEN):
            sentence = f"Its rooms want more than a name, a token for example: {reply.reason}."
            return [Finding.note(Subject.ROOM, sentence)]
        case Error(code=ErrorCode.ROOM_FULL | ErrorCode.SERVER_FULL):
            sentence = f"It lets nobody in at present: {reply.reason}."
            remedy = "Wait until somebody leaves, or raise its Limits."
            return [Finding.failure(Subject.ROOM, sentence, remedy=remedy)]
        case Error():
            return [_foreign(f"{reply.code}: {reply.reason}")]
        case _:
            return [_foreign(f"it answers a join with {type(reply).__name__}")]


def clock_findings(headers: Headers, *, now: float) -> list[Finding]:
    """Compare our clock with the Date of an HTTP response. PURE.

    Args:
        headers: Header fields of the response.
        now: Unix time in seconds at which it came.
    """
    try:
        date = email.utils.parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        # Not every server says it (RFC 9110 section 6.6.1).
        return []
    difference = date.timestamp() - now
    if abs(difference) <= _CLOCK_TOLERANCE:
        sentence = "The clock of this machine agrees with that of the room server."
        return [Finding.ok(Subject.CLOCK, sentence)]
    side = "behind" if difference > 0 else "ahead of"
    return [
        Finding.warning(
            Subject.CLOCK,
            f"The clock of this machine is {abs(difference):.0f} s {side} that of the "
            "room server: tokens, TURN credentials and certificates look out of date.",
            remedy="Set both by NTP: timedatectl set-ntp true.",
        )
    ]


def _foreign(reason: str) -> Finding:
    return Finding.failure(
        Subject.ROOM,
        f"What is there does not speak docs/SIGNALING.md: {reason}.",
        remedy="Check the path of the URL: handfast serve has its rooms at /ws.",
    )


def _unreached(url: str, error: OSError | WebSocketException) -> Finding:
    match error:
        case InvalidStatus():
            status = error.response.status_code
            sentence = f"{url} answers with HTTP {status} instead of a WebSocket."
            remedy = _HTTP_REMEDIES.get(status, _PROXY)
        case socket.gaierror():
            sentence = f"The name in {url} leads nowhere: {error.strerror}."
            remedy = "Check the name, and that the DNS has it."
        case ssl.SSLError():
            sentence = f"There is no TLS at {url}: {error.reason or error}."
            remedy = _SCHEME
        case OSError():
            sentence = f"{url} is not reached: {error.strerror or error}."
            remedy = _FIREWALL
        case _:
            sentence = f"{url} is no WebSocket: {error}."
            remedy = _SCHEME
    return Finding.failure(Subject.ROOM, sentence, remedy=remedy)
