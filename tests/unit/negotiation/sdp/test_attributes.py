from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.negotiation.sdp.attributes import (
    ExtMap,
    Fmtp,
    Group,
    MediaDirection,
    MediaLine,
    Msid,
    Origin,
    RtcpFeedback,
    RtpMap,
    Setup,
    Ssrc,
    SsrcGroup,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SENDRECV, SENDONLY, RECVONLY, INACTIVE = MediaDirection


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("96 VP8/90000", RtpMap(96, "VP8", 90000)),
        ("111 opus/48000/2", RtpMap(111, "opus", 48000, 2)),
        ("97 apt=96", Fmtp(97, "apt=96")),
        ("* transport-cc", RtcpFeedback(None, "transport-cc")),
        ("96 nack pli", RtcpFeedback(96, "nack", "pli")),
        ("127 trr-int 100", RtcpFeedback(127, "trr-int", "100")),
        ("1 urn:x", ExtMap(1, "urn:x")),
        ("255/recvonly urn:x", ExtMap(255, "urn:x", RECVONLY)),
        ("4351 urn:x long args", ExtMap(4351, "urn:x", None, "long args")),
        ("{stream} {track}", Msid("{stream}", "{track}")),
        ("-", Msid("-")),
        ("0 cname:user@host", Ssrc(0, "cname", "user@host")),
        ("4294967295 msid:a b", Ssrc(2**32 - 1, "msid", "a b")),
        ("1 previous-ssrc:", Ssrc(1, "previous-ssrc", "")),
        ("1 flag", Ssrc(1, "flag")),
        ("FID 1 2", SsrcGroup("FID", (1, 2))),
        ("SIM", SsrcGroup("SIM", ())),
        ("BUNDLE 0 audio", Group("BUNDLE", ("0", "audio"))),
        ("BUNDLE", Group("BUNDLE", ())),
        (
            "mozilla...SDPARTA-153.0 18446744073709551615 0 IN IP6 ::1",
            Origin("mozilla...SDPARTA-153.0", 2**64 - 1, 0, "IN", "IP6", "::1"),
        ),
        (
            "audio 9 UDP/TLS/RTP/SAVPF 111 0",
            MediaLine("audio", 9, None, "UDP/TLS/RTP/SAVPF", ("111", "0")),
        ),
        (
            "application 65535/2 UDP/DTLS/SCTP webrtc-datachannel",
            MediaLine("application", 65535, 2, "UDP/DTLS/SCTP", ("webrtc-datachannel",)),
        ),
        ("video 0 RTP/SAVPF", MediaLine("video", 0, None, "RTP/SAVPF", ())),
        ("application 9 DTLS/SCTP 5000", MediaLine("application", 9, None, "DTLS/SCTP", ("5000",))),
    ],
)
def test_a_value_is_read_and_written_back(text: str, value: RtpMap) -> None:
    assert type(value).parse(text) == value
    assert str(value) == text


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (RtpMap.parse, ""),
        (RtpMap.parse, "96"),
        (RtpMap.parse, "96 VP8"),
        (RtpMap.parse, "96 /90000"),
        (RtpMap.parse, "128 VP8/90000"),
        (RtpMap.parse, "-1 VP8/90000"),
        (RtpMap.parse, "٩٦ VP8/90000"),
        (RtpMap.parse, "96 VP8/0"),
        (RtpMap.parse, "96 VP8/4294967296"),
        (RtpMap.parse, "96 opus/48000/0"),
        (RtpMap.parse, "96 opus/48000/256"),
        (RtpMap.parse, "96 opus/48000/2/1"),
        (RtpMap.parse, "96 opus/48000 2"),
        (Fmtp.parse, ""),
        (Fmtp.parse, "128 a=b"),
        (Fmtp.parse, "* a=b"),
        (RtcpFeedback.parse, "96"),
        (RtcpFeedback.parse, "128 nack"),
        (RtcpFeedback.parse, "** nack"),
        (ExtMap.parse, "1"),
        (ExtMap.parse, "0 urn:x"),
        (ExtMap.parse, "256 urn:x"),
        (ExtMap.parse, "4095 urn:x"),
        (ExtMap.parse, "4352 urn:x"),
        (ExtMap.parse, "1/both urn:x"),
        (ExtMap.parse, "1/ urn:x"),
        (ExtMap.parse, "¹ urn:x"),
        (Msid.parse, " "),
        (Ssrc.parse, "1"),
        (Ssrc.parse, "-1 cname:x"),
        (Ssrc.parse, "4294967296 cname:x"),
        (Ssrc.parse, "1 :x"),
        (SsrcGroup.parse, ""),
        (SsrcGroup.parse, "FID 4294967296"),
        (SsrcGroup.parse, "FID one"),
        (Group.parse, " "),
        (Origin.parse, "- 1 1 IN IP4"),
        (Origin.parse, "- 1 1 IN IP4 0.0.0.0 more"),
        (Origin.parse, "- x 1 IN IP4 0.0.0.0"),
        (Origin.parse, "- 18446744073709551616 1 IN IP4 0.0.0.0"),
        (Origin.parse, "- 1 -1 IN IP4 0.0.0.0"),
        (MediaLine.parse, "audio 9"),
        (MediaLine.parse, "audio 9 UDP/TLS/RTP/SAVPF"),
        (MediaLine.parse, "audio 65536 UDP/TLS/RTP/SAVPF 0"),
        (MediaLine.parse, "audio nine UDP/TLS/RTP/SAVPF 0"),
        (MediaLine.parse, "audio 9/0 UDP/TLS/RTP/SAVPF 0"),
        (MediaLine.parse, "audio 9/ UDP/TLS/RTP/SAVPF 0"),
        (MediaLine.parse, "audio 9 UDP/TLS/RTP/SAVPF 128"),
        (MediaLine.parse, "audio 9 UDP/TLS/RTP/SAVPF opus"),
        (MediaLine.parse, f"audio 9 RTP/SAVPF {'0' * 21}"),
        (Setup.parse, "ACTIVE"),
        (Setup.parse, ""),
        (MediaDirection.parse, "sendrcv"),
    ],
)
def test_a_malformed_value_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)


def test_spaces_may_repeat_and_stand_at_the_ends() -> None:
    assert RtpMap.parse(" 96  VP8/90000 ") == RtpMap(96, "VP8", 90000)
    assert Fmtp.parse(" 96  a=b ") == Fmtp(96, "a=b")
    assert Ssrc.parse("1  cname:x") == Ssrc(1, "cname", "x")


def test_fields_are_split_at_spaces_only() -> None:
    assert Group.parse("BUNDLE a\u00a0b\tc").mids == ("a\u00a0b\tc",)


def test_fmtp_parameters_keep_order_and_values_without_a_name() -> None:
    assert Fmtp.parse("96 b=2; a=1;x=y=z;").parameters == (("b", "2"), ("a", "1"), ("x", "y=z"))
    assert Fmtp.parse("101 0-15").parameters == (("0-15", None),)
    assert Fmtp.parse("63 111/111").parameters == (("111/111", None),)
    assert Fmtp.parse("96").parameters == ()


def test_fmtp_is_written_from_parameters() -> None:
    fmtp = Fmtp.of(96, (("apt", "97"), ("0-15", None)))
    assert str(fmtp) == "96 apt=97;0-15"
    assert fmtp.parameters == (("apt", "97"), ("0-15", None))


@pytest.mark.parametrize(
    ("direction", "sends", "receives", "reverse"),
    [
        (SENDRECV, True, True, SENDRECV),
        (SENDONLY, True, False, RECVONLY),
        (RECVONLY, False, True, SENDONLY),
        (INACTIVE, False, False, INACTIVE),
    ],
)
def test_direction_tells_who_sends_and_receives(
    direction: MediaDirection, sends: bool, receives: bool, reverse: MediaDirection
) -> None:
    assert (direction.sends, direction.receives) == (sends, receives)
    assert direction.reversed is reverse
    assert MediaDirection.of(sends=sends, receives=receives) is direction


@pytest.mark.parametrize("left", MediaDirection)
@pytest.mark.parametrize("right", MediaDirection)
def test_intersection_of_two_directions(left: MediaDirection, right: MediaDirection) -> None:
    both = left.intersect(right)
    assert both.sends == (left.sends and right.sends)
    assert both.receives == (left.receives and right.receives)


@pytest.mark.parametrize("setup", Setup)
def test_a_setup_is_read(setup: Setup) -> None:
    assert Setup.parse(str(setup)) is setup


@pytest.mark.parametrize(
    ("protocol", "is_rtp"),
    [
        ("UDP/TLS/RTP/SAVPF", True),
        ("RTP/AVP", True),
        ("TCP/DTLS/RTP/SAVPF", True),
        ("UDP/DTLS/SCTP", False),
        ("SRTPX", False),
    ],
)
def test_a_media_line_knows_rtp_by_its_protocol(protocol: str, is_rtp: bool) -> None:
    assert MediaLine("audio", 9, None, protocol, ("0",)).is_rtp is is_rtp
