"""The private names of aiortc's RTCDtlsTransport that the DTLS adapter stands on.

After an upgrade this fails first. Read what has changed around the name that is reported, adapt
peer/transport/adapters/dtls.py, and only then the table here.
"""

# ruff: noqa: SLF001 - private names are what is tested here

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from aiortc import RTCCertificate, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcdtlstransport import SRTP_PROFILES

from peer.configuration.security_policy import SrtpProfile
from peer.states import DtlsRole
from peer.transport.adapters.srtp import AVAILABLE_SRTP_PROFILES
from tests.support.links.secure import connect, joined, until

CALLS: list[tuple[Callable[..., Any], str]] = [
    (RTCDtlsTransport.__init__, "self, transport, certificates"),
    (RTCDtlsTransport._register_data_receiver, "self, receiver"),
    (RTCDtlsTransport._send_data, "self, data"),
    (RTCDtlsTransport._unregister_data_receiver, "self, receiver"),
    (RTCCertificate.__init__, "self, key, cert"),
]


@pytest.mark.parametrize(("call", "parameters"), CALLS, ids=[c.__qualname__ for c, _ in CALLS])
def test_private_calls_of_aiortc_dtls_have_the_shape_we_rely_on(
    call: Callable[..., Any], parameters: str
) -> None:
    assert ", ".join(inspect.signature(call).parameters) == parameters


@pytest.mark.parametrize("name", ["_role"])
def test_private_attributes_of_aiortc_dtls_are_there(name: str) -> None:
    assert name in RTCDtlsTransport.__init__.__code__.co_names


@pytest.mark.conformance("6.10-srtp")
def test_every_srtp_profile_that_we_name_is_there_strongest_first() -> None:
    assert tuple(SrtpProfile) == AVAILABLE_SRTP_PROFILES
    assert len(SRTP_PROFILES) == 3


async def test_sctp_send_without_an_association_never_raises() -> None:
    client, _ = joined()
    transport = client.secure.aiortc_dtls

    await transport._send_data(b"data")

    assert client.secure.stats().dropped_unsent == 1


async def test_sctp_packets_reach_the_other_end() -> None:
    client, server = joined()
    await connect(client, server)

    await client.secure.aiortc_dtls._send_data(b"data")
    await until(lambda: bool(server.events.data), server.events)

    assert server.events.data == [b"data"]


async def test_sctp_registers_for_data() -> None:
    client, _ = joined()
    transport = client.secure.aiortc_dtls
    sctp = RTCSctpTransport(transport)

    transport._register_data_receiver(sctp)
    assert transport.data_receiver is sctp

    transport._unregister_data_receiver(sctp)
    assert transport.data_receiver is None


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_sctp_sees_the_dtls_role(role: DtlsRole) -> None:
    client, server = joined()
    sctp = RTCSctpTransport(client.secure.aiortc_dtls)

    client.connect(role, server.fingerprints)

    assert sctp.is_server == (role is DtlsRole.SERVER)


async def test_aiortc_can_build_on_a_secure_transport_that_the_peer_closed() -> None:
    client, server = joined()
    await connect(client, server)
    await server.secure.close()
    await until(lambda: client.secure.state == "closed", client.events)

    assert client.secure.aiortc_dtls.state != "closed"
    await client.secure.close()
    assert client.secure.aiortc_dtls.state == "closed"
