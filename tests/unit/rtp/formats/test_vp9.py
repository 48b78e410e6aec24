"""VP9: the descriptors of RFC 9628 in both modes, and layers of one picture."""

from __future__ import annotations

import pytest

from peer.rtp.formats import FrameShape
from peer.rtp.formats.vp9 import Vp9Format
from peer.rtp.formats.vp9_bitstream import frames_of
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import decoded, encoded

# Uncompressed headers: frame marker 2, profile 0, then show_existing_frame and frame_type.
KEY = b"\x82\x49\x83\x42" + bytes(12)
INTER = b"\x86\x00" + bytes(14)
INTRA_ONLY = b"\x84\x49\x83\x42" + bytes(12)

B, E, P, L, F, I, V = 0x08, 0x04, 0x40, 0x20, 0x10, 0x80, 0x02  # noqa: E741 - RFC 9628 names it I

# RFC 9628 section 4.2, figures 2 and 3: the first octet's bits, and what follows them.
NON_FLEXIBLE = {
    "nothing more": (0, ""),
    "picture id of 7 bits": (I, "11"),
    "picture id of 15 bits": (I, "9267"),
    "layers": (I | L, "9267 20 05"),
    "layers without a picture id": (L, "20 05"),
    "structure": (I | L | V, "9267 00 05 18 0280 0168 01 04 01"),
    "structure without sizes": (I | V, "11 08 02 04 01 24 02"),
    "structure of three layers": (I | L | V, "11 00 05 50 0140 00b4 0280 0168 0500 02d0"),
    "structure without anything": (I | V, "11 00"),
    "structure with pictures of 0 to 3 references": (V, "08 04 00 04 01 28 01 02 4c 01 02 03"),
}
FLEXIBLE = {
    "no references": (I | F, "9267"),
    "layers": (I | L | F, "9267 30"),
    "one reference": (I | F | P, "9267 02"),
    "two references": (I | F | P, "11 03 04"),
    "three references and layers": (I | L | F | P, "9267 30 03 05 06"),
    "references and a structure": (I | L | F | P | V, "9267 30 02 10 0280 0168"),
}
ALL = [*NON_FLEXIBLE.values(), *FLEXIBLE.values()]


def head(flags: int, rest: str) -> bytes:
    return bytes((flags,)) + bytes.fromhex(rest)


@pytest.mark.parametrize(("flags", "rest"), ALL)
def test_vp9_descriptor_is_removed(flags: int, rest: str) -> None:
    fmt = Vp9Format()
    for frame in (KEY, INTER):
        payload = head(flags | B | E, rest) + frame
        assert fmt.assemble([payload]) == frame
        assert fmt.is_keyframe_start(payload) is (frame is KEY and not flags & P)


@pytest.mark.parametrize(("flags", "rest"), ALL)
def test_vp9_payload_that_ends_within_descriptor_is_refused(flags: int, rest: str) -> None:
    whole = head(flags | B | E, rest)
    for length in range(len(whole) + 1):
        assert not Vp9Format().is_keyframe_start(whole[:length])
        with pytest.raises(MalformedError):
            Vp9Format().assemble([whole[:length]])


def test_vp9_frame_refers_to_three_others_at_most() -> None:
    with pytest.raises(MalformedError):
        Vp9Format().assemble([head(I | F | P | B | E, "11 03 03 03 02") + INTER])


def test_vp9_intra_only_frame_is_no_key_frame() -> None:
    assert not Vp9Format().is_keyframe_start(head(B | E | I, "11") + INTRA_ONLY)
    assert Vp9Format().describe(INTRA_ONLY) == FrameShape(False)


def test_vp9_payloads_have_one_beginning_and_one_end() -> None:
    fmt = Vp9Format()
    first, middle, last = head(I | B, "11"), head(I, "11"), head(I | E, "11")
    assert fmt.assemble([first + KEY, middle + b"b", last + b"c"]) == KEY + b"bc"
    for wrong in (
        [first],
        [last],
        [first, middle],
        [middle, last],
        [first, first, last],
        [first, last, middle],
        [first, last, first, middle],
    ):
        with pytest.raises(MalformedError):
            fmt.assemble([part + KEY for part in wrong])


def test_vp9_layers_of_one_picture_become_superframe() -> None:
    low, high = (frame.data for frame in encoded("VP9")[:2])
    layers = [
        head(I | L | F | B, "11 20") + low[:3000],
        head(I | L | F | E, "11 20") + low[3000:],
        head(I | L | F | B | E, "11 23") + high,
    ]
    picture = Vp9Format().assemble(layers)

    assert frames_of(picture) == [low, high]
    # A decoder divides it in the same way.
    apart, together = decoded("VP9", [low, high]), decoded("VP9", [picture])
    assert len(together) == 2
    assert (together[0] == apart[0]).all()
    assert (together[1] == apart[1]).all()
    assert Vp9Format().describe(picture).keyframe


def test_vp9_layers_beyond_superframe_limit_are_refused() -> None:
    layer = head(B | E, "") + INTER
    assert len(frames_of(Vp9Format().assemble([layer] * 8))) == 8
    with pytest.raises(MalformedError):
        Vp9Format().assemble([layer] * 9)


def test_vp9_descriptor_bytes_written() -> None:
    fmt = Vp9Format()
    key, delta = encoded("VP9")[:2]
    first = fmt.packetize(key.data, keyframe=True, limit=1200)
    second = fmt.packetize(delta.data, keyframe=False, limit=1200)

    # V with Y and G; one layer of 176 by 112; one picture that refers to the last.
    structure = "18 00b0 0070 01 04 01"
    assert first[0].startswith(head(I | L | B | V, "8000 00 00" + structure) + b"\x82")
    assert all(payload.startswith(head(I | L, "8000 00 00")) for payload in first[1:-1])
    assert first[-1].startswith(head(I | L | E, "8000 00 00"))
    # libwebrtc drops what does not count TL0PICIDX on.
    assert second[0].startswith(head(I | P | L | B, "8001 00 01") + b"\x86")
    assert second[-1].startswith(head(I | P | L | E, "8001 00 01"))


def test_vp9_picture_id_and_tl0picidx_wrap() -> None:
    fmt = Vp9Format()
    heads = [fmt.packetize(INTER, keyframe=False, limit=64)[0][:5] for _ in range((1 << 15) + 1)]
    assert [h[1] << 8 | h[2] for h in heads] == [0x8000 | n for n in [*range(1 << 15), 0]]
    assert [h[4] for h in heads[255:258]] == [255, 0, 1]


def test_vp9_key_frame_without_size_has_no_scalability_structure() -> None:
    payload = Vp9Format().packetize(b"\x82" + bytes(8), keyframe=True, limit=64)[0]
    assert payload[0] == I | L | B | E
