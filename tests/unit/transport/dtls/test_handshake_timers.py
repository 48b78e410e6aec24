"""Timers of a handshake: its timeout, and the retransmission of its last flight."""

from __future__ import annotations

import asyncio

from peer.errors import DtlsError
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.handshake import FIRST_INTERVAL
from tests.support.links.secure import Party


async def test_a_handshake_without_an_answer_ends_with_a_reason() -> None:
    client = Party.make(DtlsRole.CLIENT, handshake_timeout=0.01)
    ended = asyncio.Event()
    client.events.on_any = lambda: ended.set() if client.association.error else None

    client.association.start()
    await ended.wait()

    assert client.association.state is DtlsTransportState.FAILED
    assert isinstance(client.association.error, DtlsError)
    assert "no answer to our ClientHello within 0.01 s" in str(client.association.error)


async def test_closed_association_has_no_timer_running() -> None:
    client = Party.make(DtlsRole.CLIENT, handshake_timeout=1.5 * FIRST_INTERVAL)
    client.association.start()
    client.association.close()
    client.take()
    later = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(2 * FIRST_INTERVAL, later.set_result, None)

    await later

    assert client.take() == []
    assert client.association.error is None


async def test_a_listening_server_waits_for_as_long_as_the_answer_takes() -> None:
    server = Party.make(DtlsRole.SERVER, handshake_timeout=0.0)
    server.association.start()
    turn = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.01, turn.set_result, None)

    await turn

    assert server.association.state is DtlsTransportState.NEW
