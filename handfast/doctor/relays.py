"""Asks each TURN server for a relay, by UDP, TCP or TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from handfast.doctor.certificates import check_certificate
from handfast.doctor.findings import Finding, Severity, Subject
from peer.transport.ice.probing import probe_turn
from peer.transport.ice.servers import ServerFailure, TurnServer, TurnTransportProtocol
from peer.values import replace

if TYPE_CHECKING:
    from peer.times import Seconds

#: What to do about an error code of TURN (RFC 8489 section 14.8, RFC 8656 section 19).
_REMEDIES: Final = {
    401: "Check user and credential; with a secret, that it is coturn's static-auth-secret, and "
    "the clocks of both machines.",
    403: "The server lets this user or this address have no relay: look into its configuration.",
    437: "The server takes this for another allocation of ours: try again in a minute.",
    438: "The server's nonce changes with each request: look at its stale-nonce.",
    441: "Another user has this allocation: try again in a minute.",
    442: "The server relays no UDP: look into its configuration.",
    486: "The user has as many relays as it may: raise user-quota or total-quota of coturn.",
    508: "The server has no relay port left: widen min-port and max-port of coturn.",
}
_UNREACHABLE: Final = (
    "Check that the server runs, listens by {transport} at that port, and that no firewall is "
    "between."
)


async def check_relays(servers: Sequence[TurnServer], *, timeout: Seconds) -> list[Finding]:
    """Ask each TURN server for a relay.

    Args:
        servers: TURN servers that the user named, with our credentials there.
        timeout: Seconds that each step of each server may take.
    """
    if not servers:
        return [
            Finding.note(
                Subject.TURN,
                "No TURN server is named: peers behind strict NATs or firewalls will not "
                "be reached.",
                remedy="Name one: --ice-server turn:HOST, with its secret in the environment "
                "(docs/TURN.md).",
            )
        ]
    found = await asyncio.gather(*(_check(server, timeout) for server in servers))
    findings = [finding for each in found for finding in each]
    if all(server.transport is not TurnTransportProtocol.TLS for server in servers):
        sentence = "No TURN server by TLS is named; some networks let nothing else out."
        remedy = "Name one as well: --ice-server turns:HOST:443?transport=tcp."
        findings.append(Finding.note(Subject.TURN, sentence, remedy=remedy))
    return findings


async def _check(server: TurnServer, timeout: Seconds) -> list[Finding]:
    try:
        async with asyncio.timeout(timeout):
            address = await _address(server)
    except TimeoutError:
        return [_unknown_name(server, f"no answer within {timeout:g} s")]
    except OSError as error:
        return [_unknown_name(server, error.strerror or str(error))]
    if server.transport is TurnTransportProtocol.TLS:
        certificate = await _certificate(server, timeout)
        # Without it there is no TLS, and one cause is told once.
        if any(each.severity is Severity.FAILURE for each in certificate):
            return certificate
        return [*certificate, await _relay(server, address, timeout)]
    # A `turn:` URL without a transport means UDP; that the server has TCP as well helps those
    # whose network lets no UDP out.
    if "transport=" in server.url.lower():
        return [await _relay(server, address, timeout)]
    tcp = replace(server, transport=TurnTransportProtocol.TCP)
    # One after the other: a user may be allowed one relay at a time.
    by_udp = await _relay(server, address, timeout)
    by_tcp = await _relay(tcp, address, timeout)
    if by_tcp.severity is Severity.OK:
        remedy = f"Name it too, for networks without UDP: {server.url}?transport=tcp."
        return [by_udp, replace(by_tcp, remedy=remedy)]
    # The same refusal is told once.
    alike = by_udp.severity is by_tcp.severity and by_udp.remedy == by_tcp.remedy
    return [by_udp] if alike else [by_udp, replace(by_tcp, severity=Severity.NOTE)]


async def _address(server: TurnServer) -> str:
    try:
        return str(ipaddress.ip_address(server.host))
    except ValueError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
        return str(found[0][4][0])


def _unknown_name(server: TurnServer, reason: str) -> Finding:
    sentence = f"The name {server.host} of {server.url} leads nowhere: {reason}."
    return Finding.failure(
        Subject.TURN, sentence, remedy="Check the name, and that the DNS has it."
    )


async def _certificate(server: TurnServer, timeout: Seconds) -> list[Finding]:
    try:
        async with asyncio.timeout(timeout):
            return await check_certificate(server.host, server.port)
    except TimeoutError:
        reason = f"no answer within {timeout:g} s"
    except OSError as error:
        reason = error.strerror or str(error)
    return [relay_finding(server, ServerFailure(server.url, reason))]


async def _relay(server: TurnServer, address: str, timeout: Seconds) -> Finding:
    return relay_finding(server, await probe_turn(server, timeout=timeout), reached_at=address)


def relay_finding(
    server: TurnServer,
    outcome: tuple[str, int] | ServerFailure,
    *,
    reached_at: str = "",
) -> Finding:
    """Say what a TURN server answered. PURE.

    Args:
        server: The server.
        outcome: The relayed address, or why there is none.
        reached_at: IP address of the server, where a relay is given.
    """
    transport = server.transport.upper()
    if isinstance(outcome, ServerFailure):
        remedy = _REMEDIES.get(outcome.code, _UNREACHABLE.format(transport=transport))
        return Finding.failure(
            Subject.TURN,
            f"{server.url} by {transport} gives no relay: {outcome.reason}.",
            remedy=remedy,
        )
    host, port = outcome
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if _is_hidden(host, server=reached_at):
        return Finding.failure(
            Subject.TURN,
            f"{server.url} by {transport} gives the relay {shown}, a private address "
            "that nobody outside reaches.",
            remedy=f"Tell coturn its public address: external-ip={reached_at}.",
        )
    return Finding.ok(
        Subject.TURN,
        f"{server.url} by {transport} gives the relay {shown}.",
    )


def _is_hidden(relayed: str, *, server: str) -> bool:
    return ipaddress.ip_address(server).is_global and not ipaddress.ip_address(relayed).is_global
