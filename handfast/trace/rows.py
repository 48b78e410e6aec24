"""Rows of a ladder as values: the words that are drawn, without their appearance. PURE."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Lifeline(StrEnum):
    """Lifelines of a ladder; the end whose trace was given first is on the left."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Lifeline:
        """The lifeline on the other side."""
        return Lifeline.RIGHT if self is Lifeline.LEFT else Lifeline.LEFT


class Topic(StrEnum):
    """Parts of a session that rows belong to."""

    SIGNALING = "signaling"
    ICE = "ice"
    DTLS = "dtls"
    MEDIA = "media"


class ArrowOutcome(StrEnum):
    """Fate of a datagram or description, as far as the traces show it."""

    #: Traced by one end only, so its arrival is unknown.
    SEEN = "seen"
    ARRIVED = "arrived"
    #: Missing in the trace of the other end.
    LOST = "lost"


class Mood(StrEnum):
    """Judgement of a row: neutral, good or bad."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


class _Row(msgspec.Struct, frozen=True, kw_only=True, tag_field="row"):
    """Base of all rows; a struct, which the page of the demo gets as JSON.

    Args:
        time: Seconds since the first event.
        details: Further sentences, shown on demand.
        association: Number of the DTLS association, from 1, where the transport has several.
    """

    time: float
    details: tuple[str, ...] = ()
    association: int | None = None


class Arrow(_Row, frozen=True, kw_only=True, tag="arrow"):
    """A datagram or description that went from one end to the other, or a run of them.

    Args:
        topic: Part of the session.
        origin: The sender; of a run in both directions, the end that began.
        label: Names of the messages.
        note: Flight, size and duration.
        section: Section of the defining RFC.
        outcome: Whether it arrived.
        both_ways: Whether the run went in both directions.
        mood: Bad where a description was changed on its way.
        sdp: Text of a description, written by a stranger; empty otherwise.
    """

    topic: Topic
    origin: Lifeline
    label: str
    note: str = ""
    section: str = ""
    outcome: ArrowOutcome = ArrowOutcome.SEEN
    both_ways: bool = False
    mood: Mood = Mood.PLAIN
    sdp: str = ""


class Note(_Row, frozen=True, kw_only=True, tag="note"):
    """Decision or finding of one end, with the section of the RFC behind it."""

    topic: Topic
    side: Lifeline
    label: str
    section: str = ""
    mood: Mood = Mood.PLAIN


class Marks(_Row, frozen=True, kw_only=True, tag="marks"):
    """State changes of one end, each as `machine state`."""

    side: Lifeline
    states: tuple[str, ...]


class Failure(_Row, frozen=True, kw_only=True, tag="failure"):
    """Failure of one end, as the sentence of its error."""

    side: Lifeline
    sentence: str


class Pause(_Row, frozen=True, kw_only=True, tag="pause"):
    """A time without rows: silence, or rows that were left out."""

    seconds: float
    left_out: int = 0


Row = Arrow | Note | Marks | Failure | Pause


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A session as two lifelines and the rows between them.

    Args:
        left: Name of the left end.
        right: Name of the right end.
        verdict: Result of the session in one sentence.
        mood: Judgement of that result.
        rows: Rows in the order of time.
        remarks: Sentences needed to read it rightly, such as on a corrected clock.
    """

    left: str
    right: str
    verdict: str
    mood: Mood
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()

    def name(self, side: Lifeline) -> str:
        """Name of the end on a lifeline."""
        return self.left if side is Lifeline.LEFT else self.right

    @property
    def has_associations(self) -> bool:
        """True where rows name their DTLS association."""
        return any(row.association is not None for row in self.rows)
