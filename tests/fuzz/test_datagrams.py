"""Mutated datagrams and lines: no exception escapes, nobody is let in, and memory stays flat.

HANDFAST_FUZZ says how many of each; it was run with 100,000.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from peer import PeerError
from peer.identity.certificate import Certificate
from peer.identity.fingerprints import Fingerprint
from peer.negotiation.sdp.description import Sdp
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.record_filter import (
    filter_records,
    hello_verify_request,
    parse_client_hello,
)
from peer.transport.wire.demux import DatagramClass, associations_for, classify
from tests.support.captures.mutation import Mutator
from tests.support.descriptions import load
from tests.support.links.secure import Party, rtcp, rtp

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = int(os.environ.get("HANDFAST_FUZZ", "3000"))
#: Bytes. What a cache or a counter may take more after the second half than after the first.
FLAT = 64 * 1024
#: Mutated datagrams for each pair of associations.
SHARE = 20

pytestmark = pytest.mark.timeout(300 + COUNT // 100)


@contextlib.contextmanager
def flat_memory() -> Iterator[list[int]]:
    """Check that what Python holds does not grow; the test appends a sample when it likes."""
    samples: list[int] = []
    tracemalloc.start()
    try:
        yield samples
    finally:
        tracemalloc.stop()
    assert max(samples) - samples[0] < FLAT, samples


def sample() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def flights() -> list[list[bytes]]:
    """The datagrams of one genuine call, flight by flight, with media and data after them."""
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)
    server.association.start()
    client.association.start()
    made = []
    for turn in range(4):
        source, sink = (client, server) if turn % 2 == 0 else (server, client)
        made.append(source.take())
        for datagram in made[-1]:
            sink.association.receive(datagram)
    for party in (client, server):
        party.association.send_rtp(rtp(1))
        party.association.send_rtcp(rtcp())
        party.association.send_data(b"data")
        made.append(party.take())
    for party in (client, server):
        party.association.close()
        made.append(party.take())
    return made


class _Association:
    def __init__(self, handshaking: bool) -> None:
        self.handshaking = handshaking

    def expects(self, datagram: bytes) -> bool:
        return len(datagram) % 2 == 0


async def test_the_demultiplexer_takes_anything() -> None:
    mutate = Mutator([datagram for flight in flights() for datagram in flight], 1)
    associations = (_Association(True), _Association(False), _Association(False))
    for _ in range(COUNT):
        datagram = mutate()
        kind = classify(datagram)
        chosen = associations_for(datagram, kind, associations)

        assert set(chosen) <= set(associations)
        if kind is DatagramClass.STUN:
            assert not chosen
        for role in DtlsRole:
            assert len(filter_records(datagram, role).plain) <= len(datagram)
        if parse_client_hello(datagram) is not None:
            assert len(hello_verify_request(datagram, cookie=b"cookie")) < 100


def test_fingerprints_and_setup_are_parsed_or_refused_by_name() -> None:
    source = random.Random(2)
    genuine = str(Certificate.generate().fingerprint())
    text = load("chromium-156-offer")
    for _ in range(COUNT):
        value = spoiled(source, genuine)
        try:
            fingerprint = Fingerprint.parse(value)
        except ValueError:
            # The parser of descriptions adds the line, and makes it a FingerprintError.
            pass
        else:
            assert Fingerprint.parse(str(fingerprint)) == fingerprint
    # A whole description takes a thousand times as long.
    for _ in range(COUNT // 30):
        line = source.choice([f"a=fingerprint:{genuine}", "a=setup:actpass"])
        changed = text.replace("a=setup:actpass", spoiled(source, line))
        with contextlib.suppress(PeerError):
            sdp = Sdp.parse(changed)
            assert [sdp.transport_setup(section) for section in sdp.media]


async def test_the_handshake_takes_mutated_datagrams() -> None:
    genuine = flights()
    mutate = Mutator([datagram for flight in genuine for datagram in flight], 3)
    source = random.Random(4)
    certificates = Certificate.generate(), Certificate.generate()
    # What is made once and kept is made now.
    for _ in range(10):
        one_call(source, mutate, certificates)
    done = connected = 0
    with flat_memory() as samples:
        while done < COUNT:
            connected += one_call(source, mutate, certificates)
            # A turn of the loop, in which it forgets the timers that were cancelled.
            await asyncio.sleep(0)
            done += SHARE
            if done % (COUNT // 4) < SHARE:
                samples.append(sample())

    # Some get through, and so the later steps are reached as well.
    assert connected > 0


def one_call(
    source: random.Random, mutate: Mutator, certificates: tuple[Certificate, Certificate]
) -> int:
    """A handshake with mutated datagrams among its own; returns whether it came to its end."""
    client = Party.make(DtlsRole.CLIENT, certificates[0])
    server = Party.make(DtlsRole.SERVER, certificates[1])
    parties = client, server
    client.verify(server)
    server.verify(client)
    server.association.start()
    client.association.start()
    # Where in the course of things they come; most at one step.
    busy = source.randrange(6)
    for step in range(6):
        for _ in range(SHARE // 2 if step == busy else SHARE // 10):
            source.choice(parties).association.receive(mutate())
        from_, to = parties if step % 2 == 0 else parties[::-1]
        for datagram in from_.take():
            to.association.receive(datagram)
    for party, other in (parties, parties[::-1]):
        association = party.association
        if association.state is DtlsTransportState.CONNECTED:
            assert association.peer_certificate_der == other.certificate.der
        if association.state is DtlsTransportState.FAILED:
            assert str(association.error)
        # Nobody has sent any that could be believed.
        assert (party.events.rtp, party.events.rtcp, party.events.data) == ([], [], [])
    through = sum(p.association.state is DtlsTransportState.CONNECTED for p in parties)
    for party in parties:
        party.association.close()
    return through // 2


def spoiled(source: random.Random, text: str) -> str:
    place = source.randrange(len(text))
    return source.choice(
        [
            text[:place],
            text[:place] + chr(source.randrange(0x20, 0x250)) + text[place + 1 :],
            text[:place] + ":" + text[place:],
            text[:place] + text[place + 1 :],
            text + ":00",
            text.swapcase(),
            text.replace("sha-256", source.choice(["sha-1", "sha-512", "SHA-256", "", "md5"])),
            text[place:] + text[:place],
        ]
    )
