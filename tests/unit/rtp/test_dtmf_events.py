"""Tones of a telephone in RTP."""

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


def test_a_tone_is_told_of_at_each_step_and_its_end_three_times(encoder: DtmfEncoder) -> None:
    packets = list(encoder.encode("9"))
    assert [packet.payload for packet in packets] == [
        event(9, 160),
        event(9, 320),
        event(9, 480),
        event(9, 640),
        *[event(9, 800, end=True)] * 3,
    ]
    assert [round(packet.at, 3) for packet in packets] == [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12]


def test_packets_of_a_tone_share_its_timestamp_and_the_first_has_the_marker(
    encoder: DtmfEncoder,
) -> None:
    packets = list(encoder.encode("12"))
    assert [packet.offset for packet in packets] == [0] * 7 + [1360] * 7
    assert [packet.marker for packet in packets] == [True, *[False] * 6] * 2
    assert [packet.tone for packet in packets] == ["1"] * 7 + ["2"] * 7


def test_every_tone_has_its_event(encoder: DtmfEncoder) -> None:
    codes = [packet.payload[0] for packet in encoder.encode(TONES) if packet.marker]
    assert codes == list(range(16))
    assert TONES == "0123456789*#ABCD"


def test_letters_may_be_small(encoder: DtmfEncoder) -> None:
    assert list(encoder.encode("abcd")) == list(encoder.encode("ABCD"))


def test_a_comma_is_a_pause_of_two_seconds(encoder: DtmfEncoder) -> None:
    packets = [packet for packet in encoder.encode("1,2") if packet.marker]
    assert [packet.at for packet in packets] == [0, pytest.approx(0.17 + PAUSE_LENGTH)]
    assert packets[1].offset == round((0.17 + PAUSE_LENGTH) * RATE)
    assert encoder.length("1,2") == pytest.approx(0.34 + PAUSE_LENGTH)


def test_what_is_no_tone_is_refused(encoder: DtmfEncoder) -> None:
    with pytest.raises(ValueError, match="substring not found"):
        list(encoder.encode("1E"))


def test_a_tone_that_is_no_multiple_of_the_step_ends_when_it_should() -> None:
    encoder = DtmfEncoder(clock_rate=RATE, duration=50, step=20)
    assert [packet.payload[2:] for packet in encoder.encode("1")] == [
        (160).to_bytes(2, "big"),
        (320).to_bytes(2, "big"),
        *[(400).to_bytes(2, "big")] * 3,
    ]


@pytest.mark.parametrize(("duration", "gap", "step"), [(40, 30, 50), (40, 30, 20), (6000, 30, 50)])
def test_no_packet_comes_after_the_next_tone_has_begun(duration: int, gap: int, step: int) -> None:
    encoder = DtmfEncoder(clock_rate=48_000, duration=duration, gap=gap, step=step)
    times = [packet.at for packet in encoder.encode("12345")]
    assert times == sorted(times)


def test_a_long_tone_goes_on_in_segments() -> None:
    # RFC 4733 section 2.5.1.3: 3 s at 48 kHz are two whole segments and a rest.
    packets = list(DtmfEncoder(clock_rate=48_000, duration=3000).encode("5"))
    assert sorted({packet.offset for packet in packets}) == [0, 0xFFFF, 2 * 0xFFFF]
    assert [packet.offset for packet in packets if packet.payload[1] & 0x80] == [2 * 0xFFFF] * 3
    assert [packet.marker for packet in packets].count(True) == 1
    longest = [packet for packet in packets if packet.payload[2:] == b"\xff\xff"]
    assert [packet.offset for packet in longest] == [0] * 3 + [0xFFFF] * 3


@pytest.mark.parametrize("rate", [8000, 48_000])
@pytest.mark.parametrize("duration", [40, 100, 6000])
def test_what_is_sent_is_heard(rate: int, duration: int) -> None:
    encoder = DtmfEncoder(clock_rate=rate, duration=duration)
    packets = encoder.encode("0123456789*#ABCD,55")
    assert heard(DtmfDecoder(rate), *packets, base=0xFFFFFF00) == [
        DtmfTone(tone, duration / 1000) for tone in "0123456789*#ABCD55"
    ]


@pytest.mark.parametrize("index", range(7))
def test_one_packet_is_enough(encoder: DtmfEncoder, decoder: DtmfDecoder, index: int) -> None:
    packet = list(encoder.encode("9"))[index]
    (tone,) = heard(decoder, packet)
    assert tone == DtmfTone("9", min(index + 1, 5) * 0.02)


@pytest.mark.parametrize("lost", range(1, 7))
def test_the_same_tone_twice_is_heard_twice_without_its_ends(
    encoder: DtmfEncoder, decoder: DtmfDecoder, lost: int
) -> None:
    packets = list(encoder.encode("55"))
    kept = packets[: 7 - lost] + packets[7 : 14 - lost]
    assert [tone.tone for tone in heard(decoder, *kept)] == ["5", "5"]


def test_a_tone_is_told_of_when_it_ends_and_not_before(
    encoder: DtmfEncoder, decoder: DtmfDecoder
) -> None:
    told = [
        decoder.receive(packet.payload, packet.offset, packet.at) for packet in encoder.encode("7")
    ]
    assert told == [(), (), (), (), (DtmfTone("7", 0.1),), (), ()]


def test_a_tone_without_an_end_is_told_of_when_nothing_more_is_heard(decoder: DtmfDecoder) -> None:
    assert decoder.deadline is None
    assert decoder.receive(event(3, 160), 1000, now=5.0) == ()
    assert decoder.receive(event(3, 320), 1000, now=5.02) == ()
    assert decoder.deadline == pytest.approx(5.02 + EVENT_TIMEOUT)
    assert decoder.advance(5.02 + EVENT_TIMEOUT - 0.001) == ()
    assert decoder.advance(5.02 + EVENT_TIMEOUT) == (DtmfTone("3", 0.04),)
    assert decoder.deadline is None
    assert decoder.receive(event(3, 800, end=True), 1000, now=9.0) == ()


def test_packets_out_of_order_make_one_tone(encoder: DtmfEncoder, decoder: DtmfDecoder) -> None:
    packets = list(encoder.encode("12"))
    mixed = [packets[index] for index in (1, 0, 3, 2, 7, 4, 5, 6, 9, 8, 11, 10, 13, 12)]
    assert [tone.tone for tone in heard(decoder, *mixed)] == ["1", "2"]


def test_a_tone_is_as_long_as_the_longest_that_was_told(decoder: DtmfDecoder) -> None:
    decoder.receive(event(1, 480), 0, now=0.0)
    decoder.receive(event(1, 320), 0, now=0.01)
    assert decoder.advance(9.0) == (DtmfTone("1", 0.06),)


def test_a_tone_that_comes_wholly_after_the_next_is_heard(decoder: DtmfDecoder) -> None:
    assert decoder.receive(event(2, 160), 5000, now=1.0) == ()
    assert decoder.receive(event(1, 800, end=True), 3000, now=1.01) == (DtmfTone("1", 0.1),)
    assert decoder.receive(event(1, 800, end=True), 3000, now=1.02) == ()
    assert decoder.receive(event(2, 800, end=True), 5000, now=1.08) == (DtmfTone("2", 0.1),)


def test_a_segment_of_which_the_end_was_lost_is_gone_on_with(decoder: DtmfDecoder) -> None:
    packets = list(DtmfEncoder(clock_rate=48_000, duration=3000).encode("5"))
    kept = [packet for packet in packets if packet.payload[2:] != b"\xff\xff"]
    assert heard(DtmfDecoder(48_000), *kept) == [DtmfTone("5", 3.0)]


def test_events_that_share_a_packet_are_all_heard(decoder: DtmfDecoder) -> None:
    # RFC 4733 section 2.5.1.5.
    payload = event(1, 400, end=True) + event(2, 240, end=True) + event(3, 80)
    assert decoder.receive(payload, 0xFFFFFFF0, now=0.0) == (
        DtmfTone("1", 0.05),
        DtmfTone("2", 0.03),
    )
    assert decoder.receive(event(3, 160, end=True), 624, now=0.1) == (DtmfTone("3", 0.02),)


@pytest.mark.parametrize("number", [16, 36, 144, 255])
def test_events_other_than_tones_are_left_out(decoder: DtmfDecoder, number: int) -> None:
    assert decoder.receive(event(number, 800, end=True), 0, now=0.0) == ()
    assert decoder.deadline is None


@pytest.mark.parametrize("payload", [b"", b"\x01", event(1, 1)[:3], event(1, 1) + b"\x00"])
def test_a_payload_of_no_whole_events_is_malformed(decoder: DtmfDecoder, payload: bytes) -> None:
    with pytest.raises(MalformedError):
        decoder.receive(payload, 0, now=0.0)
