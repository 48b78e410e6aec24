"""Ladder diagram as one HTML page without scripts and external resources.

The page is built as a tree and written by the standard library, which escapes every text and
attribute: descriptions and reasons come from strangers. The demo's page draws the same elements for
the same rows (`page/view/ladder.js`), in the same style sheet.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Final, assert_never
from xml.etree.ElementTree import Element, SubElement, tostring

from handfast.trace.rows import (
    Arrow,
    ArrowOutcome,
    Failure,
    Lifeline,
    Marks,
    Mood,
    Note,
    Pause,
    Topic,
)
from handfast.trace.words import gap, milliseconds, short, tag

if TYPE_CHECKING:
    from handfast.trace.rows import Ladder, Row

_STYLES: Final = ("base.css", "ladder.css", "saved.css")
_SIGNS: Final = {Mood.PLAIN: "●", Mood.GOOD: "✔", Mood.BAD: "✘"}
_KINDS: Final = {
    Topic.SIGNALING: "signalling",
    Topic.ICE: "STUN",
    Topic.DTLS: "DTLS",
    Topic.MEDIA: "SRTP and data",
}
#: Most lines of a tooltip (ours); the details have the rest.
_TOOLTIP: Final = 8


def document(ladder: Ladder) -> str:
    """Render a ladder as an HTML page."""
    style = "\n".join(_style(name) for name in _STYLES)
    title = f"{ladder.left} and {ladder.right}"
    root = Element("html", lang="en")
    head = SubElement(root, "head")
    SubElement(head, "meta", charset="utf-8")
    # Markup that slipped through could neither run nor load anything.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head.append(Element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}))
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    SubElement(head, "meta", name="color-scheme", content="light dark")
    _text(head, "title", text=f"{title}: a handshake")
    _text(head, "style", text=style)
    body = SubElement(root, "body")
    header = SubElement(body, "header")
    _text(header, "h1", text=title)
    verdict = SubElement(header, "p", {"class": "verdict", "data-mood": ladder.mood})
    _text(
        verdict,
        "span",
        text=_SIGNS[ladder.mood],
        attributes={"class": "sign", "aria-hidden": "true"},
    )
    _text(verdict, "span", text=ladder.verdict)
    for remark in ladder.remarks:
        _text(header, "p", text=remark, attributes={"class": "remark"})
    SubElement(body, "main").append(_figure(ladder))
    return f"<!doctype html>\n{tostring(root, encoding='unicode', method='html')}\n"


def _style(name: str) -> str:
    return (resources.files("handfast") / "page" / "style" / name).read_text("utf-8")


def _figure(ladder: Ladder) -> Element:
    figure = Element("div", {"class": "ladder"})
    heads = SubElement(SubElement(figure, "div", {"class": "ladder-heads"}), "div")
    _text(heads, "span", text=ladder.left)
    _text(heads, "span", text=ladder.right)
    rungs = SubElement(figure, "ol", {"class": "rungs"})
    rungs.extend(_rung(ladder, row) for row in ladder.rows)
    legend = SubElement(figure, "ul", {"class": "legend"})
    for topic, name in _KINDS.items():
        item = SubElement(legend, "li", {"data-topic": topic})
        item.append(_shaft(to_right=True))
        _text(item, "span", text=name)
    if ladder.has_associations:
        item = SubElement(legend, "li")
        for number in (1, 2):
            _tag(item, number)
        _text(item, "span", text="… DTLS associations, in their order")
    return figure


def _rung(ladder: Ladder, row: Row) -> Element:
    match row:
        case Arrow():
            return _arrow(ladder, row)
        case Note():
            rung, lane = _empty(row, "note", side=row.side, mood=row.mood, topic=row.topic)
            box = SubElement(lane, "div", {"class": "box"})
            who = f"{ladder.name(row.side)}: "
            _said(box, row.label, who=who, sign=_SIGNS[row.mood], association=row.association)
            _more(box, short(row.section), row.details)
        case Marks():
            rung, lane = _empty(row, "marks", side=row.side)
            _text(lane, "span", text=f"{ladder.name(row.side)}: ", attributes={"class": "unseen"})
            states = SubElement(lane, "ul")
            for state in row.states:
                _text(states, "li", text=state)
        case Failure():
            rung, lane = _empty(row, "failure", side=row.side)
            box = SubElement(lane, "div", {"class": "box"})
            who = f"{ladder.name(row.side)} failed: "
            _said(box, row.sentence, who=who, sign=_SIGNS[Mood.BAD])
            if row.details:
                _more(box, "The whole sentence", row.details)
        case Pause():
            rung, lane = _empty(row, "pause", timed=False)
            lane.text = gap(row.seconds, row.left_out)
        case _:
            assert_never(row)
    return rung


def _arrow(ladder: Ladder, row: Arrow) -> Element:
    rung, lane = _empty(
        row, "arrow", topic=row.topic, origin=row.origin, outcome=row.outcome, mood=row.mood
    )
    there = ladder.name(row.origin.other)
    who = f"{ladder.name(row.origin)} {'and' if row.both_ways else 'to'} {there}: "
    _said(lane, row.label, who=who, association=row.association)
    lost = row.outcome is ArrowOutcome.LOST
    lane.append(
        _shaft(
            to_left=row.both_ways or row.origin is Lifeline.RIGHT,
            to_right=row.both_ways or row.origin is Lifeline.LEFT,
            lost=lost,
        )
    )
    aside = SubElement(lane, "div", {"class": "aside"})
    note = f"{row.note} · not seen by {there}" if lost else row.note
    more = _more(aside, note, row.details, foldable=bool(row.sdp))
    if row.sdp:
        _text(more, "pre", text=row.sdp, attributes={"tabindex": "0"})
    _text(aside, "span", text=short(row.section), attributes={"class": "section"})
    return rung


def _empty(row: Row, kind: str, *, timed: bool = True, **data: str) -> tuple[Element, Element]:
    """Create a rung with its time, and return it with its empty lane."""
    rung = Element("li", {"class": f"rung {kind}"})
    for name, value in data.items():
        rung.set(f"data-{name}", value)
    if row.association is not None:
        rung.set("data-association", _tint(row.association))
    if row.details:
        rung.set("title", "\n".join(row.details[:_TOOLTIP]))
    _text(rung, "time", text=milliseconds(row.time) if timed else "")
    return rung, SubElement(rung, "div", {"class": "lane"})


def _said(
    parent: Element, words: str, *, who: str, sign: str = "", association: int | None = None
) -> None:
    line = SubElement(parent, "p", {"class": "said"})
    if sign:
        _text(line, "span", text=sign, attributes={"class": "sign", "aria-hidden": "true"})
    _text(line, "span", text=who, attributes={"class": "unseen"})
    if association is not None:
        _tag(line, association)
    _text(line, "span", text=words)


def _tag(parent: Element, association: int) -> None:
    _text(
        parent,
        "span",
        text=tag(association),
        attributes={"class": "tag", "data-association": _tint(association)},
    )


def _tint(association: int) -> str:
    """Return the colour class of an association: neighbours differ."""
    return "odd" if association % 2 else "even"


def _more(
    parent: Element, about: str, details: tuple[str, ...], *, foldable: bool = False
) -> Element:
    """Add a line of text, with the details folded away behind it where there are any."""
    if not details and not foldable:
        return _text(parent, "span", text=about)
    folded = SubElement(parent, "details")
    _text(folded, "summary", text=about)
    if details:
        told = SubElement(folded, "ul")
        for detail in details:
            _text(told, "li", text=detail)
    return folded


def _shaft(*, to_left: bool = False, to_right: bool = False, lost: bool = False) -> Element:
    """Create an arrow as wide as the lane; nested drawings keep its heads in shape at any width."""
    shaft = Element("svg", {"class": "shaft", "aria-hidden": "true"})
    start, end = "0", "100%"
    if lost:
        start, end = ("0", "66%") if to_right else ("34%", "100%")
    SubElement(shaft, "line", x1=start, x2=end, y1="7", y2="7")
    if lost:
        at = SubElement(shaft, "svg", x=end if to_right else start, overflow="visible")
        SubElement(at, "path", {"class": "cross", "d": "M-5 2l10 10M-5 12l10 -10"})
        return shaft
    if to_left:
        SubElement(shaft, "path", d="M0 7l10 -6v12z")
    if to_right:
        at = SubElement(shaft, "svg", x="100%", overflow="visible")
        SubElement(at, "path", d="M0 7l-10 -6v12z")
    return shaft


def _text(
    parent: Element, name: str, *, text: str, attributes: dict[str, str] | None = None
) -> Element:
    element = SubElement(parent, name, attributes or {})
    element.text = text
    return element
