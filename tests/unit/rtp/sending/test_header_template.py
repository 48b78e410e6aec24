"""RTP headers from a template: fixed fields, fields per packet, and both forms of extensions."""

from __future__ import annotations

import pytest

from peer.rtp.packet import ExtensionIds, RtpPacket, abs_send_time, elements
from peer.rtp.sending.header_template import HeaderTemplate, marker_and_payload_type

IDS = ExtensionIds(mid=4, transport_cc=5, abs_send_time=6, audio_level=7)


def parsed(header: HeaderTemplate, *, number: int = 0, now: float = 0.0) -> RtpPacket:
    written = header.write(
        marker_and_payload_type=marker_and_payload_type(96, marker=True),
        sequence_number=0xFFFE,
        timestamp=0xFFFFFFFD,
        transport_sequence_number=number,
        now=now,
    )
    assert len(written) == header.size
    return RtpPacket.parse(bytes(written) + b"payload")


def test_header_has_the_fixed_rtp_fields() -> None:
    packet = parsed(HeaderTemplate(0xDEADBEEF, ExtensionIds()))
    assert packet == RtpPacket(
        payload_type=96,
        marker=True,
        sequence_number=0xFFFE,
        timestamp=0xFFFFFFFD,
        ssrc=0xDEADBEEF,
        payload=b"payload",
    )


def test_run_of_packets_has_consecutive_numbers_and_a_last_marker() -> None:
    header = HeaderTemplate(1, IDS, [(IDS.mid, b"v")])
    payloads = [b"a", b"b", b"c"]
    for _ in range(2):
        written = header.write_packets(
            payloads,
            marker_and_payload_type=96,
            last_marker_and_payload_type=0x80 | 96,
            sequence_number=0xFFFE,
            timestamp=7,
            transport_sequence_number=0xFFFF,
            now=70.5,
        )
        packets = [RtpPacket.parse(each) for each in written]
        assert [each.payload for each in packets] == payloads
        assert [each.sequence_number for each in packets] == [0xFFFE, 0xFFFF, 0]
        assert [each.marker for each in packets] == [False, False, True]
        assert {(each.timestamp, each.payload_type) for each in packets} == {(7, 96)}
        found = [elements(each.profile, each.extension) for each in packets]
        assert [each[5] for each in found] == [b"\xff\xff", b"\0\0", b"\0\1"]
        assert {(each[6], each[4]) for each in found} == {(abs_send_time(70.5), b"v")}


def test_second_octet_without_marker_is_the_payload_type() -> None:
    assert marker_and_payload_type(96, marker=False) == 96


def test_header_has_transport_sequence_number_and_send_time() -> None:
    header = HeaderTemplate(1, IDS, [(IDS.mid, b"v")])
    for number, now in ((0xFFFF, 70.5), (1, 1e6)):
        packet = parsed(header, number=number, now=now)
        found = elements(packet.profile, packet.extension)
        assert found == {5: number.to_bytes(2, "big"), 6: abs_send_time(now), 4: b"v"}


def test_header_may_have_a_send_time_alone() -> None:
    packet = parsed(HeaderTemplate(1, ExtensionIds(abs_send_time=3)), number=7, now=12.25)
    assert elements(packet.profile, packet.extension) == {3: abs_send_time(12.25)}


@pytest.mark.parametrize(
    ("ids", "mid"),
    [
        (ExtensionIds(mid=20, transport_cc=5, abs_send_time=6), b"v"),
        (ExtensionIds(mid=4, transport_cc=200, abs_send_time=255), b"v"),
        (ExtensionIds(mid=4, transport_cc=5, abs_send_time=6), b"a name of 17 octe"),
    ],
)
def test_large_elements_need_two_byte_headers(ids: ExtensionIds, mid: bytes) -> None:
    packet = parsed(HeaderTemplate(1, ids, [(ids.mid, mid)]), number=0xABCD, now=33.0)
    assert packet.profile == 0x1000
    assert elements(packet.profile, packet.extension) == {
        ids.mid: mid,
        ids.transport_cc: b"\xab\xcd",
        ids.abs_send_time: abs_send_time(33.0),
    }


def test_header_leaves_out_elements_without_an_id() -> None:
    packet = parsed(HeaderTemplate(1, ExtensionIds(mid=4), [(None, b"level"), (4, b"v")]))
    assert elements(packet.profile, packet.extension) == {4: b"v"}


def test_header_leaves_out_elements_too_large_for_any_extension() -> None:
    packet = parsed(HeaderTemplate(1, ExtensionIds(), [(300, b"x"), (0, b"x"), (4, bytes(256))]))
    assert packet.profile == 0


def test_header_element_takes_another_value() -> None:
    header = HeaderTemplate(1, IDS, [(IDS.audio_level, b"\0"), (IDS.mid, b"a")])
    header.put(IDS.audio_level, b"\x85")
    header.put(99, b"nowhere")
    header.put(None, b"nowhere")
    packet = parsed(header)
    found = elements(packet.profile, packet.extension)
    assert (found[7], found[4]) == (b"\x85", b"a")
