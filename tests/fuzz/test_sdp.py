from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.configuration import SdpLimits
from peer.errors import DescriptionError, SdpLimitError
from peer.negotiation.sdp.description import MediaSection, Sdp, SessionSection
from peer.negotiation.sdp.lines import Line
from tests.support.descriptions import NAMES, load

SESSION = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
DESCRIPTIONS = tuple(map(load, NAMES))

# Drawn often, so that mutations reach the sub-grammars and do not just make unknown attributes.
NAMES_WE_READ = [
    *("setup", "fingerprint", "tls-id", "ice-ufrag", "ice-pwd", "ice-options", "candidate"),
    *("mid", "rtpmap", "fmtp", "rtcp-fb", "extmap", "msid", "ssrc", "ssrc-group", "group"),
    *("sctp-port", "max-message-size", "sendrecv", "sendonly", "bundle-only"),
]
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40),
    st.text("0123456789 :/;=*-aZ٣", max_size=30),
    st.from_regex(r"[0-9]{1,6} [a-z]{1,8}(/[0-9]{1,6}){0,2}", fullmatch=True),
)
ATTRIBUTES = st.builds(
    lambda name, value: Line.attribute(name, value),
    st.sampled_from(NAMES_WE_READ) | st.from_regex(r"[a-z][a-z-]{0,8}", fullmatch=True),
    st.none() | VALUES,
)
UNREAD = st.builds(lambda value: Line.attribute("x-unread", value), st.none() | VALUES)
OTHERS = st.builds(Line, st.sampled_from("ibkzr"), VALUES)
ENDS = st.sampled_from(["\r\n", "\n"])


@st.composite
def descriptions(draw: st.DrawFn) -> Sdp:
    """A description that is well-formed, with lines of all kinds that no view reads."""
    bodies = st.lists(UNREAD | OTHERS, max_size=6)
    session = SessionSection(
        (
            Line("v", "0", eol=draw(ENDS)),
            Line("o", "- 1 2 IN IP4 0.0.0.0", eol=draw(ENDS)),
            Line("s", draw(VALUES), eol=draw(ENDS)),
            *draw(bodies),
        )
    )
    media = tuple(
        MediaSection(
            (
                Line("m", "audio 9 UDP/TLS/RTP/SAVPF 0 127"),
                Line.attribute("mid", index),
                *draw(bodies),
            )
        )
        for index in range(draw(st.integers(0, 4)))
    )
    return Sdp(session, media)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A real description in which some lines or characters are changed."""
    lines = draw(st.sampled_from(DESCRIPTIONS)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        column = draw(st.integers(0, len(line)))
        match draw(st.sampled_from(["drop", "repeat", "cut", "character", "attribute", "value"])):
            case "drop" if len(lines) > 1:
                del lines[place]
            case "repeat":
                lines.insert(draw(st.integers(0, len(lines))), line)
            case "cut":
                lines[place] = line[:column]
            case "character":
                lines[place] = line[:column] + draw(st.characters()) + line[column + 1 :]
            case "attribute":
                lines.insert(place, str(draw(ATTRIBUTES)))
            case _:
                head, colon, _ = line.partition(":")
                lines[place] = f"{head}{colon}{draw(VALUES)}\r\n"
    return "".join(lines)


def touch_every_view(sdp: Sdp) -> None:
    for section in (sdp.session, *sdp.media):
        for name in dir(section):
            if not name.startswith("_"):
                getattr(section, name)
    for media in sdp.media:
        sdp.transport_setup(media)
        sdp.transport_fingerprints(media)
        sdp.transport_ice(media)
        sdp.transport_ice_options(media)
        sdp.transport_tls_id(media)
        sdp.direction(media)
        for fmtp in media.fmtps:
            assert all(name for name, _ in fmtp.parameters)


def require_quote(text: str, error: DescriptionError) -> None:
    if error.line_number is not None:
        there = text.split("\n")[error.line_number - 1]
        assert error.line in (there, there.removesuffix("\r"))


def accept_or_refuse(text: str) -> None:
    try:
        sdp = Sdp.parse(text)
    except DescriptionError as error:
        require_quote(text, error)
        return
    assert str(sdp) == text
    assert Sdp.parse(str(sdp)) == sdp
    touch_every_view(sdp)


@given(descriptions())
def test_written_sdp_is_read_as_the_same_value(sdp: Sdp) -> None:
    assert Sdp.parse(str(sdp)) == sdp
    assert str(Sdp.parse(str(sdp))) == str(sdp)


@given(mutations())
@settings(max_examples=500, deadline=None)
def test_a_changed_description_is_refused_by_name_or_comes_back_unchanged(text: str) -> None:
    accept_or_refuse(text)


@given(st.lists(ATTRIBUTES | OTHERS, max_size=12))
@settings(max_examples=300, deadline=None)
def test_sdp_lines_are_refused_by_name_or_come_back_unchanged(lines: list[Line]) -> None:
    body = "".join(map(str, lines))
    accept_or_refuse(f"{SESSION}{body}m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n{body}")


@given(st.text() | st.text().map(lambda text: SESSION + text))
def test_text_as_sdp_is_refused_by_name_or_comes_back_unchanged(text: str) -> None:
    accept_or_refuse(text)


@given(st.sampled_from(DESCRIPTIONS), st.integers(0, 400), st.integers(0, 4), st.integers(0, 60))
@settings(deadline=None)
def test_no_description_passes_its_bounds(
    text: str, excess: int, media_sections: int, attributes: int
) -> None:
    limits = SdpLimits(len(text) - 200 + excess, media_sections, attributes)
    sdp = Sdp.parse(text)
    counts = [
        len([line for line in part.lines if line.type == "a"]) for part in (sdp.session, *sdp.media)
    ]
    within = (
        len(text) <= limits.size and len(sdp.media) <= media_sections and max(counts) <= attributes
    )
    if within:
        assert Sdp.parse(text, limits) == sdp
    else:
        with pytest.raises(SdpLimitError):
            Sdp.parse(text, limits)


@given(st.builds(lambda name, value: (name, value), st.text(max_size=12), st.none() | st.text()))
@settings(max_examples=300)
def test_a_line_that_is_built_is_one_line_or_none(pair: tuple[str, str | None]) -> None:
    name, value = pair
    try:
        line = Line.attribute(name, value)
    except ValueError:
        return
    sdp = Sdp.parse(SESSION)
    try:
        longer = sdp.with_session(sdp.session.with_lines(line))
    except DescriptionError:
        return
    assert Sdp.parse(str(longer)).session.lines == (*sdp.session.lines, line)


@pytest.mark.parametrize(
    "body",
    [
        "m=audio 9 RTP/SAVPF 0\r\n" * 1024,
        ("m=audio 9 RTP/SAVPF 0\r\n" + "a=ssrc:1 a\r\n" * 18) * 1024,
        "m=audio 9 RTP/SAVPF 0\r\n" + "a=candidate:1 1 udp 1 ::1 1 typ host raddr x\r\n" * 4096,
        "a=group:" + "a " * 130_000,
        "a=fingerprint:sha-256 " + "AB:" * 80_000,
        "a=tls-id:" + "x" * 250_000,
        "a=" + "x" * 250_000,
        "m=audio 9 RTP/SAVPF " + "9" * 250_000,
        "b=\n" * 80_000,
        "\n" * 250_000,
    ],
    ids=lambda body: body[:20].strip() or "empty lines",
)
def test_the_worst_text_within_the_bounds_takes_no_time(body: str) -> None:
    # Some 150 ms on a slow machine; a quadratic step anywhere takes minutes.
    begun = time.perf_counter()
    accept_or_refuse(SESSION + body)
    assert time.perf_counter() - begun < 10
