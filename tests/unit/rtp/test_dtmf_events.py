"""Telephone events (RFC 4733) are encoded and decoded."""

from __future__ import annotations

import pytest

from peer.rtp.dtmf_events import (
    EVENT_TIMEOUT,
    PAUSE_LENGTH,
    TONES,
    DtmfDecoder,
    DtmfEncoder,
    DtmfPacket,
    DtmfTone,
)
from peer.rtp.malformed import MalformedError

RATE = 8000


@pytest.fixture
def encoder() -> DtmfEncoder:
    return DtmfEncoder(clock_rate=RATE)


@pytest.fixture
def decoder() -> DtmfDecoder:
    return DtmfDecoder(RATE)


def event(number: int, duration: int, *, end: bool = False) -> bytes:
    """RFC 4733 section 2.3, at -10 dBm0."""
    return bytes((number, 0x8A if end else 0x0A)) + duration.to_bytes(2, "big")


def heard(decoder: DtmfDecoder, *packets: DtmfPacket, base: int = 0) -> list[DtmfTone]:
    """The tones of these packets, and of the time after them."""
    tones = [
        tone
        for packet in packets
        for tone in decoder.receive(packet.payload, base + packet.offset & 0xFFFFFFFF, packet.at)
    ]
    return [*tones, *decoder.advance((packets[-1].at if packets else 0) + 10)]


def test_dtmf_event_is_updated_at_each_step_and_ends_three_times(encoder: DtmfEncoder) -> None:
    packets = list(encoder.encode("9"))
    assert [packet.payload for packet in packets] == [
        event(9, 160),
        event(9, 320),
        event(9, 480),
        event(9, 640),
        *[event(9, 800, end=True)] * 3,
    ]
    assert [round(packet.at, 3) for packet in packets] == [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12]


def test_dtmf_packets_share_a_timestamp_and_a_first_marker(
    encoder: DtmfEncoder,
) -> None:
    packets = list(encoder.encode("12"))
    assert [packet.offset for packet in packets] == [0] * 7 + [1360] * 7
    assert [packet.marker for packet in packets] == [True, *[False] * 6] * 2
    assert [packet.tone for packet in packets] == ["1"] * 7 + ["2"] * 7


def test_every_dtmf_tone_has_its_event_code(encoder: DtmfEncoder) -> None:
    codes = [packet.payload[0] for packet in encoder.encode(TONES) if packet.marker]
    assert codes == list(range(16))
    assert TONES == "0123456789*#ABCD"


def test_dtmf_letters_may_be_lower_case(encoder: DtmfEncoder) -> None:
    assert list(encoder.encode("abcd")) == list(encoder.encode("ABCD"))


def test_dtmf_events_comma_is_a_pause_of_two_seconds(encoder: DtmfEncoder) -> None:
    packets = [packet for packet in encoder.encode("1,2") if packet.marker]
    assert [packet.at for packet in packets] == [0, pytest.approx(0.17 + PAUSE_LENGTH)]
    assert packets[1].offset == round((0.17 + PAUSE_LENGTH) * RATE)
    assert encoder.length("1,2") == pytest.approx(0.34 + PAUSE_LENGTH)


def test_dtmf_encoder_refuses_other_characters(encoder: DtmfEncoder) -> None:
    with pytest.raises(ValueError, match="substring not found"):
        list(encoder.encode("1E"))


def test_dtmf_tone_of_odd_duration_ends_in_time() -> None:
    encoder = DtmfEncoder(clock_rate=RATE, duration=50, step=20)
    assert [packet.payload[2:] for packet in encoder.encode("1")] == [
        (160).to_bytes(2, "big"),
        (320).to_bytes(2, "big"),
        *[(400).to_bytes(2, "big")] * 3,
    ]


@pytest.mark.parametrize(("duration", "gap", "step"), [(40, 30, 50), (40, 30, 20), (6000, 30, 50)])
def test_dtmf_packets_end_before_the_next_tone(duration: int, gap: int, step: int) -> None:
    encoder = DtmfEncoder(clock_rate=48_000, duration=duration, gap=gap, step=step)
    times = [packet.at for packet in encoder.encode("12345")]
    assert times == sorted(times)


def test_long_dtmf_event_is_sent_in_segments() -> None:
    # RFC 4733 section 2.5.1.3: 3 s at 48 kHz are two whole segments and a rest.
    packets = list(DtmfEncoder(clock_rate=48_000, duration=3000).encode("5"))
    assert sorted({packet.offset for packet in packets}) == [0, 0xFFFF, 2 * 0xFFFF]
    assert [packet.offset for packet in packets if packet.payload[1] & 0x80] == [2 * 0xFFFF] * 3
    assert [packet.marker for packet in packets].count(True) == 1
    longest = [packet for packet in packets if packet.payload[2:] == b"\xff\xff"]
    assert [packet.offset for packet in longest] == [0] * 3 + [0xFFFF] * 3


@pytest.mark.parametrize("rate", [8000, 48_000])
@pytest.mark.parametrize("duration", [40, 100, 6000])
def test_dtmf_events_round_trip(rate: int, duration: int) -> None:
    encoder = DtmfEncoder(clock_rate=rate, duration=duration)
    packets = encoder.encode("0123456789*#ABCD,55")
    assert heard(DtmfDecoder(rate), *packets, base=0xFFFFFF00) == [
        DtmfTone(tone, duration / 1000) for tone in "0123456789*#ABCD55"
    ]


@pytest.mark.parametrize("index", range(7))
def test_one_packet_is_enough_to_decode_a_dtmf_tone(
    encoder: DtmfEncoder, decoder: DtmfDecoder, index: int
) -> None:
    packet = list(encoder.encode("9"))[index]
    (tone,) = heard(decoder, packet)
    assert tone == DtmfTone("9", min(index + 1, 5) * 0.02)


@pytest.mark.parametrize("lost", range(1, 7))
def test_repeated_dtmf_tone_is_decoded_twice_without_ends(
    encoder: DtmfEncoder, decoder: DtmfDecoder, lost: int
) -> None:
    packets = list(encoder.encode("55"))
    kept = packets[: 7 - lost] + packets[7 : 14 - lost]
    assert [tone.tone for tone in heard(decoder, *kept)] == ["5", "5"]


def test_dtmf_tone_is_decoded_when_it_ends(encoder: DtmfEncoder, decoder: DtmfDecoder) -> None:
    told = [
        decoder.receive(packet.payload, packet.offset, packet.at) for packet in encoder.encode("7")
    ]
    assert told == [(), (), (), (), (DtmfTone("7", 0.1),), (), ()]


def test_dtmf_tone_without_an_end_times_out(decoder: DtmfDecoder) -> None:
    assert decoder.deadline is None
    assert decoder.receive(event(3, 160), 1000, now=5.0) == ()
    assert decoder.receive(event(3, 320), 1000, now=5.02) == ()
    assert decoder.deadline == pytest.approx(5.02 + EVENT_TIMEOUT)
    assert decoder.advance(5.02 + EVENT_TIMEOUT - 0.001) == ()
    assert decoder.advance(5.02 + EVENT_TIMEOUT) == (DtmfTone("3", 0.04),)
    assert decoder.deadline is None
    assert decoder.receive(event(3, 800, end=True), 1000, now=9.0) == ()


def test_reordered_dtmf_packets_make_one_tone(encoder: DtmfEncoder, decoder: DtmfDecoder) -> None:
    packets = list(encoder.encode("12"))
    mixed = [packets[index] for index in (1, 0, 3, 2, 7, 4, 5, 6, 9, 8, 11, 10, 13, 12)]
    assert [tone.tone for tone in heard(decoder, *mixed)] == ["1", "2"]


def test_dtmf_tone_has_the_longest_duration_received(decoder: DtmfDecoder) -> None:
    decoder.receive(event(1, 480), 0, now=0.0)
    decoder.receive(event(1, 320), 0, now=0.01)
    assert decoder.advance(9.0) == (DtmfTone("1", 0.06),)


def test_dtmf_tone_that_arrives_after_the_next_is_decoded(decoder: DtmfDecoder) -> None:
    assert decoder.receive(event(2, 160), 5000, now=1.0) == ()
    assert decoder.receive(event(1, 800, end=True), 3000, now=1.01) == (DtmfTone("1", 0.1),)
    assert decoder.receive(event(1, 800, end=True), 3000, now=1.02) == ()
    assert decoder.receive(event(2, 800, end=True), 5000, now=1.08) == (DtmfTone("2", 0.1),)


def test_dtmf_segment_continues_after_a_lost_end(decoder: DtmfDecoder) -> None:
    packets = list(DtmfEncoder(clock_rate=48_000, duration=3000).encode("5"))
    kept = [packet for packet in packets if packet.payload[2:] != b"\xff\xff"]
    assert heard(DtmfDecoder(48_000), *kept) == [DtmfTone("5", 3.0)]


def test_dtmf_events_in_one_packet_are_all_decoded(decoder: DtmfDecoder) -> None:
    # RFC 4733 section 2.5.1.5.
    payload = event(1, 400, end=True) + event(2, 240, end=True) + event(3, 80)
    assert decoder.receive(payload, 0xFFFFFFF0, now=0.0) == (
        DtmfTone("1", 0.05),
        DtmfTone("2", 0.03),
    )
    assert decoder.receive(event(3, 160, end=True), 624, now=0.1) == (DtmfTone("3", 0.02),)


@pytest.mark.parametrize("number", [16, 36, 144, 255])
def test_other_telephone_events_are_ignored(decoder: DtmfDecoder, number: int) -> None:
    assert decoder.receive(event(number, 800, end=True), 0, now=0.0) == ()
    assert decoder.deadline is None


@pytest.mark.parametrize("payload", [b"", b"\x01", event(1, 1)[:3], event(1, 1) + b"\x00"])
def test_truncated_telephone_event_is_malformed(decoder: DtmfDecoder, payload: bytes) -> None:
    with pytest.raises(MalformedError):
        decoder.receive(payload, 0, now=0.0)
