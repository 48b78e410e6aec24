"""What aiortc's parts find where they expect an RTCDtlsTransport."""

from __future__ import annotations

import pytest
from aiortc import RTCSctpTransport

from peer.states import DtlsRole
from tests.support.links.secure import connect, joined, until


async def test_sending_without_a_connection_never_raises() -> None:
    client, _ = joined()
    transport = client.secure.aiortc_dtls

    await transport._send_data(b"data")  # noqa: SLF001 - what aiortc calls

    assert client.secure.stats().dropped_unsent == 1


async def test_sctp_packets_reach_the_other_end() -> None:
    client, server = joined()
    await connect(client, server)

    await client.secure.aiortc_dtls._send_data(b"data")  # noqa: SLF001 - what aiortc calls
    await until(lambda: bool(server.events.data), server.events)

    assert server.events.data == [b"data"]


async def test_sctp_registers_for_data() -> None:
    client, _ = joined()
    transport = client.secure.aiortc_dtls
    sctp = RTCSctpTransport(transport)

    transport._register_data_receiver(sctp)  # noqa: SLF001 - what aiortc calls
    assert transport.data_receiver is sctp

    transport._unregister_data_receiver(sctp)  # noqa: SLF001 - likewise
    assert transport.data_receiver is None


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_sctp_sees_the_dtls_role(role: DtlsRole) -> None:
    client, server = joined()
    sctp = RTCSctpTransport(client.secure.aiortc_dtls)

    client.connect(role, server.fingerprints)

    assert sctp.is_server == (role is DtlsRole.SERVER)


async def test_aiortc_can_build_on_a_transport_that_the_peer_closed() -> None:
    client, server = joined()
    await connect(client, server)
    await server.secure.close()
    await until(lambda: client.secure.state == "closed", client.events)

    assert client.secure.aiortc_dtls.state != "closed"
    await client.secure.close()
    assert client.secure.aiortc_dtls.state == "closed"
