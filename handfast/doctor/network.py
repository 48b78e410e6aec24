"""Checks interfaces, STUN servers, and the NAT that they show."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, assert_never

from handfast.doctor.findings import Finding, Subject
from peer import PeerError
from peer.transport.adapters.ice_gathering import LocalInterface, local_interfaces
from peer.transport.ice.nat_mapping import NatMapping, nat_mapping
from peer.transport.ice.probing import StunProbe, probe_stun

if TYPE_CHECKING:
    from peer.times import Seconds
    from peer.transport.ice.probing import SocketSights
    from peer.transport.ice.servers import ServerFailure, StunServer

_BLOCKED: Final = (
    "Check name and port; where the network lets no UDP out, name a TURN server by TCP or TLS: "
    "turns:HOST:443?transport=tcp."
)


async def check_network(servers: Sequence[StunServer], *, timeout: Seconds) -> list[Finding]:
    """Check the interfaces, and what the STUN servers see of them.

    Args:
        servers: STUN servers that the user named; nothing is sent to anybody else.
        timeout: Seconds that each server may take.
    """
    interfaces = local_interfaces()
    try:
        probe = await probe_stun(servers, timeout=timeout)
    except PeerError as error:
        return [
            *_interfaces(interfaces, used=()),
            Finding.failure(
                Subject.INTERFACES,
                f"No UDP socket can be opened: {error}.",
                remedy="Bring a network interface up, or let this program use the network.",
            ),
        ]
    used = [each.local[0] for each in probe.sockets]
    return [*_interfaces(interfaces, used=used), *stun_findings(servers, probe)]


def stun_findings(servers: Sequence[StunServer], probe: StunProbe) -> list[Finding]:
    """Say what STUN servers answered. PURE.

    Args:
        servers: The servers that were asked.
        probe: Their answers.
    """
    if not servers:
        sentence = "No STUN server is named, so that reachability by UDP and NAT do not show."
        remedy = "Name one: --ice-server stun:HOST:3478."
        return [Finding.note(Subject.STUN, sentence, remedy=remedy)]
    findings = [_unanswered(failure) for failure in probe.failures]
    failed = {failure.url for failure in probe.failures}
    if answered := [server.url for server in servers if server.url not in failed]:
        seen = "; ".join(_seen(each) for each in probe.sockets if each.sights)
        sentence = f"{_list(answered)} answered by UDP: {seen}."
        findings.append(Finding.ok(Subject.STUN, sentence))
    return findings + [nat_finding(each) for each in probe.sockets if each.sights]


def nat_finding(seen: SocketSights) -> Finding:
    """Say how the NAT on the way of one local address behaves. PURE."""
    host = seen.local[0]
    match nat_mapping(seen.local, seen.sights):
        case NatMapping.NONE:
            sentence = f"{host} is seen as it is: no NAT on the way."
            return Finding.ok(Subject.NAT, sentence)
        case NatMapping.ENDPOINT_INDEPENDENT:
            sentence = (
                f"The NAT before {host} keeps one public port for all (endpoint-independent "
                "mapping, RFC 4787): most peers reach it directly."
            )
            return Finding.ok(Subject.NAT, sentence)
        case (
            NatMapping.ADDRESS_DEPENDENT
            | NatMapping.ADDRESS_AND_PORT_DEPENDENT
            | NatMapping.DEPENDENT
        ) as mapping:
            return Finding.warning(
                Subject.NAT,
                f"The NAT before {host} takes another public port for another peer "
                f"({mapping.value} mapping, RFC 4787): peers behind strict NATs of their own do "
                "not reach it.",
                remedy="Name a TURN server for those calls: --ice-server turn:HOST.",
            )
        case NatMapping.UNKNOWN:
            sentence = (
                f"There is a NAT before {host}; whether it keeps one public port for all peers "
                "does not show, as that takes servers at two addresses (RFC 5780)."
            )
            remedy = "Name a second STUN server, of another address."
            return Finding.note(Subject.NAT, sentence, remedy=remedy)
        case never:
            assert_never(never)


def _interfaces(interfaces: Sequence[LocalInterface], *, used: Sequence[str]) -> list[Finding]:
    findings: list[Finding] = []
    for interface in interfaces:
        taken = [each for each in interface.addresses if each in used]
        left = [each for each in interface.addresses if each not in used]
        parts = [f"host candidates of {_list(taken)}"] if taken else []
        if left:
            parts.append("none of " + ", ".join(f"{each} ({_why_not(each)})" for each in left))
        sentence = f"Interface {interface.name} gives {'; '.join(parts) or 'no address'}."
        findings.append(Finding.ok(Subject.INTERFACES, sentence))
    if all(ipaddress.ip_address(each).is_loopback for each in used):
        findings.append(
            Finding.warning(
                Subject.INTERFACES,
                "This machine has no address that others reach: calls are with itself.",
                remedy="Connect it to a network; a container needs one too.",
            )
        )
    return findings


def _why_not(address: str) -> str:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback:
        return "loopback"
    return "link-local" if ip.is_link_local else "it cannot be bound"


def _unanswered(failure: ServerFailure) -> Finding:
    return Finding.failure(
        Subject.STUN,
        f"{failure.url} does not serve: {failure.reason}.",
        remedy=_BLOCKED,
    )


def _seen(socket: SocketSights) -> str:
    mapped = list(dict.fromkeys(_shown(*sight.mapped) for sight in socket.sights))
    return f"{_shown(*socket.local)} is seen as {_list(mapped)}"


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _list(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
