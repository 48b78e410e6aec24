"""Descriptions in good order with one thing changed, and what we and Chromium make of each.

They stand in variants.toml.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from peer import PeerError, SdpType, SessionDescription
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from tests.support.negotiation.offer_answer import (
    add_track,
    answer_of,
    exchange,
    offer_of,
    profile,
    set_remote,
)

KINDS = ("audio", "video")


class Verdict(StrEnum):
    """What an end makes of a description."""

    TAKEN = "taken"
    CLOSED = "an m-section is closed"
    REFUSED = "refused"


class Stage(StrEnum):
    """Where in a session a description comes."""

    OFFER = "offer"
    ANSWER = "answer"
    REOFFER = "later offer"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a text.

    Args:
        pattern: Regular expression, with `^` at each line.
        replacement: As it is, without groups.
        once: The first match alone, and not all.
    """

    pattern: str
    replacement: str = ""
    once: bool = False

    def __call__(self, text: str) -> str:
        """Change the text.

        Raises:
            ValueError: Nothing in it matches.
        """
        changed, count = re.subn(
            self.pattern,
            lambda _: self.replacement,
            text,
            count=int(self.once),
            flags=re.MULTILINE,
        )
        if not count:
            raise ValueError(f"{self.pattern} is not in the description")
        return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A description with something changed.

    Args:
        stage: Where it comes.
        what: The change, in words.
        edits: The change.
        ours: What we make of it.
        chromium: What Chromium 156 makes of it.
        reason: Why the two differ; None where they do not.
    """

    stage: Stage
    what: str
    edits: tuple[Edit, ...]
    ours: Verdict
    chromium: Verdict
    reason: str | None = None


def base_texts() -> dict[Stage, str]:
    """Describe an end with sound, a picture and data: its first offer and its second."""
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    _wish(left)
    first = offer_of(left).sdp
    set_remote(right, SessionDescription(first, SdpType.OFFER))
    set_remote(left, answer_of(right))
    return {Stage.OFFER: first, Stage.REOFFER: offer_of(left).sdp}


def edited(variant: Variant, text: str) -> str:
    """Change a text as the variant has it."""
    for edit in variant.edits:
        text = edit(text)
    return text


def our_verdict(variant: Variant) -> Verdict:
    """Try a variant at an end of ours, which answers what it takes."""
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    _wish(left)
    if variant.stage is Stage.ANSWER:
        set_remote(right, offer_of(left))
        text, kind, end = edited(variant, answer_of(right).sdp), SdpType.ANSWER, left
    else:
        if variant.stage is Stage.REOFFER:
            exchange(left, right)
        text, kind, end = edited(variant, offer_of(left).sdp), SdpType.OFFER, right
    try:
        end.plan(Side.REMOTE, SessionDescription(text, kind))
    except PeerError:
        return Verdict.REFUSED
    set_remote(end, SessionDescription(text, kind))
    closed = (
        sum(each.agreement is not None for each in end.session.transceivers) < len(KINDS)
        if kind is SdpType.ANSWER
        else any(section.rejected for section in Sdp.parse(answer_of(end).sdp).media)
    )
    return Verdict.CLOSED if closed else Verdict.TAKEN


def _wish(end: OfferAnswer) -> None:
    for kind in KINDS:
        add_track(end, kind)
    end.request_data()


def _load() -> tuple[Variant, ...]:
    rows: list[dict[str, Any]] = tomllib.loads(
        Path(__file__).with_name("variants.toml").read_text()
    )["variant"]
    return tuple(
        Variant(
            stage=Stage(row["stage"]),
            what=row["what"],
            edits=tuple(
                Edit(pattern, text, once=bool(once)) for pattern, text, *once in row["edits"]
            ),
            ours=Verdict(row["ours"]),
            chromium=Verdict(row["chromium"]),
            reason=row.get("reason"),
        )
        for row in rows
    )


#: All of them, in the order of the table.
VARIANTS = _load()
