"""Paths that carry small datagrams only: tunnels, and who drops what would have to be cut."""

from __future__ import annotations

import asyncio

from peer.identity.certificate import Certificate, KeyType
from peer.states import DtlsRole
from peer.transport.dtls.connection import MTU, SMALLER_MTUS
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import End, Link, Party, connect, joined


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
