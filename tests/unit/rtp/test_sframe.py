"""SFrame (RFC 9605): the vectors of the RFC, keys by their numbers, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.errors import ConfigurationError
from peer.rtp.frame_transform import FrameToSend
from peer.rtp.sframe import (
    MAX_KEYS,
    SFrameError,
    SFrameHeader,
    SFrameKey,
    SFrameReceiver,
    SFrameSender,
    SFrameSuite,
    ratcheted,
)
from peer.rtp_parameters import Codec, MediaKind

BASE_KEY = bytes(range(16))
OPUS = Codec(kind=MediaKind.AUDIO, name="opus", payload_type=96, clock_rate=48000, channels=2)
VP8, H264 = (
    Codec(kind=MediaKind.VIDEO, name=name, payload_type=97, clock_rate=90000)
    for name in ("VP8", "H264")
)
#: Appendix C.3 of RFC 9605: `draft-ietf-sframe-enc` with the metadata `IETF SFrame WG`.
VECTORS = {
    1: "9901234567449408b6f490086165b9d6f62b24ae1a59a56486b4ae8ed036b88912e24f11",
    2: "99012345673f31438db4d09434e43afa0f8a2f00867a2be085046a9f5cb4f101d607",
    3: "990123456717fc8af28a5a695afcfc6c8df6358a17e26b2fcb3bae32e443",
    4: "9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb",
    5: "990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279",
}


@pytest.mark.parametrize("suite", SFrameSuite)
def test_frames_are_encrypted_as_the_vectors_of_rfc_9605_say(suite: SFrameSuite) -> None:
    key = SFrameKey(BASE_KEY, kid=0x123, suite=suite)
    sealed = key.encrypt(b"draft-ietf-sframe-enc", 0x4567, metadata=b"IETF SFrame WG")
    assert sealed.hex() == VECTORS[suite]
    header, rest = SFrameHeader.parse(sealed)
    assert header == SFrameHeader(0x123, 0x4567)
    assert key.decrypt(header, rest, metadata=b"IETF SFrame WG") == b"draft-ietf-sframe-enc"


@pytest.mark.parametrize(
    ("kid", "counter", "text"),
    [
        (0, 0, "00"),
        (0, 255, "08ff"),
        (1, 2**64 - 1, "1fffffffffffffffff"),
        (255, 1, "81ff"),
        (256, 256, "9901000100"),
        (65536, 16777216, "ab01000001000000"),
        (2**64 - 1, 2**64 - 1, "ffffffffffffffffffffffffffffffffff"),
    ],
)
def test_headers_are_as_the_vectors_of_rfc_9605_say(kid: int, counter: int, text: str) -> None:
    header = SFrameHeader(kid, counter)
    assert bytes(header).hex() == text
    assert SFrameHeader.parse(bytes.fromhex(text) + b"rest") == (header, b"rest")


def audio(payload: bytes) -> FrameToSend:
    return FrameToSend(OPUS, payload, keyframe=True)


@pytest.mark.parametrize("suite", SFrameSuite)
def test_receiver_has_back_what_the_sender_was_given(suite: SFrameSuite) -> None:
    sends = SFrameSender(BASE_KEY, generation=9, suite=suite)
    takes = SFrameReceiver({9: BASE_KEY}, suite=suite)
    sealed = [sends(audio(b"the same")) for _ in range(20)]
    assert len(set(sealed)) == 20
    # Order does not matter: frames may be lost.
    assert {takes(audio(each)) for each in reversed(sealed)} == {b"the same"}


@pytest.mark.parametrize("keyframe", [True, False])
def test_headers_of_vp8_stay_readable_and_cannot_be_changed(keyframe: bool) -> None:
    payload, clear = bytes(range(60)), 10 if keyframe else 3
    sealed = SFrameSender(BASE_KEY)(FrameToSend(VP8, payload, keyframe))
    assert sealed[:clear] == payload[:clear]
    assert payload[clear:] not in sealed
    takes = SFrameReceiver({0: BASE_KEY})
    assert takes(FrameToSend(VP8, sealed, keyframe)) == payload
    changed = bytes((sealed[0] ^ 2,)) + sealed[1:]
    assert takes(FrameToSend(VP8, changed, keyframe)) is None
    assert takes.refused == 1


@pytest.mark.parametrize("suite", SFrameSuite)
def test_changed_or_foreign_frames_are_dropped(suite: SFrameSuite) -> None:
    sealed = SFrameSender(BASE_KEY, suite=suite)(audio(b"hello"))
    takes = SFrameReceiver({0: BASE_KEY}, suite=suite)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        assert takes(audio(bytes(changed))) is None
    assert SFrameReceiver({0: b"another secret"}, suite=suite)(audio(sealed)) is None
    assert SFrameReceiver({1: BASE_KEY}, suite=suite)(audio(sealed)) is None


def test_ratchet_is_followed_and_keys_of_before_are_forgotten() -> None:
    sends = SFrameSender(BASE_KEY, generation=3, ratchet_bits=2)
    takes = SFrameReceiver({3: BASE_KEY}, ratchet_bits=2)
    former = sends(audio(b"0"))
    for step in range(1, 9):
        sends.ratchet()
        late = former
        former = sends(audio(b"%d" % step))
        assert takes(audio(former)) == b"%d" % step
        assert takes(audio(late)) is not None
    assert SFrameHeader.parse(former)[0].kid == 3 << 2
    # One that was lost on the way is stepped over.
    sends.ratchet()
    sends.ratchet()
    assert takes(audio(sends(audio(b"on")))) == b"on"


def test_forged_key_number_does_not_turn_the_ratchet() -> None:
    sends = SFrameSender(BASE_KEY, ratchet_bits=2)
    takes = SFrameReceiver({0: BASE_KEY}, ratchet_bits=2)
    sealed = sends(audio(b"hello"))
    for kid in range(1, 4):
        assert takes(audio(bytes(SFrameHeader(kid, 0)) + sealed[1:])) is None
    assert takes(audio(sealed)) == b"hello"


def test_ratcheted_secret_is_another_one_of_the_length_of_the_hash() -> None:
    one = ratcheted(BASE_KEY, SFrameSuite.AES_128_GCM_SHA256_128)
    assert (len(one), one == BASE_KEY) == (32, False)
    assert len(ratcheted(BASE_KEY, SFrameSuite.AES_256_GCM_SHA512_128)) == 64


def test_keys_of_a_receiver_are_bounded_and_can_be_taken_back() -> None:
    takes = SFrameReceiver(dict.fromkeys(range(MAX_KEYS + 1), BASE_KEY))
    sealed = {n: SFrameSender(BASE_KEY, generation=n)(audio(b"x")) for n in (0, 1, MAX_KEYS)}
    assert [takes(audio(each)) for each in sealed.values()] == [None, b"x", b"x"]
    takes.remove_key(1)
    assert takes(audio(sealed[1])) is None


def test_other_codecs_and_values_are_refused_by_name() -> None:
    with pytest.raises(SFrameError, match="audio and VP8 here, not h264"):
        SFrameSender(BASE_KEY)(FrameToSend(H264, b"\0\0\0\1\x65", keyframe=True))
    for bits, generation in ((7, 0), (0, 1 << 64), (0, -1)):
        with pytest.raises(ConfigurationError):
            SFrameSender(BASE_KEY, ratchet_bits=bits, generation=generation)
    with pytest.raises(ConfigurationError, match="empty"):
        SFrameReceiver({0: b""})
    with pytest.raises(ConfigurationError, match="ratchet_bits"):
        SFrameSender(BASE_KEY).ratchet()


@given(st.binary(max_size=40))
def test_no_octets_raise_and_none_decrypts(data: bytes) -> None:
    assert SFrameReceiver({0: BASE_KEY}, ratchet_bits=2)(audio(data)) is None
