from __future__ import annotations

import asyncio

import pytest

from peer.errors import DtlsError, InvalidStateError
from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState, IceTransportState
from peer.transport.secure.transport import SecureTransport
from tests.support.links.secure import End, connect, joined, rtcp, rtp, start, until

CONNECTED = DtlsTransportState.CONNECTED
CLOSED = DtlsTransportState.CLOSED


@pytest.mark.parametrize("first_is_client", [False, True])
async def test_either_end_can_be_the_dtls_client(first_is_client: bool) -> None:
    ends = joined()
    client, server = ends if first_is_client else ends[::-1]

    await connect(client, server)

    assert client.secure.role is DtlsRole.CLIENT
    assert server.secure.role is DtlsRole.SERVER
    assert client.secure.state is server.secure.state is CONNECTED


async def test_packets_and_data_reach_the_other_end() -> None:
    client, server = joined()
    await connect(client, server)

    client.secure.send_rtp(rtp(1))
    client.secure.send_rtcp(rtcp())
    client.secure.send_data(b"data")
    await until(lambda: bool(server.events.data), server.events)

    assert server.events.rtp == [rtp(1)]
    assert server.events.rtcp == [rtcp()]


@pytest.mark.conformance("5-early-hello")
async def test_the_offerer_s_handshake_completes_before_the_answer() -> None:
    answerer, offerer = joined()
    offerer.listen()
    offerer.ice(IceTransportState.CHECKING)
    answerer.connect(DtlsRole.CLIENT, offerer.fingerprints)
    answerer.ice()
    await answerer.secure.connected()
    answerer.secure.send_rtp(rtp(1))
    listening = offerer.secure.current

    assert offerer.secure.state is DtlsTransportState.CONNECTING
    offerer.connect(DtlsRole.SERVER, answerer.fingerprints)
    await until(lambda: bool(offerer.events.rtp), offerer.events)

    assert offerer.secure.state is CONNECTED
    assert offerer.secure.current is listening


async def test_listening_association_is_remade_as_client() -> None:
    answerer, offerer = joined()
    offerer.listen()
    listening = offerer.secure.current
    answerer.connect(DtlsRole.SERVER, offerer.fingerprints)

    offerer.connect(DtlsRole.CLIENT, answerer.fingerprints)
    offerer.ice()
    await asyncio.gather(offerer.secure.connected(), answerer.secure.connected())

    assert offerer.secure.current is not listening
    assert CLOSED not in offerer.events.states
    assert offerer.link.wire[0][13] == 1


async def test_the_client_hello_waits_for_the_path() -> None:
    client, server = joined()
    client.connect(DtlsRole.CLIENT, server.fingerprints)
    client.ice(IceTransportState.CHECKING)
    assert (client.link.wire, states(client)) == ([], [])

    client.ice()

    assert len(client.link.wire) == 1
    assert states(client) == [DtlsTransportState.CONNECTING]


async def test_path_may_come_up_before_the_answer() -> None:
    client, server = joined()
    client.ice(IceTransportState.COMPLETED)
    assert client.link.wire == []

    client.connect(DtlsRole.CLIENT, server.fingerprints)

    assert len(client.link.wire) == 1


async def test_server_flight_that_found_no_path_is_sent_when_there_is_one() -> None:
    # The peer's check may end before ours, and its ClientHello comes in between.
    client, server = joined()
    server.connect(DtlsRole.SERVER, client.fingerprints)
    server.link.up = False
    client.connect(DtlsRole.CLIENT, server.fingerprints)
    client.ice()
    await until(lambda: server.secure.state is DtlsTransportState.CONNECTING, server.events)

    server.link.up = True
    server.ice()

    assert len(server.link.wire) == 1
    await client.secure.connected()
    assert len(client.link.wire) == 2


async def test_a_path_that_comes_up_again_starts_no_other_handshake() -> None:
    client, server = joined()
    await connect(client, server)
    sent = len(client.link.wire)

    client.ice(IceTransportState.DISCONNECTED)
    client.ice()

    assert len(client.link.wire) == sent
    assert client.secure.state is CONNECTED


async def test_silent_peer_fails_the_handshake() -> None:
    client, server = joined(handshake_timeout=0.01)
    server.connect(DtlsRole.SERVER, client.fingerprints)
    server.ice()

    with pytest.raises(DtlsError, match=r"no (answer to our )?ClientHello within 0.01 s"):
        await server.secure.connected()

    assert server.secure.state is DtlsTransportState.FAILED


async def test_connected_raises_a_fingerprint_mismatch() -> None:
    client, server = joined()
    stranger = Certificate.generate().fingerprint()
    server.connect(DtlsRole.SERVER, [stranger])
    client.connect(DtlsRole.CLIENT, server.fingerprints)
    client.ice()

    with pytest.raises(DtlsError, match=f"expected {stranger}, shown"):
        await server.secure.connected()

    assert server.events.states[-1] is DtlsTransportState.FAILED


async def test_close_notify_ends_the_other_end_too() -> None:
    client, server = joined()
    await connect(client, server)

    await client.secure.close()
    await until(lambda: server.secure.state is CLOSED, server.events)

    assert server.secure.error is None
    assert not server.secure.closed
    with pytest.raises(DtlsError, match="closed"):
        await server.secure.connected()


async def test_close_ends_a_pending_connected() -> None:
    client, _ = joined()
    waiting = asyncio.ensure_future(client.secure.connected())

    await client.secure.close()

    with pytest.raises(DtlsError, match="closed"):
        await waiting


async def test_close_is_idempotent_and_final() -> None:
    client, server = joined()
    await connect(client, server)

    await client.secure.close()
    await client.secure.close()
    client.listen()
    client.ice()
    client.secure.receive(b"\x80\x60" + bytes(20))

    assert client.events.states.count(CLOSED) == 1
    assert client.secure.state is CLOSED
    with pytest.raises(InvalidStateError, match="closed"):
        client.connect(DtlsRole.CLIENT, server.fingerprints)


@pytest.mark.parametrize("moment", range(1, 5))
@pytest.mark.parametrize("closes_first", [0, 1])
async def test_close_at_any_moment_leaves_nothing_behind(moment: int, closes_first: int) -> None:
    ends = joined()
    start(*ends)
    reached = asyncio.Event()

    def count(datagram: bytes) -> bytes:
        if sum(len(end.link.wire) for end in ends) == moment:
            reached.set()
        return datagram

    for end in ends:
        end.link.tamper = count
    # The ClientHello is on the wire already.
    if moment > 1:
        await reached.wait()

    await ends[closes_first].secure.close()
    await ends[1 - closes_first].secure.close()

    assert all(end.secure.state is CLOSED for end in ends)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_changed_dtls_role_is_refused() -> None:
    client, server = joined()
    await connect(client, server)

    with pytest.raises(InvalidStateError, match="runs as client, not as server"):
        client.connect(DtlsRole.SERVER, server.fingerprints)

    assert client.secure.state is CONNECTED


async def test_second_connect_alike_changes_nothing() -> None:
    client, server = joined()
    await connect(client, server)
    current = client.secure.current

    client.connect(DtlsRole.CLIENT, server.fingerprints)

    assert client.secure.current is current
    assert client.secure.state is CONNECTED


async def test_packets_before_any_association_are_counted() -> None:
    client, _ = joined()

    client.secure.receive(rtp(1))
    assert not client.secure.send_rtp(rtp(1))
    assert not client.secure.send_rtcp(rtcp())
    assert not client.secure.send_data(b"data")

    stats = client.secure.stats()
    assert stats.dropped_unexpected == 1
    assert stats.dropped_unsent == 3
    assert stats.state is DtlsTransportState.NEW
    assert stats.role is None


async def test_statistics_tell_what_was_agreed() -> None:
    client, server = joined()
    await connect(client, server)

    stats = client.secure.stats()

    assert stats.role is DtlsRole.CLIENT
    assert stats.version == "DTLSv1.2"
    assert stats.srtp_profile == "SRTP_AEAD_AES_256_GCM"
    assert stats.cipher is not None
    assert stats.local_fingerprint == client.certificate.fingerprint()
    assert stats.remote_fingerprint == server.certificate.fingerprint()
    assert stats.packets_sent == len(client.link.wire)
    assert stats.bytes_sent == sum(map(len, client.link.wire))
    assert stats.packets_received == len(server.link.wire)


async def test_statistics_keep_counting_when_the_association_is_replaced() -> None:
    client, server = joined()
    client.listen()
    client.secure.receive(b"\x00" * 20)

    client.connect(DtlsRole.CLIENT, server.fingerprints)

    assert client.secure.stats().packets_received == 1


async def test_a_send_while_the_path_is_down_is_counted() -> None:
    client, server = joined()
    await connect(client, server)
    client.link.up = False

    assert not client.secure.send_rtp(rtp(1))

    assert client.secure.stats().dropped_unsent == 1


def states(end: End) -> list[DtlsTransportState]:
    return end.events.states


async def test_state_events_come_once_each_and_in_order() -> None:
    client, server = joined()
    await connect(client, server)
    await client.secure.close()

    assert states(client) == [DtlsTransportState.CONNECTING, CONNECTED, CLOSED]


async def test_path_and_packet_handlers_are_set_once_before_any_association() -> None:
    client, _ = joined()
    bare = SecureTransport(key="0", certificate=client.certificate, events=client.events)
    with pytest.raises(InvalidStateError, match="no path"):
        bare.listen(0, client.certificate)

    with pytest.raises(InvalidStateError, match="is set already"):
        client.secure.attach(client.link, client.events.handlers)


async def test_repr_of_secure_transport_names_its_state_and_association() -> None:
    client, server = joined()
    assert repr(client.secure) == "<SecureTransport '0' new None>"

    await connect(client, server)

    assert repr(client.secure) == (
        "<SecureTransport '0' connected <DtlsAssociation 0 client connected>>"
    )
