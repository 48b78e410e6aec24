"""Calls without ICE over a captured wire, and clients that shake hands from elsewhere."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from peer import AnswerRole
from peer.states import DtlsRole
from peer.transport.dtls.connection import DtlsConnection
from tests.support.captures.captured_call import Call, call
from tests.support.captures.wire import Side
from tests.support.negotiation.connections import both_connected, local, loopback
from tests.support.negotiation.without_ice import without_ice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer import PeerConnection, SessionDescription
    from peer.identity.certificate import Certificate
    from peer.transport.ice.latching import LatchingPath
    from tests.support.captures.wire import Address, ThirdParty


#: First octets of DTLS (RFC 7983 section 7), and of an alert in clear.
_DTLS, _ALERT = range(20, 64), 21


def destination(description: SessionDescription) -> Address:
    """Where the first m-section receives, by its `c=` and `m=` lines."""
    port = re.search(r"m=\w+ (\d+) ", description.sdp)
    address = re.search(r"c=IN IP4 (\S+)", description.sdp)
    assert port is not None
    assert address is not None
    return address[1], int(port[1])


def latching(pc: PeerConnection) -> LatchingPath:
    """The path of a connection's first transport, which has no ICE."""
    (transport, *_) = pc._core.executor.transports.values()  # noqa: SLF001 - nobody else needs it
    path = transport.ice.latching
    assert path is not None
    return path


async def exchange(at: Call) -> None:
    """Exchange offer and answer of ends that write no ICE, each with the wire's address in it."""
    await at.offerer.setLocalDescription()
    await at.wire.offer(local(at.offerer))
    (path,) = at.wire.paths
    host, port = path.faces[Side.ANSWERER].get_extra_info("sockname")
    offer = without_ice(local(at.offerer), address=host, port=port)
    await at.answerer.setRemoteDescription(offer)
    await at.answerer.setLocalDescription()
    path.homes.setdefault(Side.ANSWERER, destination(local(at.answerer)))
    host, port = path.faces[Side.OFFERER].get_extra_info("sockname")
    answer = without_ice(local(at.answerer), address=host, port=port)
    await at.offerer.setRemoteDescription(answer)


async def connect(at: Call) -> None:
    """Exchange offer and answer, and wait until both ends are connected."""
    await exchange(at)
    await both_connected(at.offerer, at.answerer)


@asynccontextmanager
async def call_without_ice(
    *, answer_role: AnswerRole = AnswerRole.ACTIVE, certificate: Certificate | None = None
) -> AsyncIterator[Call]:
    """Two connections, neither of which will write ICE.

    Args:
        answer_role: The DTLS role of the answerer; the client's peer is the one that latches.
        certificate: That of the answerer.
    """
    left = loopback(bundlePolicy="max-bundle", ice="optional")
    right = replace(left, answer_role=answer_role)
    if certificate is not None:
        right = replace(right, certificates=(certificate,))
    async with call(left, right) as at:
        yield at


async def answered(elsewhere: ThirdParty, fits: Callable[[bytes], bool] = bool) -> None:
    """Wait until a datagram that fits has come back to a third party."""
    await elsewhere.until(lambda: any(map(fits, elsewhere.answers)))


def _has_more_than(elsewhere: ThirdParty, taken: int) -> bool:
    return len(elsewhere.answers) > taken


async def shake_hands(elsewhere: ThirdParty, certificate: Certificate, server: Address) -> bool:
    """Shake hands with a server from an address of one's own, as a whole client.

    Args:
        elsewhere: The socket.
        certificate: What the client shows.
        server: Where it calls.

    Returns:
        True where the handshake is complete for the client.
    """
    connection = DtlsConnection(certificate, DtlsRole.CLIENT)
    taken = 0
    while not connection.handshake():
        for datagram in connection.datagrams():
            elsewhere.send(datagram, server)
        await elsewhere.until(partial(_has_more_than, elsewhere, taken))
        for datagram in elsewhere.answers[taken:]:
            if datagram[0] == _ALERT:
                return False
            if datagram[0] in _DTLS:
                connection.feed(datagram)
        taken = len(elsewhere.answers)
    for datagram in connection.datagrams():
        elsewhere.send(datagram, server)
    return True
