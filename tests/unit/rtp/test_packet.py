"""RTP packets and header extensions on the wire and as values."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket as TheirPacket

from peer.rtp.malformed import MalformedError
from peer.rtp.packet import (
    ABS_CAPTURE_TIME,
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    PLAYOUT_DELAY,
    REPAIRED_RID,
    RID,
    TRANSPORT_CC,
    AbsoluteCaptureTime,
    ExtensionIds,
    PlayoutDelay,
    RtpPacket,
    abs_send_time,
    elements,
    read_abs_send_time,
    read_transport_sequence_number,
    write_elements,
)
from peer.rtp_parameters import HeaderExtension
from peer.times import UnixTime

#: RFC 3550 section 5.1, field by field: V=2; M=1, PT=96; sequence number; timestamp; SSRC.
PLAIN = bytes.fromhex("80 e0 1234 01020304 deadbeef") + b"media"
#: The same with P, X and CC=2; the extension of section 5.3.1; and three octets of padding.
FULL = (
    bytes.fromhex("b2 60 1234 01020304 deadbeef 00000001 fffffffe bede0001 10ff0000")
    + b"media"
    + bytes.fromhex("000003")
)


def packet(**changes: object) -> RtpPacket:
    fields: dict[str, object] = {
        "payload_type": 96,
        "sequence_number": 0x1234,
        "timestamp": 0x01020304,
        "ssrc": 0xDEADBEEF,
        "payload": b"media",
    }
    return RtpPacket(**{**fields, **changes})  # type: ignore[arg-type] # what it tests


FULL_PACKET = packet(
    csrcs=(1, 0xFFFFFFFE), profile=0xBEDE, extension=bytes.fromhex("10ff0000"), padding=3
)


def test_a_plain_packet_is_read() -> None:
    assert RtpPacket.parse(PLAIN) == packet(marker=True)


def test_a_packet_with_everything_is_read() -> None:
    assert RtpPacket.parse(FULL) == FULL_PACKET


@pytest.mark.parametrize("data", [PLAIN, FULL])
def test_parsed_packet_is_written_unchanged(data: bytes) -> None:
    assert RtpPacket.parse(data).write() == data


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"marker": True},
        {"marker": True, "payload_type": 0},
        {"payload": b""},
        {"csrcs": tuple(range(15))},
        {"profile": 0x1000, "extension": b"\x01\x00\x00\x00"},
        {"profile": 0xBEDE, "extension": b""},
        {"padding": 255},
        {"padding": 1, "payload": b""},
        {"padding": 4, "profile": 0xBEDE, "extension": bytes(8), "csrcs": (7,)},
        {"payload_type": 127, "sequence_number": 0xFFFF, "timestamp": 0xFFFFFFFF, "ssrc": 0},
    ],
)
def test_written_packet_is_parsed_again(changes: dict[str, object]) -> None:
    written = packet(**changes)
    assert RtpPacket.parse(written.write()) == written


def test_aiortc_reads_our_rtp_packets() -> None:
    theirs = TheirPacket.parse(FULL_PACKET.write())
    assert theirs.sequence_number == FULL_PACKET.sequence_number
    assert theirs.timestamp == FULL_PACKET.timestamp
    assert theirs.ssrc == FULL_PACKET.ssrc
    assert tuple(theirs.csrc) == FULL_PACKET.csrcs
    assert theirs.padding_size == FULL_PACKET.padding
    assert theirs.payload == FULL_PACKET.payload


@pytest.mark.parametrize("data", [PLAIN, FULL], ids=["plain", "full"])
def test_a_packet_cut_short_is_malformed_or_has_less_payload(data: bytes) -> None:
    whole = RtpPacket.parse(data)
    for length in range(len(data)):
        try:
            read = RtpPacket.parse(data[:length])
        except MalformedError:
            continue
        assert len(read.payload) < len(whole.payload)
        assert read.ssrc == whole.ssrc


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an RTP header is cut short"),
        (PLAIN[:11], "an RTP header is cut short"),
        (b"\x00" + PLAIN[1:], "RTP of another version than 2"),
        (b"\x40" + PLAIN[1:], "RTP of another version than 2"),
        (b"\xc0" + PLAIN[1:], "RTP of another version than 2"),
        (b"\x8f" + PLAIN[1:], "an RTP packet ends among its contributing sources"),
        (b"\x90" + PLAIN[1:12], "an RTP packet ends before its header extension"),
        (b"\x90" + PLAIN[1:12] + b"\xbe\xde\x00\x01", "an RTP packet ends within its header"),
        (b"\xa0" + PLAIN[1:12], "an RTP packet has less padding than it says"),
        (b"\xa0" + PLAIN[1:12] + b"\x00", "an RTP packet has less padding than it says"),
        (b"\xa0" + PLAIN[1:12] + b"\x00\x03", "an RTP packet has less padding than it says"),
    ],
)
def test_broken_rtp_header_is_malformed(data: bytes, what: str) -> None:
    with pytest.raises(MalformedError, match=what):
        RtpPacket.parse(data)


def test_packet_may_have_padding_only() -> None:
    read = RtpPacket.parse(b"\xa0" + PLAIN[1:12] + bytes(254) + b"\xff")
    assert (read.payload, read.padding) == (b"", 255)


def test_an_oversized_packet_is_read() -> None:
    read = RtpPacket.parse(PLAIN[:12] + bytes(0xFFFF))
    assert len(read.payload) == 0xFFFF


def test_malformed_error_says_fault_and_offset() -> None:
    with pytest.raises(MalformedError) as caught:
        RtpPacket.parse(PLAIN[:5])
    assert (caught.value.what, caught.value.at) == ("an RTP header is cut short", 5)
    assert str(caught.value) == "an RTP header is cut short (octet 5)"


def test_packets_that_differ_are_not_equal() -> None:
    changes: list[dict[str, object]] = [
        {"payload_type": 97},
        {"marker": True},
        {"sequence_number": 1},
        {"timestamp": 1},
        {"ssrc": 1},
        {"payload": b""},
        {"csrcs": (1,)},
        {"profile": 1},
        {"extension": bytes(4)},
        {"padding": 1},
    ]
    assert packet() == packet()
    assert all(packet(**change) != packet() for change in changes)
    assert packet() != PLAIN


def test_a_packet_is_shown_without_its_payload() -> None:
    assert "media" not in repr(packet())
    assert "5 octets" in repr(packet())


ONE_BYTE, TWO_BYTE = 0xBEDE, 0x1000


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def test_the_example_of_rfc_8285_section_4_2_is_read() -> None:
    # One octet of data, two, two of padding in the middle, four: ids and data are ours.
    extension = octets("10 a1  21 b1b2  00 00  33 c1c2c3c4")
    assert elements(ONE_BYTE, extension) == {
        1: octets("a1"),
        2: octets("b1b2"),
        3: octets("c1c2c3c4"),
    }


def test_the_example_of_rfc_8285_section_4_3_is_read() -> None:
    # No data, one octet, padding in the middle, four octets.
    extension = octets("01 00  02 01 b1  00  03 04 c1c2c3c4")
    assert elements(TWO_BYTE, extension) == {1: b"", 2: octets("b1"), 3: octets("c1c2c3c4")}


def test_the_application_bits_of_the_two_byte_form_are_ignored() -> None:
    assert elements(0x100F, octets("0501aa00")) == {5: b"\xaa"}


@pytest.mark.parametrize("profile", [0, 1, 0xBEDF, 0x1010, 0xFFFF])
def test_other_profiles_have_no_elements(profile: int) -> None:
    assert elements(profile, octets("10a10000")) == {}


def test_nothing_counts_from_id_15_on() -> None:
    assert elements(ONE_BYTE, octets("10a1 f0ff 20b1 0000")) == {1: b"\xa1"}


def test_nothing_counts_from_padding_with_a_length_on() -> None:
    assert elements(ONE_BYTE, octets("10a1 01ff 20b1 0000")) == {1: b"\xa1"}


def test_id_15_is_an_id_like_others_in_the_two_byte_form() -> None:
    assert elements(TWO_BYTE, octets("0f01aa00")) == {15: b"\xaa"}


@pytest.mark.parametrize(
    ("profile", "extension"),
    [
        (ONE_BYTE, "10"),
        (ONE_BYTE, "10a1 23b1"),
        (ONE_BYTE, "1f00000000000000 0000000000000000"),
        (TWO_BYTE, "01"),
        (TWO_BYTE, "00000001"),
        (TWO_BYTE, "0102a1"),
        (TWO_BYTE, "01ff0000"),
    ],
)
def test_an_element_cut_short_is_malformed(profile: int, extension: str) -> None:
    with pytest.raises(MalformedError):
        elements(profile, octets(extension))


def test_the_longest_element_is_read() -> None:
    assert elements(ONE_BYTE, b"\x1f" + bytes(range(16))) == {1: bytes(range(16))}
    assert elements(TWO_BYTE, b"\x01\xff" + bytes(255)) == {1: bytes(255)}


def test_the_first_of_a_repeated_element_counts() -> None:
    assert elements(ONE_BYTE, octets("10a1 10a2")) == {1: b"\xa1"}
    assert elements(TWO_BYTE, octets("0101a1 0101a2")) == {1: b"\xa1"}


def test_small_elements_are_written_in_the_one_byte_form() -> None:
    assert write_elements([(1, b"\xa1"), (14, octets("b1b2"))]) == (
        ONE_BYTE,
        octets("10a1 e1b1b2 000000"),
    )


@pytest.mark.parametrize(
    ("each", "value"), [(15, b"a"), (255, b"a"), (1, b""), (1, bytes(17)), (1, bytes(255))]
)
def test_large_elements_are_written_in_two_byte_form(each: int, value: bytes) -> None:
    profile, extension = write_elements([(2, b"b"), (each, value)])
    assert profile == TWO_BYTE
    assert len(extension) % 4 == 0
    assert elements(profile, extension) == {2: b"b", each: value}


@pytest.mark.parametrize(("each", "value"), [(0, b"a"), (256, b"a"), (-1, b"a"), (1, bytes(256))])
def test_element_that_fits_no_form_is_refused(each: int, value: bytes) -> None:
    with pytest.raises(ValueError, match="no header extension element"):
        write_elements([(each, value)])


def test_no_elements_make_no_extension() -> None:
    assert write_elements([]) == (0, b"")


@pytest.mark.parametrize("length", range(1, 17))
def test_an_extension_is_padded_to_words(length: int) -> None:
    profile, extension = write_elements([(1, bytes(range(1, length + 1)))])
    assert len(extension) % 4 == 0
    assert len(extension) - length - 1 < 4
    assert elements(profile, extension) == {1: bytes(range(1, length + 1))}


def test_ids_are_found_by_their_uris() -> None:
    uris = [
        MID,
        RID,
        REPAIRED_RID,
        AUDIO_LEVEL,
        ABS_SEND_TIME,
        TRANSPORT_CC,
        ABS_CAPTURE_TIME,
        PLAYOUT_DELAY,
    ]
    given = [HeaderExtension(number, uri) for number, uri in enumerate(uris, 1)]
    assert ExtensionIds.of(given) == ExtensionIds(
        mid=1,
        rid=2,
        repaired_rid=3,
        audio_level=4,
        abs_send_time=5,
        transport_cc=6,
        abs_capture_time=7,
        playout_delay=8,
    )


def test_extension_not_agreed_has_no_id() -> None:
    assert ExtensionIds.of([HeaderExtension(3, "urn:else"), HeaderExtension(9, MID)]) == (
        ExtensionIds(mid=9)
    )


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "000000"), (1, "040000"), (0.5, "020000"), (63.75, "ff0000"), (64, "000000")],
)
def test_a_send_time_has_six_bits_of_seconds(seconds: float, written: str) -> None:
    assert abs_send_time(seconds) == octets(written)
    assert read_abs_send_time(octets(written)) == seconds % 64


def test_a_send_time_is_right_to_4_microseconds() -> None:
    assert read_abs_send_time(abs_send_time(12345.678901)) == pytest.approx(
        12345.678901 % 64, abs=4e-6
    )


@pytest.mark.parametrize(("value", "number"), [("0102", 0x0102), ("ffff8001", 0xFFFF)])
def test_a_transport_number_is_read_in_both_versions(value: str, number: int) -> None:
    assert read_transport_sequence_number(octets(value)) == number


def test_a_capture_time_is_written_as_ntp() -> None:
    # 1 January 1972 and a half second (RFC 5905 figure 4).
    time = AbsoluteCaptureTime(UnixTime(63_072_000.5))
    assert time.write() == octets("876ce580 80000000")
    assert AbsoluteCaptureTime.parse(time.write()) == time


@pytest.mark.parametrize(
    ("offset", "written"),
    [(0.0, "0000000000000000"), (1.5, "0000000180000000"), (-0.25, "ffffffffc0000000")],
)
def test_a_capture_time_may_have_an_offset(offset: float, written: str) -> None:
    time = AbsoluteCaptureTime(UnixTime(63_072_000.0), offset)
    assert time.write()[8:] == octets(written)
    assert AbsoluteCaptureTime.parse(time.write()) == time


@pytest.mark.parametrize(
    ("delay", "written"),
    [
        (PlayoutDelay(0, 0), "000000"),
        (PlayoutDelay(0.01, 0.02), "001002"),
        (PlayoutDelay(0.1, 40.95), "00afff"),
    ],
)
def test_a_playout_delay_is_in_units_of_10_ms(delay: PlayoutDelay, written: str) -> None:
    assert delay.write() == octets(written)
    assert PlayoutDelay.parse(octets(written)) == delay


def test_a_playout_delay_is_written_within_its_bounds() -> None:
    assert PlayoutDelay(-1, 99).write() == octets("000fff")


@pytest.mark.parametrize("length", [0, 1, 2, 4, 7, 9, 15, 17])
def test_element_values_of_other_lengths_are_malformed(length: int) -> None:
    value = bytes(length)
    for read in (read_abs_send_time, AbsoluteCaptureTime.parse, PlayoutDelay.parse):
        with pytest.raises(MalformedError):
            read(value)


@pytest.mark.parametrize("length", [0, 1, 3, 5])
def test_a_transport_number_of_another_length_is_malformed(length: int) -> None:
    with pytest.raises(MalformedError):
        read_transport_sequence_number(bytes(length))


def test_a_playout_delay_that_contradicts_itself_is_malformed() -> None:
    with pytest.raises(MalformedError):
        PlayoutDelay.parse(octets("002001"))
