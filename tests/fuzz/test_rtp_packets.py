"""Spoilt RTP packets, header extensions and tones: nothing but `MalformedError` comes of them.

INPUTS says how many of each; it was run with 100,000.
"""

from __future__ import annotations

import contextlib
import os
import random

import pytest
from aiortc.rtp import RtpPacket as TheirPacket

from peer.rtp.dtmf_events import TONES, DtmfDecoder, DtmfEncoder
from peer.rtp.levels import AudioLevel
from peer.rtp.malformed import MalformedError
from peer.rtp.packet import (
    AbsoluteCaptureTime,
    PlayoutDelay,
    RtpPacket,
    elements,
    read_abs_send_time,
    read_transport_sequence_number,
    write_elements,
)
from tests.support.captures.mutation import Mutator

INPUTS = int(os.environ.get("INPUTS", "2000"))

pytestmark = pytest.mark.timeout(300 + INPUTS // 100)


def packet(source: random.Random) -> RtpPacket:
    """Any packet."""
    count = source.choice([0, 0, 1, 3])
    given = [(source.randint(1, 14), source.randbytes(source.randint(1, 16))) for _ in range(count)]
    if source.random() < 0.2:
        given.append((source.randint(15, 255), source.randbytes(source.randint(0, 40))))
    profile, extension = write_elements(given)
    return RtpPacket(
        payload_type=source.randrange(128),
        marker=source.random() < 0.5,
        sequence_number=source.randrange(1 << 16),
        timestamp=source.randrange(1 << 32),
        ssrc=source.randrange(1 << 32),
        payload=source.randbytes(source.randrange(60)),
        csrcs=tuple(source.randrange(1 << 32) for _ in range(source.choice([0, 0, 1, 15]))),
        profile=profile,
        extension=extension,
        padding=source.choice([0, 0, 1, 255]),
    )


def test_rtp_packet_is_read_as_it_was_written() -> None:
    source = random.Random(1)
    for _ in range(INPUTS):
        written = packet(source)
        data = written.write()
        assert RtpPacket.parse(data) == written
        theirs = TheirPacket.parse(data)
        assert (theirs.marker, theirs.payload_type) == (written.marker, written.payload_type)
        assert (theirs.sequence_number, theirs.timestamp) == (
            written.sequence_number,
            written.timestamp,
        )
        assert (theirs.ssrc, tuple(theirs.csrc)) == (written.ssrc, written.csrcs)
        assert (theirs.payload, theirs.padding_size) == (written.payload, written.padding)


def test_mutated_rtp_packet_is_malformed_or_another_packet() -> None:
    source = random.Random(2)
    spoilt = Mutator([packet(source).write() for _ in range(200)], seed=3)
    read = 0
    for _ in range(INPUTS):
        data = spoilt()
        try:
            found = RtpPacket.parse(data)
        except MalformedError:
            continue
        read += 1
        assert len(found.payload) + len(found.extension) + 4 * len(found.csrcs) <= len(data)
        # A profile of 0 means no extension to us; and what padding holds is lost.
        if found.profile or not data[0] & 0x10:
            assert RtpPacket.parse(found.write()) == found
            assert len(found.write()) == len(data)
        with contextlib.suppress(MalformedError):
            elements(found.profile, found.extension)
    assert read > INPUTS // 4


def test_octets_of_an_extension_block_are_elements_or_malformed() -> None:
    source = random.Random(4)
    read = 0
    for _ in range(INPUTS):
        profile = source.choice([0xBEDE, 0x1000, 0x100F, source.randrange(1 << 16)])
        # Small octets make short elements, of which some fit.
        octets = bytes(
            source.choice([source.randrange(256), source.randrange(16) << 4 | 1, 1, 0])
            for _ in range(4 * source.randrange(8))
        )
        try:
            found = elements(profile, octets)
        except MalformedError:
            continue
        read += bool(found)
        assert sum(1 + len(value) for value in found.values()) <= len(octets)
        assert elements(*write_elements(found.items())) == found
    assert read > INPUTS // 10


def test_octets_of_a_header_extension_are_a_value_or_malformed() -> None:
    source = random.Random(5)
    for _ in range(INPUTS):
        value = source.randbytes(source.choice([0, 1, 2, 3, 4, 8, 16, source.randrange(300)]))
        for read in (read_abs_send_time, read_transport_sequence_number):
            with contextlib.suppress(MalformedError):
                assert read(value) >= 0
        with contextlib.suppress(MalformedError):
            assert len(AbsoluteCaptureTime.parse(value).write()) == len(value)
        with contextlib.suppress(MalformedError):
            assert PlayoutDelay.parse(value).write() == value
        with contextlib.suppress(MalformedError):
            assert AudioLevel.parse(value).write() == value[:1]


def test_spoilt_tones_are_malformed_or_tones() -> None:
    source = random.Random(6)
    packets = list(DtmfEncoder(clock_rate=8000).encode(TONES))
    spoilt = Mutator([each.payload for each in packets], seed=7)
    decoder = DtmfDecoder(8000)
    now = 0.0
    for _ in range(INPUTS):
        now += source.choice([0.0, 0.02, 0.3])
        timestamp = source.choice(packets).offset + source.choice([0, 0, -160, 1 << 31])
        payload = spoilt()
        with contextlib.suppress(MalformedError):
            tones = decoder.receive(payload, timestamp & 0xFFFFFFFF, now)
            assert len(tones) <= len(payload) // 4 + 1
            assert all(tone.tone in TONES and tone.duration >= 0 for tone in tones)


def test_tones_over_a_bad_path_are_heard_once_each() -> None:
    source = random.Random(8)
    encoder = DtmfEncoder(clock_rate=8000)
    for _ in range(INPUTS // 100):
        dialled = "".join(source.choices(TONES, k=10))
        path = []
        for sent in encoder.encode(dialled):
            # Up to 40 ms late, so that packets of neighbouring tones never change places; every
            # second is lost, and some come twice.
            path += [(sent.at + source.random() * 0.04, sent)] * source.choice([0, 0, 1, 2])
        path.sort(key=lambda each: each[0])
        decoder = DtmfDecoder(8000)
        heard = [
            tone.tone
            for at, sent in path
            for tone in decoder.receive(sent.payload, sent.offset, at)
        ] + [tone.tone for tone in decoder.advance(1e9)]
        arrived = sorted({sent.offset for _, sent in path})
        assert "".join(heard) == "".join(dialled[offset // 1360] for offset in arrived)
