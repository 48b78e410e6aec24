"""Descriptions have aiortc's order of lines, in which programs look for runs of text."""

from __future__ import annotations

from peer.compat.written_order import in_aiortc_order

OURS = (
    "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97 98\r\na=setup:actpass\r\na=mid:0\r\n"
    "a=rtpmap:97 VP8/90000\r\na=rtcp-fb:97 nack\r\na=rtcp-fb:97 ccm fir\r\n"
    "a=rtcp-fb:97 goog-remb\r\na=rtpmap:98 rtx/90000\r\na=fmtp:98 apt=97\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 96 0\r\na=setup:actpass\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"
)


def test_written_order_has_the_lines_of_each_codec_as_aiortc_writes_them() -> None:
    text = in_aiortc_order(OURS)

    assert "a=rtpmap:97 VP8/90000\r\na=rtcp-fb:97 nack\r\na=rtcp-fb:97 goog-remb\r\n" in text
    assert "a=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n" in text


def test_written_order_ends_each_section_by_its_setup() -> None:
    sections = in_aiortc_order(OURS).split("m=")[1:]

    assert all(section.endswith("a=setup:actpass\r\n") for section in sections)


def test_written_order_loses_and_adds_no_line() -> None:
    assert sorted(in_aiortc_order(OURS).splitlines()) == sorted(OURS.splitlines())


def test_written_order_of_a_description_in_that_order_is_itself() -> None:
    assert in_aiortc_order(in_aiortc_order(OURS)) == in_aiortc_order(OURS)
