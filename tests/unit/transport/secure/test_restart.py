"""A peer that begins DTLS anew on the path that it has, without a description (RFC 6347 4.2.8)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.context import TransportContext
from peer.transport.dtls.new_client import (
    MAX_RANDOMS,
    RESTART_INTERVAL,
    VERIFY_INTERVAL,
    NewClient,
    NewClientGate,
)
from peer.transport.dtls.record_filter import ClientHello, parse_client_hello
from peer.transport.secure.transport import SecureTransport
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import End, Recorder, connect, joined, rtp, until

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT, SERVER = DtlsRole.CLIENT, DtlsRole.SERVER
CONNECTED, CLOSED = DtlsTransportState.CONNECTED, DtlsTransportState.CLOSED
HELLO_VERIFY_REQUEST = 3


def begun_anew(client: End, server: End, certificate: Certificate | None = None) -> End:
    """The client without its state: another transport at the same end of the path."""
    certificate = certificate or client.certificate
    events = Recorder()
    secure = SecureTransport(
        key="0", certificate=certificate, events=events, context=TransportContext()
    )
    secure.attach(client.link, events.handlers)
    server.link.receive = secure.receive
    anew = End(certificate, events, client.link, secure)
    anew.connect(CLIENT, server.fingerprints)
    return anew


async def settled() -> None:
    """Wait until every datagram that is on its way has come, and no timer has fired."""
    for _ in range(20):
        await asyncio.sleep(0)


def sent(end: End) -> int:
    return len(end.link.wire)


def kinds(end: End, since: int) -> list[int]:
    """Types of the handshake messages in clear that an end has sent."""
    return [each[13] for each in end.link.wire[since:] if each[0] == 22 and not any(each[3:5])]


@in_virtual_time
async def test_the_new_association_takes_the_place_of_the_old_one_without_a_change_of_state() -> (
    None
):
    client, server = joined()
    await connect(client, server)
    states = list(server.events.states)
    anew = begun_anew(client, server)
    anew.ice()
    await anew.secure.connected()
    await settled()
    anew.secure.send_rtp(rtp(1))
    server.secure.send_rtp(rtp(2))
    await settled()

    assert server.events.states == states
    assert (server.events.rtp, anew.events.rtp) == ([rtp(1)], [rtp(2)])
    assert server.secure.verified


@in_virtual_time
async def test_the_old_association_serves_until_the_new_one_is_complete() -> None:
    client, server = joined()
    await connect(client, server)
    anew = begun_anew(client, server)
    keep, client.link.tamper = client.link.tamper, lambda d: d
    hold: list[bytes] = []

    def withhold_finished(datagram: bytes) -> bytes:
        if datagram[0] == 22 and datagram[13] == 11:
            hold.append(datagram)
            return bytes(1)
        return keep(datagram)

    client.link.tamper = withhold_finished
    anew.ice()
    await until(lambda: bool(hold), anew.events)
    client.secure.send_rtp(rtp(1))
    server.secure.send_rtp(rtp(2))
    server.link.receive = client.secure.receive
    await settled()

    assert server.events.rtp == [rtp(1)]
    # Sent while the other end listened still.
    assert server.secure.state is CONNECTED
    assert server.secure.send_rtp(rtp(3))
    await settled()
    assert client.events.rtp[-1] == rtp(3)


@in_virtual_time
async def test_another_certificate_changes_nothing() -> None:
    client, server = joined()
    await connect(client, server)
    client.secure.send_rtp(rtp(0))
    await settled()
    anew = begun_anew(client, server, Certificate.generate())
    anew.ice()
    await asyncio.sleep(3.0)
    server.link.receive = client.secure.receive
    client.secure.send_rtp(rtp(1))
    server.secure.send_rtp(rtp(2))
    await settled()

    assert server.secure.state is CONNECTED
    assert server.secure.verified
    assert anew.secure.state is DtlsTransportState.FAILED
    assert (server.events.rtp, client.events.rtp) == ([rtp(0), rtp(1)], [rtp(2)])
    assert server.events.changes == []


@pytest.mark.parametrize("which", ["first", "of the restart", "with the cookie"])
def test_a_replayed_client_hello_costs_no_packet(which: str) -> None:
    @in_virtual_time
    async def run() -> None:
        client, server = joined()
        await connect(client, server)
        first = client.link.wire[0]
        before = sent(client)
        anew = begun_anew(client, server)
        anew.ice()
        await anew.secure.connected()
        await asyncio.sleep(RESTART_INTERVAL)
        without, shown = (d for d in client.link.wire[before:] if parse_client_hello(d))
        replayed = {"first": first, "of the restart": without, "with the cookie": shown}[which]
        packets = sent(server)
        for _ in range(10):
            server.secure.receive(replayed)
            await asyncio.sleep(VERIFY_INTERVAL)

        assert sent(server) == packets

    run()


@in_virtual_time
async def test_forged_client_hellos_are_asked_for_a_cookie_and_begin_nothing() -> None:
    client, server = joined()
    await connect(client, server)
    packets = sent(server)
    hello = bytearray(client.link.wire[0])
    for number in range(100):
        # The random.
        hello[27:31] = number.to_bytes(4)
        server.secure.receive(bytes(hello))

    assert kinds(server, packets) == [HELLO_VERIFY_REQUEST]
    assert sent(server) == packets + 1
    client.secure.send_rtp(rtp(1))
    await settled()
    assert server.events.rtp == [rtp(1)]


@in_virtual_time
async def test_one_restart_is_under_way_at_a_time() -> None:
    client, server = joined()
    await connect(client, server)
    client.link.tamper = lambda d: d if d[13:14] in (b"\1", b"") else bytes(1)
    first = begun_anew(client, server)
    first.ice()
    await asyncio.sleep(VERIFY_INTERVAL)
    number_of_slots = len(server.secure._associations.all)  # noqa: SLF001 - nobody else counts them
    second = begun_anew(client, server)
    second.ice()
    await asyncio.sleep(VERIFY_INTERVAL)

    assert number_of_slots == 2
    assert len(server.secure._associations.all) == 2  # noqa: SLF001 - as above


@in_virtual_time
async def test_a_peer_that_said_goodbye_may_begin_anew() -> None:
    client, server = joined()
    await connect(client, server)
    await client.secure.close()
    await until(lambda: server.secure.state is CLOSED, server.events)
    anew = begun_anew(client, server)
    anew.ice()
    await anew.secure.connected()
    await server.secure.connected()
    anew.secure.send_rtp(rtp(1))
    await settled()

    assert server.events.rtp == [rtp(1)]


@in_virtual_time
async def test_a_transport_that_we_closed_answers_no_client_hello() -> None:
    client, server = joined()
    await connect(client, server)
    await server.secure.close()
    packets = sent(server)
    begun_anew(client, server).ice()
    await asyncio.sleep(1.0)

    assert sent(server) == packets


@in_virtual_time
async def test_a_client_answers_no_client_hello() -> None:
    client, server = joined()
    await connect(client, server)
    packets = sent(client)
    client.secure.receive(client.link.wire[0])
    await settled()

    assert sent(client) == packets
    assert client.secure.state is CONNECTED


@in_virtual_time
async def test_a_rekey_by_description_goes_before_a_restart_that_stands_still() -> None:
    client, server = joined()
    await connect(client, server)
    pass_on: Callable[[bytes], bytes] = client.link.tamper
    client.link.tamper = lambda d: d if d[13:14] in (b"\1", b"") else bytes(1)
    anew = begun_anew(client, server)
    anew.ice()
    await asyncio.sleep(VERIFY_INTERVAL)
    await anew.secure.close()
    client.link.tamper, server.link.receive = pass_on, client.secure.receive
    server.connect(SERVER, client.fingerprints, 1)
    client.connect(CLIENT, server.fingerprints, 1)
    await until(lambda: ("keys switched", 1) in client.events.changes, client.events)
    client.secure.send_rtp(rtp(1))
    await until(lambda: ("rekey completed", 1) in server.events.changes, server.events)

    assert [change[0] for change in server.events.changes].count("rekey failed") == 0


def hello(number: int, cookie: bytes = b"") -> ClientHello:
    return ClientHello(bytes([number]) * 32, cookie)


def test_the_gate_limits_what_it_asks_and_what_it_begins() -> None:
    gate = NewClientGate()

    assert gate.judge(hello(1), 0.0) is NewClient.VERIFY
    assert gate.judge(hello(2), VERIFY_INTERVAL / 2) is NewClient.IGNORE
    assert gate.judge(hello(2), VERIFY_INTERVAL) is NewClient.VERIFY
    assert gate.judge(hello(1, gate.cookie), 1.0) is NewClient.ACCEPT
    # Its cookie is used up, and the client is known.
    assert gate.judge(hello(1, gate.cookie), 9.0) is NewClient.IGNORE
    assert gate.judge(hello(3, gate.cookie), 1.5) is NewClient.IGNORE
    assert gate.judge(hello(3, gate.cookie), 1.0 + RESTART_INTERVAL) is NewClient.ACCEPT


def test_the_gate_remembers_a_bounded_number_of_clients() -> None:
    gate = NewClientGate()
    for number in range(MAX_RANDOMS + 1):
        gate.remember(bytes([number]) * 32)

    assert gate.judge(hello(MAX_RANDOMS), 0.0) is NewClient.IGNORE
    assert gate.judge(hello(0), 0.0) is NewClient.VERIFY
