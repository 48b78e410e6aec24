"""Runs all checks of `handfast doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from handfast.doctor.findings import Finding, Subject
from handfast.doctor.installation import check_codecs, check_openssl, check_versions
from handfast.doctor.names import check_names
from handfast.doctor.network import check_network
from handfast.doctor.relays import check_relays
from handfast.doctor.rooms import RoomReport, check_room
from peer import ConfigurationError
from peer.transport.ice.servers import (
    ParsedServer,
    StunServer,
    TurnServer,
    UnusableServer,
    parse_servers,
)
from peer.values import dataclass
from signaling.ice_servers import usable

if TYPE_CHECKING:
    from peer import IceServer
    from peer.times import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Options of `handfast doctor`.

    Args:
        ice_servers: STUN and TURN servers to ask.
        room_url: WebSocket of a room server to look at; None for none.
        room_servers: Ask the STUN and TURN servers that the room server names, too.
        timeout: Seconds that each question may take.
    """

    ice_servers: tuple[IceServer, ...] = ()
    room_url: str | None = None
    room_servers: bool = False
    timeout: Seconds = 5.0


async def examine(options: Examination) -> list[Finding]:
    """Run every check, with nothing sent to anybody but the servers that the options name."""
    findings = [*check_names(), *check_versions(), *check_openssl(), *check_codecs()]
    room = RoomReport()
    if options.room_url is not None:
        room = await check_room(options.room_url, timeout=options.timeout)
    servers = options.ice_servers
    if options.room_servers:
        servers = (*servers, *usable(room.ice_servers))
    parsed, unusable = _parsed(servers)
    network, relays = await asyncio.gather(
        check_network(
            [each for each in parsed if isinstance(each, StunServer)], timeout=options.timeout
        ),
        check_relays(
            [each for each in parsed if isinstance(each, TurnServer)], timeout=options.timeout
        ),
    )
    return [*findings, *network, *relays, *unusable, *room.findings]


def _parsed(servers: Sequence[IceServer]) -> tuple[Sequence[ParsedServer], list[Finding]]:
    remedy = "Name the server by stun:, turn: or turns: with transport udp or tcp."
    try:
        parsed = parse_servers(servers)
    except ConfigurationError as error:
        return (), [Finding.failure(Subject.TURN, f"{error}.", remedy=remedy)]
    return parsed, [
        Finding.warning(Subject.TURN, f"{each.url} is passed over: {each.reason}.", remedy=remedy)
        for each in parsed
        if isinstance(each, UnusableServer)
    ]
