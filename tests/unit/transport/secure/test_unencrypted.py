"""Plain RTP in the place of a DTLS association: what goes out, what comes in, and what ends it."""

from __future__ import annotations

import pytest

from peer.errors import DtlsError
from peer.states import DtlsRole, DtlsTransportState, IceTransportState, MediaEncryption
from tests.support.links.secure import End, joined, rtcp, rtp, until
from tests.support.negotiation.connections import until as polled

CONNECTED = DtlsTransportState.CONNECTED
FAILED = DtlsTransportState.FAILED


def unencrypted() -> tuple[End, End]:
    """Two ends that have agreed on plain RTP, with a path."""
    one, other = joined()
    for end in (one, other):
        end.secure.send_unencrypted()
        end.ice()
    return one, other


async def test_plain_packets_go_out_and_come_in_as_they_are() -> None:
    one, other = unencrypted()

    assert one.secure.send_rtp(rtp(1))
    assert one.secure.send_rtp_all([rtp(2), rtp(3)]) == 2
    assert one.secure.send_rtcp(rtcp())
    await until(lambda: bool(other.events.rtcp), other.events)

    assert one.link.wire == [rtp(1), rtp(2), rtp(3), rtcp()]
    assert other.events.rtp == [rtp(1), rtp(2), rtp(3)]
    assert other.events.rtcp == [rtcp()]
    sent, received = one.secure.stats(), other.secure.stats()
    assert (sent.packets_sent, received.packets_received) == (4, 4)
    assert sent.bytes_sent == sum(map(len, one.link.wire))
    assert sent.encryption is MediaEncryption.NONE
    assert not one.secure.verified
    assert sent.srtp_profile is sent.cipher is sent.version is sent.role is None


async def test_plain_transport_is_connected_with_the_first_path_and_sends_nothing_before() -> None:
    one, _ = joined()
    one.secure.send_unencrypted()
    assert one.secure.state is DtlsTransportState.NEW
    assert not one.secure.send_rtp(rtp(1))
    assert one.link.wire == []

    one.ice(IceTransportState.CHECKING)
    one.ice()
    one.ice(IceTransportState.DISCONNECTED)
    one.ice()
    assert one.events.states == [CONNECTED]
    await one.secure.connected()
    one.link.up = False
    assert not one.secure.send_rtp(rtp(2))
    assert one.secure.send_rtp_all([rtp(3)]) == 0
    assert one.secure.stats().dropped_unsent == 3


async def test_plain_transport_carries_no_data() -> None:
    one, other = unencrypted()
    assert not one.secure.send_data(b"data")
    one.link.send(b"neither RTP nor anything that we know")
    one.link.send(rtp(1))
    await until(lambda: bool(other.events.rtp), other.events)
    assert one.link.wire[1:] == [rtp(1)]
    assert other.events.data == []
    assert other.secure.stats().dropped_unexpected == 1


async def test_listening_association_gives_way_without_an_event() -> None:
    one, _ = joined()
    one.listen()
    one.secure.send_unencrypted()
    one.secure.send_unencrypted()
    assert one.events.states == []
    assert one.secure.current is None


async def test_answer_without_keys_after_a_handshake_has_begun_fails() -> None:
    client, offerer = joined()
    offerer.listen()
    offerer.ice()
    client.connect(DtlsRole.CLIENT, offerer.fingerprints)
    client.ice()
    await client.secure.connected()

    offerer.secure.send_unencrypted()
    assert offerer.secure.state is FAILED
    assert offerer.secure.encryption is MediaEncryption.DTLS_SRTP
    with pytest.raises(DtlsError, match="somebody may have taken them out"):
        await offerer.secure.connected()
    sent = len(offerer.link.wire)
    assert not offerer.secure.send_rtp(rtp(1))
    assert len(offerer.link.wire) == sent


async def test_client_hello_that_comes_to_plain_rtp_fails_it_for_good() -> None:
    plain, client = joined()
    plain.secure.send_unencrypted()
    plain.ice()
    client.connect(DtlsRole.CLIENT, plain.fingerprints)
    client.ice()
    await until(lambda: plain.secure.state is FAILED, plain.events)

    assert "begun a DTLS handshake" in str(plain.secure.error)
    assert not plain.secure.send_rtp(rtp(1))
    client.link.send(rtp(2))
    await polled(lambda: plain.secure.stats().packets_received > 1)
    assert plain.link.wire == plain.events.rtp == []
    assert plain.events.states == [CONNECTED, FAILED]


async def test_other_dtls_records_are_passed_over() -> None:
    plain, other = unencrypted()
    close_notify = bytes([21, 254, 253, *bytes(8), 0, 2, 1, 0])
    other.link.send(close_notify)
    other.link.send(rtp(1))
    await until(lambda: bool(plain.events.rtp), plain.events)
    assert plain.secure.state is CONNECTED


async def test_client_hello_that_overtakes_an_answer_with_keys_is_answered() -> None:
    offerer, answerer = unencrypted()
    offerer.secure.expect_keys(expected=True)
    answerer.connect(DtlsRole.CLIENT, offerer.fingerprints)
    await polled(lambda: offerer.secure.stats().packets_received > 0)
    assert offerer.secure.state is CONNECTED

    offerer.connect(DtlsRole.SERVER, answerer.fingerprints)
    await polled(lambda: answerer.secure.verified and offerer.secure.verified)
    # The first ClientHello has served: there was no second one.
    assert sum(datagram[13] == 1 for datagram in answerer.link.wire) == 1
    answerer.secure.send_rtp(rtp(1))
    await until(lambda: bool(offerer.events.rtp), offerer.events)
    assert offerer.secure.encryption is MediaEncryption.DTLS_SRTP
    assert rtp(1) not in answerer.link.wire
    # Media in clear is taken no more.
    answerer.link.send(rtp(2))
    answerer.secure.send_rtp(rtp(3))
    await until(lambda: len(offerer.events.rtp) > 1, offerer.events)
    assert offerer.events.rtp == [rtp(1), rtp(3)]
    assert offerer.events.changes == []


async def test_keys_that_were_offered_and_declined_are_unexpected_again() -> None:
    plain, client = joined()
    plain.secure.send_unencrypted()
    plain.ice()
    plain.secure.expect_keys(expected=True)
    plain.secure.expect_keys(expected=False)
    client.connect(DtlsRole.CLIENT, plain.fingerprints)
    client.ice()
    await until(lambda: plain.secure.state is FAILED, plain.events)


async def test_closed_plain_transport_sends_and_takes_nothing() -> None:
    one, other = unencrypted()
    await one.secure.close()
    assert one.secure.state is DtlsTransportState.CLOSED
    assert not one.secure.send_rtp(rtp(1))
    one.secure.send_unencrypted()
    other.secure.send_rtp(rtp(2))
    await polled(lambda: one.secure.stats().packets_received > 0)
    assert one.events.rtp == []
