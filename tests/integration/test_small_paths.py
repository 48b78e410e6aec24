"""Paths that carry small datagrams only: tunnels, and who drops what would have to be cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.identity.certificate import Certificate, KeyType
from peer.states import DtlsRole
from peer.transport.dtls.connection import MTU, SMALLER_MTUS
from tests.support.captures.wire import Side
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import End, Link, Party, connect, joined
from tests.support.network.nat_end import Load, nat_end
from tests.support.network.netns import Nat, internet
from tests.support.network.turn import turn_daemon

if TYPE_CHECKING:
    from pathlib import Path

#: Octets of an IP packet, of the narrowest path for which a size of our datagrams stands: less than
#: the 1,228 of ours at first, more than the 576 that every host takes (RFC 791 section 3.1).
NARROW = 1000


def narrow(limit: int) -> Link:
    """A link that loses what is larger."""
    return Link(tamper=lambda datagram: datagram if len(datagram) <= limit else bytes(1))


def largest(end: End) -> int:
    return max(map(len, end.link.wire))


@in_virtual_time
async def test_a_flight_is_sent_in_smaller_datagrams_within_a_second() -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    server.association.start()
    client.association.start()
    for datagram in client.take():
        server.association.receive(datagram)
    first = server.take()
    await asyncio.sleep(1.0)
    copies = server.take()
    server.association.close()
    client.association.close()

    assert max(map(len, first)) > SMALLER_MTUS[0]
    assert max(map(len, copies[-len(first) - 1 :])) <= SMALLER_MTUS[0]
    assert b"".join(first) == b"".join(copies[-2:])


async def test_a_handshake_with_rsa_gets_through_paths_of_any_ipv4() -> None:
    rsa = Certificate.generate(KeyType.RSA_2048), Certificate.generate(KeyType.RSA_2048)

    # Side by side: OpenSSL keeps its own time, of a second and more.
    await asyncio.gather(
        *(
            connect(*joined(narrow(limit), narrow(limit), certificates=rsa))
            for limit in (1100, 700, 548)
        )
    )


async def test_nothing_gets_smaller_where_nothing_is_lost() -> None:
    rsa = Certificate.generate(KeyType.RSA_2048), Certificate.generate(KeyType.RSA_2048)
    client, server = joined(certificates=rsa)

    await connect(client, server)

    assert SMALLER_MTUS[0] < largest(client) <= MTU


@pytest.mark.needs("ip", "nft", "turnserver")
@pytest.mark.xdist_group("nat")
async def test_call_with_rsa_and_pictures_goes_through_a_tunnel_that_drops_large_packets(
    tmp_path: Path,
) -> None:
    with internet(Nat.RESTRICTED, Nat.RESTRICTED) as net:
        net.left.narrow(NARROW)
        async with (
            turn_daemon(tmp_path, place=net.server) as server,
            nat_end(Side.OFFERER, net.left.home, server, Load.PICTURES) as offerer,
            nat_end(Side.ANSWERER, net.right.home, server, Load.PICTURES) as answerer,
        ):
            offer = await offerer.read_line()
            await answerer.write_line(offer)
            await offerer.write_line(await answerer.read_line())
            # Each says so once thirty pictures of the other have been decoded.
            reports = await asyncio.gather(offerer.report(), answerer.report())

    assert [report.verified for report in reports] == [True, True]
    assert reports[1].remote[0] == net.left.address
