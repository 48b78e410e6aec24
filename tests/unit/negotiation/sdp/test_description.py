from __future__ import annotations

import pytest

from peer.configuration import SdpLimits
from peer.errors import SdpLimitError, SdpSyntaxError
from peer.negotiation.sdp.attributes import Fmtp, MediaDirection, RtpMap, Setup, SsrcGroup
from peer.negotiation.sdp.description import MediaSection, Sdp, SessionSection
from peer.negotiation.sdp.lines import Line
from peer.rtp_parameters import MediaKind
from tests.support.descriptions import NAMES, load

SESSION = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
DIGESTS = [":".join([byte] * 32) for byte in ("AA", "BB")]


def session_with(*values: str) -> str:
    return SESSION + "".join(f"a={value}\r\n" for value in values)


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_of_real_peers_come_back_unchanged(name: str) -> None:
    text = load(name)
    assert str(Sdp.parse(text)) == text


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_of_real_peers_have_all_transport_attributes(name: str) -> None:
    sdp = Sdp.parse(load(name))
    for section in sdp.media:
        if section.rejected:
            continue
        assert sdp.transport_setup(section)
        assert sdp.transport_fingerprints(section)
        assert None not in sdp.transport_ice(section)
        assert section.mid in sdp.bundle_groups[0].mids


def test_a_chromium_offer_is_understood() -> None:
    sdp = Sdp.parse(load("chromium-156-offer"))
    audio, simulcast, video, data = sdp.media
    assert [section.kind for section in sdp.media] == [
        MediaKind.AUDIO,
        MediaKind.VIDEO,
        MediaKind.VIDEO,
        None,
    ]
    assert sdp.session.extmap_allow_mixed
    assert audio.rtpmaps[0] == RtpMap(111, "opus", 48000, 2)
    assert Fmtp(63, "111/111") in audio.fmtps
    assert all(candidate.address.endswith(".local") for candidate in audio.candidates)
    assert [line.argument for line in simulcast.attributes("rid")] == ["h send", "l send"]
    assert video.ssrc_groups[0].semantics == "FID"
    assert {ssrc.ssrc for ssrc in video.ssrcs} == set(video.ssrc_groups[0].ssrcs)
    assert (data.sctp_port, data.max_message_size) == (5000, 262144)


def test_a_firefox_offer_is_understood() -> None:
    sdp = Sdp.parse(load("firefox-153-offer"))
    audio = sdp.media[0]
    assert audio.fingerprints == ()
    assert sdp.transport_fingerprints(audio) == sdp.session.fingerprints != ()
    assert sdp.transport_ice_options(audio) == ("trickle",)
    assert audio.extmaps[1].direction is MediaDirection.RECVONLY
    assert audio.end_of_candidates
    assert {candidate.tcp_type for candidate in audio.candidates} == {None, "active"}


def test_an_aiortc_offer_is_understood() -> None:
    sdp = Sdp.parse(load("aiortc-1.16-offer"))
    algorithms = [fingerprint.algorithm for fingerprint in sdp.media[0].fingerprints]
    assert algorithms == ["sha-256", "sha-384", "sha-512"]


def test_a_janus_offer_is_understood() -> None:
    sdp = Sdp.parse(load("janus-offer"))
    audio, video, _ = sdp.media
    assert audio.fmtps[0].parameters == (("useinbandfec", "1"), ("minptime", "10"))
    assert video.fmtps[0].parameters[-1] == ("packetization-mode", "1")
    assert video.ssrc_groups == (SsrcGroup("FID", (3000000002, 3000000003)),)
    assert audio.candidates[1].related_address == "198.51.100.7"


def test_a_gstreamer_offer_is_understood() -> None:
    sdp = Sdp.parse(load("gstreamer-offer"))
    video, audio, data = sdp.media
    assert sdp.session.origin.session_id > 2**63
    assert video.ssrcs[0].value == "user77@host-1a2b3c4d webrtctransceiver0"
    assert audio.msids == ()
    assert not audio.rejected
    assert data.bundle_only


def test_a_data_section_of_old_is_kept_but_has_no_sctp_port() -> None:
    (data,) = Sdp.parse(load("janus-legacy-data-answer")).media
    assert data.media_line.formats == ("5000",)
    assert data.sctp_port is None


@pytest.mark.parametrize("name", NAMES)
def test_line_ends_are_kept(name: str) -> None:
    text = load(name).replace("\r\n", "\n", 5)
    assert str(Sdp.parse(text)) == text
    assert Sdp.parse(text) == Sdp.parse(load(name))


def test_a_missing_last_line_end_is_kept() -> None:
    text = (SESSION + AUDIO).removesuffix("\r\n")
    assert str(Sdp.parse(text)) == text


def test_a_line_appended_behind_a_missing_line_end_stands_alone() -> None:
    sdp = Sdp.parse((SESSION + AUDIO).removesuffix("\r\n"))
    longer = sdp.with_media(0, sdp.media[0].with_lines(Line.attribute("mid", "0")))
    assert str(longer) == f"{SESSION}{AUDIO}a=mid:0\r\n"


def test_a_description_is_built_from_lines() -> None:
    sdp = Sdp(
        SessionSection((Line("v", "0"), Line("o", "- 1 1 IN IP4 0.0.0.0"), Line("s", "-"))),
        (MediaSection((Line("m", "audio 9 UDP/TLS/RTP/SAVPF 111"), Line.attribute("mid", 0))),),
    )
    assert Sdp.parse(str(sdp)) == sdp


def test_lines_know_their_numbers() -> None:
    sdp = Sdp.parse(SESSION + AUDIO + "a=mid:0\r\n")
    assert [line.number for line in sdp.media[0].lines] == [5, 6]


@pytest.mark.parametrize("first", ["", "v=1\r\n", "V=0\r\n", "v=0 \r\n", "i=-\r\nv=0\r\n", AUDIO])
def test_a_description_starts_with_its_version(first: str) -> None:
    with pytest.raises(SdpSyntaxError, match="starts with v=0"):
        Sdp.parse(first + SESSION.removeprefix("v=0\r\n"))


@pytest.mark.parametrize("before", ["\r\n", " ", "\ufeff"])
def test_nothing_stands_in_front_of_the_version(before: str) -> None:
    with pytest.raises(SdpSyntaxError, match=r"one letter and `=` \(line 1"):
        Sdp.parse(before + SESSION)


def test_an_empty_text_is_no_description() -> None:
    with pytest.raises(SdpSyntaxError, match="starts with v=0"):
        Sdp.parse("")


@pytest.mark.parametrize("missing", ["o=- 1 1 IN IP4 0.0.0.0", "s=-"])
def test_origin_and_name_must_be_there(missing: str) -> None:
    with pytest.raises(SdpSyntaxError, match=f"has an {missing[0]}= line"):
        Sdp.parse(SESSION.replace(f"{missing}\r\n", ""))


def test_description_may_have_no_time_line() -> None:
    assert Sdp.parse(SESSION.replace("t=0 0\r\n", "")).media == ()


def test_a_second_origin_is_refused() -> None:
    with pytest.raises(SdpSyntaxError, match=r"one o= line \(line 5"):
        Sdp.parse(SESSION + "o=- 2 2 IN IP4 0.0.0.0\r\n")


@pytest.mark.parametrize(
    "line", ["a", "hello", "=x", "a=", "a=:x", "a=mid :0", "a=x\0", "a=x\ry", "a=\ud800", ""]
)
def test_a_malformed_line_is_quoted_with_its_number(line: str) -> None:
    with pytest.raises(SdpSyntaxError) as caught:
        Sdp.parse(f"{SESSION}{AUDIO}{line}\r\na=mid:0\r\n")
    assert (caught.value.line, caught.value.line_number) == (line, 6)


def test_two_sections_cannot_have_one_mid() -> None:
    with pytest.raises(SdpSyntaxError, match="the same mid") as caught:
        Sdp.parse(SESSION + (AUDIO + "a=mid:x\r\n") * 2)
    assert (caught.value.line_number, caught.value.mid) == (8, "x")


def test_sections_may_have_no_mid() -> None:
    assert len(Sdp.parse(SESSION + AUDIO * 2).media) == 2


def test_a_session_part_lends_its_transport_attributes() -> None:
    tls_id = "0123456789abcdefghij"
    text = session_with(
        "setup:passive",
        f"fingerprint:sha-256 {DIGESTS[0]}",
        "ice-ufrag:sess",
        "ice-pwd:sessionsessionsessions",
        f"tls-id:{tls_id}",
        "ice-options:ice2",
        "recvonly",
    )
    sdp = Sdp.parse(text + AUDIO)
    (audio,) = sdp.media
    assert sdp.transport_setup(audio) is Setup.PASSIVE
    assert [fingerprint.value for fingerprint in sdp.transport_fingerprints(audio)] == DIGESTS[:1]
    assert sdp.transport_ice(audio) == ("sess", "sessionsessionsessions")
    assert sdp.transport_tls_id(audio) == tls_id
    assert sdp.transport_ice_options(audio) == ("ice2",)
    assert sdp.direction(audio) is MediaDirection.RECVONLY


def test_an_m_section_overrides_the_session_part() -> None:
    text = session_with(
        "setup:passive",
        f"fingerprint:sha-256 {DIGESTS[0]}",
        "ice-ufrag:sess",
        "ice-pwd:sessionsessionsessions",
        "tls-id:0123456789abcdefghij",
        "ice-options:ice2",
        "recvonly",
    )
    values = (
        "setup:active",
        f"fingerprint:sha-256 {DIGESTS[1]}",
        "ice-ufrag:medi",
        "ice-pwd:mediamediamediamediame",
        "tls-id:jihgfedcba9876543210",
        "ice-options:trickle",
        "sendonly",
    )
    sdp = Sdp.parse(text + AUDIO + "".join(f"a={value}\r\n" for value in values))
    (audio,) = sdp.media
    assert sdp.transport_setup(audio) is Setup.ACTIVE
    assert [fingerprint.value for fingerprint in sdp.transport_fingerprints(audio)] == DIGESTS[1:]
    assert sdp.transport_ice(audio) == ("medi", "mediamediamediamediame")
    assert sdp.transport_tls_id(audio) == "jihgfedcba9876543210"
    assert sdp.transport_ice_options(audio) == ("ice2", "trickle")
    assert sdp.direction(audio) is MediaDirection.SENDONLY


def test_section_without_attributes_has_no_transport_values() -> None:
    sdp = Sdp.parse(SESSION + AUDIO)
    (audio,) = sdp.media
    assert sdp.transport_setup(audio) is None
    assert sdp.transport_fingerprints(audio) == ()
    assert sdp.transport_ice(audio) == (None, None)
    assert sdp.transport_tls_id(audio) is None
    assert sdp.direction(audio) is MediaDirection.SENDRECV


def test_only_bundle_groups_are_bundle_groups() -> None:
    sdp = Sdp.parse(session_with("group:LS 0 1", "group:BUNDLE 0", "group:BUNDLE 1"))
    assert [group.mids for group in sdp.bundle_groups] == [("0",), ("1",)]


def test_a_section_is_found_by_its_mid() -> None:
    sdp = Sdp.parse(SESSION + AUDIO + "a=mid:x\r\n")
    assert sdp.section("x") is sdp.media[0]
    assert sdp.section("y") is None


def test_sections_are_exchanged_and_appended() -> None:
    sdp = Sdp.parse(SESSION + AUDIO)
    first = sdp.media[0].with_lines(Line.attribute("mid", "x"))
    second = sdp.media[0].with_lines(Line.attribute("mid", "y"))
    assert sdp.with_media(0, first).with_media(1, second).media == (first, second)
    session = sdp.session.with_lines(Line.attribute("ice-lite"))
    assert sdp.with_session(session).session.ice_lite
    assert not sdp.session.ice_lite


@pytest.mark.parametrize("index", [-1, 2])
def test_a_section_cannot_be_put_beyond_the_end(index: int) -> None:
    sdp = Sdp.parse(SESSION + AUDIO)
    with pytest.raises(IndexError):
        sdp.with_media(index, sdp.media[0])


def test_size_of_a_description_is_bounded() -> None:
    room = 1280 * 1024 - len(SESSION)
    text = f"{SESSION}a=x:{'y' * (room - 6)}\r\n"
    assert len(text) == 1280 * 1024
    Sdp.parse(text)
    with pytest.raises(SdpLimitError, match="1310720 bytes"):
        Sdp.parse(text + "\n")


def test_size_of_a_description_is_counted_in_bytes() -> None:
    text = SESSION.replace("s=-", "s=é")
    size = len(text.encode())
    Sdp.parse(text, SdpLimits(size=size))
    with pytest.raises(SdpLimitError):
        Sdp.parse(text, SdpLimits(size=size - 1))


def test_the_number_of_m_sections_is_bounded() -> None:
    assert len(Sdp.parse(SESSION + AUDIO * 1024).media) == 1024
    with pytest.raises(SdpLimitError, match="more than 1024 m-sections") as caught:
        Sdp.parse(SESSION + AUDIO * 1025)
    assert caught.value.line_number == 4 + 1025


@pytest.mark.parametrize("head", [SESSION, SESSION + AUDIO, SESSION + "a=x\r\n" * 4096 + AUDIO])
def test_the_attributes_of_a_section_are_bounded(head: str) -> None:
    Sdp.parse(head + "a=x\r\n" * 4096)
    with pytest.raises(SdpLimitError, match="more than 4096 attributes"):
        Sdp.parse(head + "a=x\r\n" * 4097)


def test_bounds_of_descriptions_can_be_set() -> None:
    text = SESSION + (AUDIO + "a=x\r\n" * 2) * 2
    Sdp.parse(text, SdpLimits(size=len(text), media_sections=2, attributes=2))
    for limits in (
        SdpLimits(size=len(text) - 1),
        SdpLimits(media_sections=1),
        SdpLimits(attributes=1),
    ):
        with pytest.raises(SdpLimitError):
            Sdp.parse(text, limits)
