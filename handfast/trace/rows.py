"""Owns the rows of a ladder: what is drawn, in words, and nothing of how."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Lifeline(StrEnum):
    """Which lifeline: the end whose trace was given first is on the left."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Lifeline:
        """The lifeline across."""
        return Lifeline.RIGHT if self is Lifeline.LEFT else Lifeline.LEFT


class Topic(StrEnum):
    """Which part of a session a row belongs to."""

    SIGNALING = "signaling"
    ICE = "ice"
    DTLS = "dtls"
    MEDIA = "media"


class ArrowOutcome(StrEnum):
    """What is known of an arrow's far end."""

    #: Told by one end only: nobody was there to see the rest of its way.
    SEEN = "seen"
    ARRIVED = "arrived"
    #: The other end's trace is there, and does not have it.
    LOST = "lost"


class Mood(StrEnum):
    """How a note is meant."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


class _Row(msgspec.Struct, frozen=True, kw_only=True, tag_field="row"):
    """What every row has; it is a struct, so that the page of the demo gets it as JSON.

    Args:
        time: Seconds since the first event.
        details: Sentences for whoever asks for more.
        association: The one of its transport that it belongs to, where there are several; a
            reader's first one is 1.
    """

    time: float
    details: tuple[str, ...] = ()
    association: int | None = None


class Arrow(_Row, frozen=True, kw_only=True, tag="arrow"):
    """Something that went from one end to the other, or a run of such things.

    Args:
        origin: The end that sent it; of a run that went both ways, the end that began.
        label: What it is: the names of the messages.
        note: Its flight, its size, how long it took.
        section: Of the RFC that defines it.
        outcome: What is known of the far end.
        both_ways: Whether the run went there and back.
        mood: Bad where it was changed on its way.
        sdp: The text of a description; empty otherwise. A stranger wrote it.
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
    """What one end decided or found, and the section of the RFC behind it."""

    topic: Topic
    side: Lifeline
    label: str
    section: str = ""
    mood: Mood = Mood.PLAIN


class Marks(_Row, frozen=True, kw_only=True, tag="marks"):
    """States that one end came to, each as `machine state`."""

    side: Lifeline
    states: tuple[str, ...]


class Failure(_Row, frozen=True, kw_only=True, tag="failure"):
    """The sentence with which one end failed."""

    side: Lifeline
    sentence: str


class Pause(_Row, frozen=True, kw_only=True, tag="pause"):
    """Nothing to tell for so many seconds, or so many rows that are not told."""

    seconds: float
    left_out: int = 0


Row = Arrow | Note | Marks | Failure | Pause


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A session as two lifelines and the rows between them.

    Args:
        left: Name of the left end.
        right: Name of the right end.
        verdict: One sentence that says how the session went.
        mood: Whether that is good.
        remarks: What one has to know to read it rightly, such as a clock that was corrected.
        rows: In the order of time.
    """

    left: str
    right: str
    verdict: str
    mood: Mood
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()

    def name(self, side: Lifeline) -> str:
        """What the end is called."""
        return self.left if side is Lifeline.LEFT else self.right

    @property
    def has_associations(self) -> bool:
        """Whether rows say which association they belong to."""
        return any(row.association is not None for row in self.rows)
