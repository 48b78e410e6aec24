"""What aiortc's parts find where they expect an RTCDtlsTransport."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from aiortc import RTCRtpReceiver, RTCRtpSender, RTCSctpTransport
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters

from peer.states import DtlsRole
from tests.support.secure import connect, joined, rtcp, rtp, until


@dataclass
class Registry:
    log: list[tuple[str, object]] = field(default_factory=list)

    def register_receiver(
        self, receiver: RTCRtpReceiver, parameters: RTCRtpReceiveParameters
    ) -> None:
        self.log.append(("receiver", receiver))

    def unregister_receiver(self, receiver: RTCRtpReceiver) -> None:
        self.log.append(("no receiver", receiver))

    def register_sender(self, sender: RTCRtpSender, parameters: RTCRtpSendParameters) -> None:
        self.log.append(("sender", sender))

    def unregister_sender(self, sender: RTCRtpSender) -> None:
        self.log.append(("no sender", sender))


async def test_sending_without_a_connection_never_raises() -> None:
    client, _ = joined()
    face = client.secure.face

    await face._send_rtp(rtp(1))  # noqa: SLF001 - what aiortc calls
    await face._send_rtp(rtcp())  # noqa: SLF001 - what aiortc calls
    await face._send_data(b"data")  # noqa: SLF001 - what aiortc calls

    assert client.secure.stats().dropped_unsent == 3


async def test_rtp_and_rtcp_take_their_own_ways() -> None:
    client, server = joined()
    await connect(client, server)

    await client.secure.face._send_rtp(rtp(1))  # noqa: SLF001 - what aiortc calls
    await client.secure.face._send_rtp(rtcp())  # noqa: SLF001 - what aiortc calls
    await client.secure.face._send_data(b"data")  # noqa: SLF001 - what aiortc calls
    await until(lambda: bool(server.events.data), server.events)

    assert server.events.rtp == [rtp(1)]
    assert server.events.rtcp == [rtcp()]


async def test_senders_and_receivers_register_with_the_registry() -> None:
    client, _ = joined()
    face = client.secure.face
    registry = face.registry = Registry()
    sender, receiver = RTCRtpSender("audio", face), RTCRtpReceiver("audio", face)

    face._register_rtp_sender(sender, RTCRtpSendParameters())  # noqa: SLF001 - what aiortc calls
    face._register_rtp_receiver(receiver, RTCRtpReceiveParameters())  # noqa: SLF001 - likewise
    face._unregister_rtp_sender(sender)  # noqa: SLF001 - likewise
    face._unregister_rtp_receiver(receiver)  # noqa: SLF001 - likewise

    assert registry.log == [
        ("sender", sender),
        ("receiver", receiver),
        ("no sender", sender),
        ("no receiver", receiver),
    ]


async def test_sctp_registers_for_data() -> None:
    client, _ = joined()
    face = client.secure.face
    sctp = RTCSctpTransport(face)

    face._register_data_receiver(sctp)  # noqa: SLF001 - what aiortc calls
    assert face.data_receiver is sctp

    face._unregister_data_receiver(sctp)  # noqa: SLF001 - likewise
    assert face.data_receiver is None


@pytest.mark.parametrize("role", list(DtlsRole))
async def test_sctp_sees_the_dtls_role(role: DtlsRole) -> None:
    client, server = joined()
    sctp = RTCSctpTransport(client.secure.face)

    client.connect(role, server.fingerprints)

    assert sctp.is_server == (role is DtlsRole.SERVER)


async def test_aiortc_can_build_on_a_transport_that_the_peer_closed() -> None:
    client, server = joined()
    await connect(client, server)
    await server.secure.close()
    await until(lambda: client.secure.state == "closed", client.events)

    assert client.secure.face.state != "closed"
    await client.secure.close()
    assert client.secure.face.state == "closed"


async def test_aiortc_s_statistics_name_the_transport() -> None:
    client, server = joined()
    await connect(client, server)
    report = client.secure.face._get_stats()  # noqa: SLF001 - what aiortc calls

    (stats,) = report.values()
    assert stats.id == "transport_0"
    assert stats.dtlsState == "connected"
    assert stats.packetsSent == len(client.link.wire)
