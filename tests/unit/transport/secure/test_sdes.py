"""SRTP with keys of signalling in the place of a DTLS association (RFC 4568)."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.srtp_keys import CryptoSuite, SrtpMasterKey, SrtpMasterKeys
from peer.states import DtlsRole, DtlsTransportState, MediaEncryption
from peer.transport.adapters.sdes_packets import SdesPackets
from peer.transport.dtls.counters import Counters
from peer.transport.secure.rekey import RETIREMENT_PERIOD
from peer.transport.secure.sdes import SdesMedia
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import End, joined, rtcp, rtp, until
from tests.support.negotiation.connections import until as polled

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECTED = DtlsTransportState.CONNECTED


def a_key(seed: int, suite: CryptoSuite = CryptoSuite.AEAD_AES_128_GCM) -> SrtpMasterKey:
    return SrtpMasterKey(suite=suite, material=random.Random(seed).randbytes(suite.key_size))


def swapped(keys: SrtpMasterKeys) -> SrtpMasterKeys:
    return SrtpMasterKeys(ours=keys.theirs, theirs=keys.ours)


def some_keys(suite: CryptoSuite = CryptoSuite.AEAD_AES_128_GCM) -> SrtpMasterKeys:
    return SrtpMasterKeys(ours=a_key(1, suite), theirs=a_key(2, suite))


def keyed(keys: SrtpMasterKeys | None = None) -> tuple[End, End]:
    """Two ends that have agreed on keys, with a path."""
    one, other = joined()
    keys = keys or some_keys()
    for end, half in ((one, keys), (other, swapped(keys))):
        end.secure.use_sdes_keys(half)
        end.ice()
    return one, other


def many(first: int, last: int) -> Iterable[bytes]:
    return [rtp(number) for number in range(first, last)]


@pytest.mark.parametrize("suite", CryptoSuite)
async def test_packets_of_each_suite_are_encrypted_on_the_wire_and_read_at_the_other_end(
    suite: CryptoSuite,
) -> None:
    one, other = keyed(some_keys(suite))

    assert one.secure.send_rtp(rtp(1))
    assert one.secure.send_rtp_all([rtp(2), rtp(3)]) == 2
    assert one.secure.send_rtcp(rtcp())
    await until(lambda: bool(other.events.rtcp), other.events)

    assert other.events.rtp == [rtp(1), rtp(2), rtp(3)]
    assert other.events.rtcp == [rtcp()]
    for sent, packet in zip(one.link.wire, [rtp(1), rtp(2), rtp(3)], strict=False):
        assert packet[12:] not in sent
    stats = other.secure.stats()
    assert stats.encryption is MediaEncryption.SDES_SRTP
    assert stats.crypto_suite is suite
    assert not other.secure.verified
    assert stats.srtp_profile is stats.cipher is stats.version is stats.role is None


async def test_keyed_transport_is_connected_with_the_first_path_and_sends_nothing_before() -> None:
    one, _ = joined()
    one.secure.use_sdes_keys(some_keys())
    assert one.secure.state is DtlsTransportState.NEW
    assert not one.secure.send_rtp(rtp(1))
    assert one.link.wire == []
    one.ice()
    assert one.events.states == [CONNECTED]
    await one.secure.connected()


async def test_packets_in_clear_under_other_keys_or_twice_are_dropped() -> None:
    one, other = keyed()
    stranger, _ = keyed(SrtpMasterKeys(ours=a_key(3), theirs=a_key(4)))
    assert one.secure.send_rtp(rtp(1))
    assert stranger.secure.send_rtp(rtp(2))
    for datagram in (rtp(3), rtcp(), one.link.wire[0], stranger.link.wire[0]):
        assert not other.secure.receive(datagram) or datagram == one.link.wire[0]
    await polled(lambda: other.secure.stats().packets_received >= 5)
    assert other.events.rtp == [rtp(1)]
    assert other.events.rtcp == []
    assert other.secure.stats().dropped_unauthentic == 4


async def test_handshake_and_data_are_none_of_its_business() -> None:
    keyed_end, client = keyed()
    client.connect(DtlsRole.CLIENT, keyed_end.fingerprints)
    await polled(lambda: keyed_end.secure.stats().dropped_unexpected > 0)
    assert keyed_end.secure.state is CONNECTED
    assert not keyed_end.secure.send_data(b"data")
    assert keyed_end.link.wire == []


async def test_same_keys_again_change_nothing_and_a_replay_stays_one() -> None:
    one, other = keyed()
    one.secure.send_rtp(rtp(1))
    await until(lambda: bool(other.events.rtp), other.events)
    other.secure.use_sdes_keys(swapped(some_keys()))
    assert not other.secure.receive(one.link.wire[0])
    assert other.events.rtp == [rtp(1)]


@in_virtual_time
async def test_new_key_of_the_peer_is_taken_beside_its_former_one_for_a_while() -> None:
    one, other = keyed()
    held: list[bytes] = []
    one.link.receive = held.append
    one.secure.send_rtp(rtp(1))
    one.secure.send_rtp(rtp(2))
    changed = SrtpMasterKeys(ours=a_key(5), theirs=a_key(2))
    one.secure.use_sdes_keys(changed)
    other.secure.use_sdes_keys(swapped(changed))
    one.secure.send_rtp(rtp(3))
    await asyncio.sleep(0.1)
    late, _, new = held
    assert other.secure.receive(new)
    assert other.secure.receive(late)
    assert other.events.rtp == [rtp(3), rtp(1)]
    # The direction whose key stays goes on.
    other.secure.send_rtp(rtp(9))
    await until(lambda: bool(one.events.rtp), one.events)

    await asyncio.sleep(RETIREMENT_PERIOD + 1)
    assert not other.secure.receive(held[1])


async def test_stream_whose_sequence_number_has_wrapped_goes_on_through_the_same_keys() -> None:
    """RFC 4568 section 7.1.4: a key that is told again begins no new context."""
    one, other = keyed()
    for number in (65534, 65535, 0, 1):
        one.secure.send_rtp(rtp(number))
    other.secure.use_sdes_keys(swapped(some_keys()))
    one.secure.use_sdes_keys(some_keys())
    one.secure.send_rtp(rtp(2))
    await until(lambda: len(other.events.rtp) == 5, other.events)


@pytest.mark.parametrize("suite", CryptoSuite)
@pytest.mark.parametrize("is_sent", [False, True])
def test_master_key_identifier_of_the_peer_is_taken_out_of_its_packets(
    suite: CryptoSuite, *, is_sent: bool
) -> None:
    mki = b"\0\0\0\1"
    plain = some_keys(suite)
    sender = SdesPackets(swapped(plain))
    receiver = SdesPackets(replace(plain, theirs=replace(plain.theirs, mki=mki)))
    tag = 0 if suite.is_aead else 4 if suite is CryptoSuite.AES_CM_128_HMAC_SHA1_32 else 10
    srtp, srtcp = sender.sends.outbound.protect(rtp(1)), sender.sends.outbound.protect_rtcp(rtcp())
    assert srtp is not None
    assert srtcp is not None
    if is_sent:
        srtp = srtp[: len(srtp) - tag] + mki + srtp[len(srtp) - tag :]
        tag = 0 if suite.is_aead else 10
        srtcp = srtcp[: len(srtcp) - tag] + mki + srtcp[len(srtcp) - tag :]
    assert receiver.unprotect(srtp) == rtp(1)
    assert receiver.unprotect_rtcp(srtcp) == rtcp()


async def test_closed_keyed_transport_sends_and_takes_nothing() -> None:
    one, other = keyed()
    await one.secure.close()
    assert one.secure.state is DtlsTransportState.CLOSED
    assert not one.secure.send_rtp(rtp(1))
    one.secure.use_sdes_keys(some_keys())
    other.secure.send_rtp(rtp(2))
    await polled(lambda: one.secure.stats().packets_received > 0)
    assert one.events.rtp == []


async def test_repr_of_a_keyed_transport_shows_no_key() -> None:
    one, _ = keyed()
    keys = some_keys()
    media = SdesMedia(one.link, one.events.handlers, Counters(), lambda: 0.0, keys)
    shown = f"{one.secure!r} {media!r} {keys!r}"
    assert "AEAD_AES_128_GCM" in shown
    assert repr(keys.ours.material) not in shown
