"""Calls in which checks of ICE carry DTLS, ours and libwebrtc's (SPED), decoded from the wire."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest
from aioice import stun

from peer.tracing.events import Datagram, DatagramKind, Direction
from peer.transport.wire.demux import DatagramClass, classify
from peer.transport.wire.stun_embedding import ACKNOWLEDGEMENT_ATTRIBUTE, DATAGRAM_ATTRIBUTE
from tests.support.peers.handshakes import Call, Handshake, Way, shake_hands
from tests.support.peers.third_party import python_webrtc_stage
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What makes libwebrtc carry DTLS in its checks, which it does not by default.
TRIALS = {"WebRTC-IceHandshakeDtls": "Enabled"}

pytestmark = [
    pytest.mark.needs("python_webrtc"),
    pytest.mark.xdist_group("peer-python_webrtc"),
]


class WireSink(Sink):
    """A sink that gets each datagram with its bytes."""

    wants_data = True

    def values(self, direction: Direction, name: str) -> Iterator[bytes]:
        """Yield the values of an attribute of STUN messages that went one way."""
        for each in self.all(Datagram):
            if each.direction is direction and each.kind in (
                DatagramKind.STUN_REQUEST,
                DatagramKind.STUN_RESPONSE,
            ):
                value = stun.parse_message(each.data).attributes.get(name)
                if value is not None:
                    yield value


async def call(way: Way, trials: dict[str, str]) -> tuple[Handshake, WireSink]:
    wire = WireSink()
    async with python_webrtc_stage(trials) as open_peer, open_peer() as peer:
        handshake = await shake_hands(peer, Call(way, dtls_in_stun=True, trace=wire))
    return handshake, wire


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
async def test_checks_of_handfast_and_libwebrtc_carry_the_handshake(way: Way) -> None:
    handshake, wire = await call(way, TRIALS)
    assert handshake.verified
    assert handshake.echo == "There and back"
    sent, received = (
        set(wire.values(way, DATAGRAM_ATTRIBUTE)) for way in (Direction.OUT, Direction.IN)
    )
    assert {classify(each) for each in sent | received} == {DatagramClass.DTLS}
    # Either end acknowledges what came by its CRC-32, four octets in a row; who has the last word
    # of the handshake says nothing more.
    assert acknowledged(wire, Direction.IN) & set(map(crc, sent)) or acknowledged(
        wire, Direction.OUT
    ) & set(map(crc, received))


def crc(datagram: bytes) -> bytes:
    return zlib.crc32(datagram).to_bytes(4)


def acknowledged(wire: WireSink, direction: Direction) -> set[bytes]:
    """Collect the acknowledgements that went one way."""
    octets = b"".join(wire.values(direction, ACKNOWLEDGEMENT_ATTRIBUTE))
    return {octets[at : at + 4] for at in range(0, len(octets), 4)}


async def test_libwebrtc_without_the_trial_is_sent_its_handshake_by_the_path() -> None:
    handshake, wire = await call(Way.ANSWER_ACTIVE, {})
    assert handshake.verified
    assert list(wire.values(Direction.OUT, DATAGRAM_ATTRIBUTE)) == []
