"""Which packets of Opus have a copy of the one before, as libopus says it."""

from __future__ import annotations

import random

import pytest

from peer.rtp.codecs.libopus import libopus
from peer.rtp.formats.opus_packet import has_copy

#: Packets made at random of each code of RFC 6716 section 3.2.
COUNT = 2_000


def test_copy_of_mono_and_stereo_is_told_by_the_flags_of_the_first_frame() -> None:
    # Wideband of 20 ms, mono: voice, then the copy.
    assert has_copy(b"\x48\x40")
    assert has_copy(b"\x48\xc0")
    assert not has_copy(b"\x48\xbf")
    # Stereo: the same for the side channel.
    assert has_copy(b"\x4c\x90")
    assert not has_copy(b"\x4c\x80")
    # 60 ms: three flags of voice come first.
    assert has_copy(b"\x58\x10")
    assert not has_copy(b"\x58\xe0")


@pytest.mark.parametrize(
    "packet", [b"", b"\x48", b"\x4a\x00\x40", b"\x4b\x82\x00\x40", b"\xf8\xff"]
)
def test_packet_without_a_first_frame_or_of_celt_has_no_copy(packet: bytes) -> None:
    assert not has_copy(packet)


@pytest.mark.parametrize("code", range(4))
def test_copies_are_seen_where_libopus_sees_them(code: int) -> None:
    library = libopus()
    assert library is not None
    chances = random.Random(code)
    found = []
    for _ in range(COUNT):
        body = chances.randbytes(chances.randrange(1, 80))
        packet = bytes((chances.randrange(64) << 2 | code,)) + body
        theirs = library.opus_packet_has_lbrr(packet, len(packet))
        if theirs >= 0:
            found.append((has_copy(packet), theirs == 1))
    assert all(ours == theirs for ours, theirs in found)
    assert {True, False} == {theirs for _, theirs in found}
