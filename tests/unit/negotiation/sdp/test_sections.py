from __future__ import annotations

import pytest

from peer.errors import DescriptionError, FingerprintError, SdpSyntaxError
from peer.ice import CandidateFields
from peer.identity.fingerprints import Fingerprint
from peer.negotiation.sdp.attributes import ExtMap, MediaDirection, MediaLine, Msid, Setup
from peer.negotiation.sdp.description import MediaSection, SessionSection
from peer.negotiation.sdp.lines import Line
from peer.rtp_parameters import MediaKind

DIGEST = ":".join(["AB"] * 32)
CANDIDATE = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"


def media(*values: str, line: str = "audio 9 UDP/TLS/RTP/SAVPF 111") -> MediaSection:
    attributes = (Line("a", value, number) for number, value in enumerate(values, 11))
    return MediaSection((Line("m", line, 10), *attributes))


def session(*values: str) -> SessionSection:
    texts = ("v=0", "o=- 1 2 IN IP4 0.0.0.0", "s=-", "t=0 0", *(f"a={value}" for value in values))
    return SessionSection(tuple(Line.parse(text, n) for n, text in enumerate(texts, 1)))


def data(*values: str) -> MediaSection:
    return media(*values, line="application 9 UDP/DTLS/SCTP webrtc-datachannel")


def test_section_without_attributes_has_defaults() -> None:
    section = media()
    assert section.mid is None
    assert section.kind is MediaKind.AUDIO
    assert section.direction is MediaDirection.SENDRECV
    assert section.stated_direction is None
    assert section.setup is None
    assert (section.ice_ufrag, section.ice_pwd, section.tls_id) == (None, None, None)
    assert not any((section.candidates, section.fingerprints, section.extmaps, section.msids))
    assert not any((section.rejected, section.bundle_only, section.rtcp_mux))
    assert not section.end_of_candidates
    assert (section.sctp_port, section.max_message_size, section.connection) == (None, None, None)


def test_transport_attributes_are_read() -> None:
    section = media(
        "setup:actpass",
        f"fingerprint:SHA-256 {DIGEST.lower()}",
        f"fingerprint:sha-1 {DIGEST[:59]}",
        "tls-id:abcdefghij0123456789",
        "ice-ufrag:a+/Z",
        "ice-pwd:abcdefghijklmnopqrstuv",
        "ice-options:trickle renomination",
        "ice-options:ice2",
        CANDIDATE,
        "end-of-candidates",
        "rtcp-mux",
    )
    assert section.setup is Setup.ACTPASS
    assert section.fingerprints == (
        Fingerprint("sha-256", DIGEST),
        Fingerprint("sha-1", DIGEST[:59]),
    )
    assert section.tls_id == "abcdefghij0123456789"
    assert (section.ice_ufrag, section.ice_pwd) == ("a+/Z", "abcdefghijklmnopqrstuv")
    assert section.ice_options == ("trickle", "renomination", "ice2")
    assert section.candidates == (CandidateFields.parse(CANDIDATE),)
    assert section.end_of_candidates
    assert section.rtcp_mux


def test_data_channel_attributes_are_read() -> None:
    section = data("sctp-port:5000", "max-message-size:1073741823")
    assert section.kind is None
    assert (section.sctp_port, section.max_message_size) == (5000, 1073741823)


@pytest.mark.parametrize(
    ("line", "values", "rejected"),
    [
        ("audio 0 RTP/SAVPF 0", (), True),
        ("audio 0 RTP/SAVPF 0", ("bundle-only",), False),
        ("audio 9 RTP/SAVPF 0", (), False),
    ],
)
def test_a_section_is_rejected_by_port_0_alone(
    line: str, values: tuple[str, ...], rejected: bool
) -> None:
    assert media(*values, line=line).rejected is rejected


@pytest.mark.parametrize("direction", MediaDirection)
def test_a_direction_is_read(direction: MediaDirection) -> None:
    assert media(str(direction)).direction is direction


def test_first_connection_line_counts() -> None:
    section = media().inserted(1, Line("c", "IN IP4 192.0.2.1"), Line("c", "IN IP4 192.0.2.2"))
    assert section.connection is not None
    assert section.connection.address == "192.0.2.1"


def test_rtp_attributes_outside_rtp_are_not_ours_to_judge() -> None:
    section = data("fmtp:5000 streams=10", "rtpmap:x", "ssrc:-1", "extmap:0", "rtcp-fb:")
    views = (section.fmtps, section.rtpmaps, section.ssrcs, section.extmaps, section.rtcp_feedback)
    assert not any(views)


def test_empty_msid_is_no_msid() -> None:
    assert media("msid:", "msid: ", "msid:a b").msids == (Msid("a", "b"),)


def test_unknown_attributes_are_kept() -> None:
    values = ("rid:h send", "simulcast:send h;l", "x-google-flag:conference", "connection:new")
    assert [line.value for line in media(*values).lines[1:]] == list(values)


@pytest.mark.parametrize(
    "value",
    [
        "setup:both",
        "tls-id:short",
        f"tls-id:{'x' * 256}",
        "ice-ufrag:abc",
        "ice-ufrag:ab cd",
        f"ice-ufrag:{'x' * 257}",
        "ice-pwd:tooshort",
        "ice-pwd:abcdefghijklmnopqrstu\u00e9",
        "mid:",
        "mid:two words",
        f"mid:{'x' * 256}",
        "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ",
        "candidate:1 1 udp 2130706431 192.0.2.1 65536 typ host",
        "candidate:1 0 udp 2130706431 192.0.2.1 5000 typ host",
        "rtpmap:128 VP8/90000",
        "fmtp:128 a=b",
        "rtcp-fb:128 nack",
        "extmap:0 urn:x",
        "extmap:4352 urn:x",
        "ssrc:4294967296 cname:x",
        "ssrc-group:FID 4294967296",
        "sctp-port:65536",
        "sctp-port:",
        "max-message-size:-1",
        f"max-message-size:{'9' * 5000}",
    ],
)
def test_a_malformed_line_is_quoted(value: str) -> None:
    with pytest.raises(SdpSyntaxError) as caught:
        media("ptime:20", value)
    assert caught.value.line == f"a={value}"
    assert caught.value.line_number == 12


@pytest.mark.parametrize(
    "value",
    ["fingerprint:sha-256", "fingerprint:sha-256 AB:CD", "fingerprint:sha-1 zz", "fingerprint:"],
)
def test_a_malformed_fingerprint_has_its_own_error(value: str) -> None:
    with pytest.raises(FingerprintError) as caught:
        media(value)
    assert (caught.value.line, caught.value.line_number) == (f"a={value}", 11)


def test_an_error_names_the_m_section() -> None:
    with pytest.raises(SdpSyntaxError, match="m-section 'video0'") as caught:
        media("setup:both", "mid:video0")
    assert caught.value.mid == "video0"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("setup:active", "setup:passive"),
        ("mid:0", "mid:1"),
        ("ice-ufrag:aaaa", "ice-ufrag:bbbb"),
        ("ice-pwd:aaaaaaaaaaaaaaaaaaaaaa", "ice-pwd:bbbbbbbbbbbbbbbbbbbbbb"),
        ("tls-id:aaaaaaaaaaaaaaaaaaaa", "tls-id:bbbbbbbbbbbbbbbbbbbb"),
        ("sendonly", "recvonly"),
        ("sctp-port:5000", "sctp-port:5001"),
        ("max-message-size:1", "max-message-size:2"),
    ],
)
def test_an_attribute_that_contradicts_itself_is_refused(first: str, second: str) -> None:
    with pytest.raises(SdpSyntaxError, match="a section has one"):
        media(first, second)


def test_an_attribute_may_repeat_itself() -> None:
    assert media("setup:active", "setup:active", "sendonly", "sendonly").setup is Setup.ACTIVE


def test_an_m_section_starts_with_its_m_line() -> None:
    for lines in ((), (Line("a", "mid:0"),), (Line("c", "IN IP4 0.0.0.0"),)):
        with pytest.raises(SdpSyntaxError, match="starts with an m= line"):
            MediaSection(lines)


@pytest.mark.parametrize("text", ["m=audio 9 RTP/SAVPF 0", "v=0", "o=- 1 1 IN IP4 x", "s=-"])
def test_an_m_section_holds_no_line_of_another_section(text: str) -> None:
    with pytest.raises(SdpSyntaxError, match="an m-section has no"):
        media().with_lines(Line.parse(text))


@pytest.mark.parametrize("text", ["m=audio 9 RTP/SAVPF 0", "v=0"])
def test_the_session_part_holds_no_line_of_another_section(text: str) -> None:
    with pytest.raises(SdpSyntaxError, match="the session part has no"):
        session().with_lines(Line.parse(text))


def test_a_malformed_connection_is_refused() -> None:
    with pytest.raises(SdpSyntaxError, match="three fields"):
        media().with_lines(Line("c", "IN IP4"))


def test_the_session_part_is_read() -> None:
    section = session(
        "group:BUNDLE 0 1", "group:LS 0 1", "ice-lite", "extmap-allow-mixed", "sendonly"
    )
    assert section.origin.session_version == 2
    assert [group.semantics for group in section.groups] == ["BUNDLE", "LS"]
    assert section.ice_lite
    assert section.extmap_allow_mixed
    assert section.direction is MediaDirection.SENDONLY
    assert session().direction is None
    assert not session().ice_lite


def test_attributes_are_found_by_name() -> None:
    section = media("rtcp-mux", "ssrc:1 a", "ssrc:2 b")
    assert section.has("rtcp-mux")
    assert not section.has("rtcp")
    assert section.attribute("rtcp-mux") == ""
    assert section.attribute("ssrc") == "1 a"
    assert section.attribute("rtcp") is None
    assert [line.argument for line in section.attributes("ssrc")] == ["1 a", "2 b"]
    assert section.attributes("rtcp") == ()
    assert [line.type for line in section.of_type("m")] == ["m"]


def test_lines_are_appended_to_a_section() -> None:
    section = media("mid:0").with_lines(Line("a", CANDIDATE), Line.attribute("end-of-candidates"))
    assert [line.name for line in section.lines[1:]] == ["mid", "candidate", "end-of-candidates"]
    assert len(section.candidates) == 1


def test_an_edit_leaves_the_old_section_alone() -> None:
    section = media("mid:0")
    section.with_lines(Line.attribute("setup", Setup.ACTIVE))
    assert section.setup is None


def test_an_edit_that_makes_a_malformed_section_is_refused() -> None:
    with pytest.raises(DescriptionError, match="a setup is"):
        media().with_lines(Line.attribute("setup", "none"))


def test_edit_of_a_section_reads_changed_lines_alone() -> None:
    section = media("mid:0", CANDIDATE)
    edited = section.with_lines(Line("a", CANDIDATE.replace("5000", "5001")))
    assert [candidate.port for candidate in edited.candidates] == [5000, 5001]
    assert vars(edited)["mid"] is vars(section)["mid"]
    assert vars(edited)["media_line"] is vars(section)["media_line"]


def test_edit_of_the_media_line_decides_anew_how_lines_of_rtp_are_read() -> None:
    section = media("rtpmap:111 opus/48000/2")
    assert [each.name for each in section.rtpmaps] == ["opus"]
    edited = section.with_media_line(data().media_line)
    assert edited.rtpmaps == ()


def test_attributes_are_removed_by_name() -> None:
    section = media("mid:0", CANDIDATE, "setup:active", CANDIDATE, "end-of-candidates")
    kept = section.without("candidate", "end-of-candidates")
    assert [line.value for line in kept.lines[1:]] == ["mid:0", "setup:active"]


def test_a_replaced_attribute_keeps_its_place() -> None:
    section = media("mid:0", "setup:actpass", "extmap:1 urn:a", "rtcp-mux", "extmap:2 urn:b")
    new = section.replaced(
        "extmap", *(Line.attribute("extmap", ExtMap(i, "urn:c")) for i in (3, 4))
    )
    assert [line.value for line in new.lines[1:]] == [
        "mid:0",
        "setup:actpass",
        "extmap:3 urn:c",
        "extmap:4 urn:c",
        "rtcp-mux",
    ]


def test_a_replaced_attribute_that_was_missing_stands_at_the_end() -> None:
    section = media("mid:0").replaced("setup", Line.attribute("setup", Setup.PASSIVE))
    assert section.lines[-1].text == "a=setup:passive"


def test_lines_are_inserted_into_a_section() -> None:
    section = media("mid:0").inserted(1, Line("i", "title"))
    assert [line.type for line in section.lines] == ["m", "i", "a"]


def test_media_line_can_be_replaced() -> None:
    line = MediaLine("audio", 0, None, "UDP/TLS/RTP/SAVPF", ("0",))
    section = media("mid:0").with_media_line(line)
    assert section.rejected
    assert section.media_line == line
    assert section.mid == "0"


@pytest.mark.parametrize(
    ("address", "text"),
    [("192.0.2.1", "IN IP4 192.0.2.1"), ("2001:db8::1", "IN IP6 2001:db8::1")],
)
def test_a_connection_is_put_behind_the_m_line(address: str, text: str) -> None:
    section = media("mid:0").with_connection(address)
    assert [line.text for line in section.lines[1:]] == [f"c={text}", "a=mid:0"]


def test_a_connection_replaces_the_one_there() -> None:
    section = media("mid:0").inserted(
        1, Line("i", "x"), Line("c", "IN IP4 0.0.0.0"), Line("b", "AS:1")
    )
    lines = section.with_connection("192.0.2.1").lines
    assert [line.type for line in lines] == ["m", "i", "c", "b", "a"]
    assert lines[2].value == "IN IP4 192.0.2.1"


def test_a_connection_is_added_to_an_m_line_that_stands_alone() -> None:
    assert [line.type for line in media().with_connection("192.0.2.1").lines] == ["m", "c"]


def test_a_connection_cannot_inject() -> None:
    with pytest.raises(ValueError, match="a line holds no"):
        media().with_connection("192.0.2.1\r\na=setup:active")
