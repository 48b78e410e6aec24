"""Places of a SIP server: the SRV records of its domain, else its host at the default port.

Of RFC 3263 that is what an SRV lookup gives for the transport that the URL names. There is no NAPTR
lookup: a `sip:` URL without a transport is UDP, and whoever wants TCP or TLS says so.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip.transport.urls import SipServer, SipTransportKind, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dns.asyncresolver import Resolver

_logger = logging.getLogger(__name__)

#: Seconds for a lookup (ours), after which the host is tried itself.
_LOOKUP_TIMEOUT: Final = 5.0
#: Servers of one domain that are tried (ours).
MAX_TARGETS: Final = 8
#: Services of SRV records by transport (RFC 3263 section 4.1); a WebSocket's URL names its host.
_SERVICES: Final = {
    SipTransportKind.UDP: "_sip._udp",
    SipTransportKind.TCP: "_sip._tcp",
    SipTransportKind.TLS: "_sips._tcp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SrvRecord:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    host: str
    port: int


async def locate(server: SipServer, *, resolver: Resolver | None = None) -> list[tuple[str, int]]:
    """Return hosts and ports of a server, in the order in which they are to be tried.

    Args:
        server: The server.
        resolver: Asks the name servers; None asks those of the system.
    """
    itself = [(server.host, server.port or server.kind.default_port)]
    service = _SERVICES.get(server.kind)
    # RFC 3263 section 4.2: an address or a port leaves nothing to be looked up.
    if service is None or server.port or server.is_address or is_loopback(server.host):
        return itself
    records = await _records(f"{service}.{server.host}", resolver)
    return [(each.host, each.port) for each in in_order(records)][:MAX_TARGETS] or itself


def in_order(
    records: Iterable[SrvRecord], choose: Callable[[int], int] = random.randrange
) -> list[SrvRecord]:
    """Return SRV records by priority, and within one at random by weight (RFC 2782).

    Args:
        records: The records.
        choose: Returns a number from 0 up to, but without, its argument.
    """
    waiting = sorted(records, key=lambda each: (each.priority, each.weight))
    ordered = []
    while waiting:
        same = [each for each in waiting if each.priority == waiting[0].priority]
        place = choose(sum(each.weight for each in same) + 1)
        for chosen in same:
            place -= chosen.weight
            if place <= 0:
                break
        ordered.append(chosen)
        waiting.remove(chosen)
    return ordered


async def _records(name: str, resolver: Resolver | None) -> list[SrvRecord]:
    # dnspython comes with aioice; it takes a while to import, and few need it.
    from dns.asyncresolver import Resolver as SystemResolver
    from dns.exception import DNSException

    try:
        answer = await (resolver or SystemResolver()).resolve(name, "SRV", lifetime=_LOOKUP_TIMEOUT)
    except (DNSException, OSError) as error:
        _logger.debug("%s: no SRV records (%s)", name, error)
        return []
    # A target of `.` says that there is no such service; then the host itself is tried.
    return [
        SrvRecord(
            priority=each.priority,
            weight=each.weight,
            host=each.target.to_text(omit_final_dot=True),
            port=each.port,
        )
        for each in answer
        if each.target.to_text() != "."
    ]
