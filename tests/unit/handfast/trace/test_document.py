"""Saved page of a ladder: complete, without external resources, safe against HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from handfast.trace import Ladder, TracedEnd, document, draw
from peer.states import DtlsRole
from peer.times import UnixTime
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    Datagram,
    DatagramDropped,
    DatagramKind,
    Described,
    Direction,
    Failed,
    FingerprintChecked,
    HandshakeCompleted,
    KeysSwitched,
    PathSelected,
    RoleChosen,
    StateChanged,
    TraceEvent,
    Verdict,
)
from tests.support.tracing.ladder_changes import rekeyed
from tests.support.tracing.ladders import OFFER, START, Session, connected, intercepted

_VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class _Page(HTMLParser):
    """What a parser sees."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def both(session: Session) -> Ladder:
    return draw(TracedEnd("alice", session.offerer), TracedEnd("bob", session.answerer))


@pytest.fixture(params=[connected, intercepted, rekeyed])
def html(request: pytest.FixtureRequest) -> str:
    return document(both(request.param()))


def test_every_element_is_closed_in_its_place(html: str) -> None:
    page = _Page(html)

    assert html.startswith("<!doctype html>\n<html lang=")
    assert page.open == []
    assert page.unbalanced == []


def test_nothing_is_loaded_or_run(html: str) -> None:
    page = _Page(html)

    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "a", "form"})
    names = {name for _, attributes in page.tags for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "href", "style")]
    assert re.findall(r"https?:|url\(|@import", html) == []


def test_the_policy_allows_the_style_of_the_page_and_nothing_else(html: str) -> None:
    policy = next(
        attributes["content"]
        for _, attributes in _Page(html).tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()

    assert policy is not None
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]


def test_both_schemes_of_colour_are_there(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in _Page(html).tags


def test_the_words_of_the_ladder_are_text() -> None:
    text = "\n".join(_Page(document(both(connected()))).text)

    for words in (
        "Connected after 90.3 ms",
        "ClientHello",
        "ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone",
        "certificate matches the signalled fingerprint",
        "RFC 8122 §5",
        "SRTP starts",
    ):
        assert words in text


def test_descriptions_are_folded_away_whole() -> None:
    html = document(both(connected()))

    folded = re.findall(r"<details>.*?</details>", html, re.DOTALL)
    assert len([part for part in folded if "a=setup:" in part]) == 2
    assert OFFER.replace("\r\n", "\n").rstrip() in "".join(_Page(html).text)


def test_an_arrow_says_its_way_to_who_cannot_see_it() -> None:
    text = "".join(_Page(document(both(connected()))).text)

    assert "bob to alice: ClientHello" in text
    assert "alice and bob: connectivity checks" in text


def test_rows_say_by_name_and_by_tint_which_association_they_belong_to() -> None:
    page = _Page(document(both(rekeyed())))

    rungs = [
        attributes["data-association"]
        for tag, attributes in page.tags
        if tag == "li" and "data-association" in attributes
    ]
    assert set(rungs) == {"odd", "even"}
    assert {"A1", "A2", "… DTLS associations, in their order"} <= set(page.text)
    assert "A1" not in _Page(document(both(connected()))).text


def test_a_tooltip_tells_the_datagrams() -> None:
    page = _Page(document(both(connected())))

    titles = [attributes["title"] or "" for _, attributes in page.tags if "title" in attributes]
    assert any("ClientHello (245 bytes) between 198.51.100.2:60000" in title for title in titles)


HOSTILE = [
    "</pre></details><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title><svg/onload=alert(1)>",
    "&lt;b&gt;<!--",
    "\ud800 lone surrogate",
    "\x00\x1b[31m\u2028\u202e",
    "<" * 5000,
]


def test_a_page_shows_descriptions_without_their_passwords() -> None:
    sdp = "v=0\r\na=ice-ufrag:frag\r\na=ice-pwd:secret-of-ice\r\na=setup:active\r\n"
    event = Described(time=UnixTime(START), direction=Direction.OUT, type="answer", sdp=sdp)
    page = document(draw(TracedEnd("here", [event])))
    assert "a=ice-ufrag:frag\na=ice-pwd:...\na=setup:active" in page
    assert "secret-of-ice" not in page


def _everything(text: str) -> list[TraceEvent]:
    """Each kind of event, with that text wherever a text may be."""
    return [
        Described(
            time=UnixTime(START), direction=Direction.IN, type=text, sdp=f"v=0\na=setup:{text}\n"
        ),
        RoleChosen(
            time=UnixTime(START), role=DtlsRole.CLIENT, offered=text, answered=text, section=text
        ),
        AssociationDecided(
            time=UnixTime(START), verdict=Verdict.REFUSED, reason=text, section=text
        ),
        Datagram(
            time=UnixTime(START),
            transport=text,
            direction=Direction.IN,
            kind=DatagramKind.DTLS,
            size=1,
            detail=f"ClientHello {text}",
            local=text,
            remote=text,
        ),
        DatagramDropped(
            time=UnixTime(START),
            kind=DatagramKind.UNKNOWN,
            reason=text,
            size=1,
            remote=text,
            section=text,
        ),
        PathSelected(time=UnixTime(START), local=text, remote=text),
        HandshakeCompleted(
            time=UnixTime(START), role=DtlsRole.SERVER, version=text, cipher=text, srtp_profile=text
        ),
        FingerprintChecked(time=UnixTime(START), expected=(text,), shown=text, matches=False),
        KeysSwitched(time=UnixTime(START), direction=Direction.OUT, association=1, section=text),
        AssociationRetired(time=UnixTime(START), association=0, reason=text),
        StateChanged(time=UnixTime(START), machine=text, state=text),
        Failed(time=UnixTime(START), sentence=text),
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_stranger_becomes_an_element_or_an_attribute(text: str) -> None:
    harmless = _Page(
        document(draw(TracedEnd("x", _everything("x")), TracedEnd("y", _everything("x"))))
    )

    html = document(
        draw(TracedEnd(text, _everything(text)), TracedEnd(f"{text}2", _everything(text)))
    )
    page = _Page(html)

    assert html.encode()
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in harmless.tags]
    assert [set(attributes) for _, attributes in page.tags] == [
        set(attributes) for _, attributes in harmless.tags
    ]
    assert page.unbalanced == []
