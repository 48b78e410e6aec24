"""Owns the words for what one end decided or found by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from handfast.trace.rows import Mood, Note, Side, Topic
from handfast.trace.words import clean, counted, version
from peer.states import DtlsRole
from peer.trace import (
    AssociationDecided,
    DatagramDropped,
    FingerprintChecked,
    HandshakeCompleted,
    PathSelected,
    RoleChosen,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What becomes a note of its own.
Noted = (
    RoleChosen
    | AssociationDecided
    | DatagramDropped
    | PathSelected
    | HandshakeCompleted
    | FingerprintChecked
)


def note(event: Noted, side: Side, time: float, *, transport: str | None = None) -> Note:
    """The row for an event.

    Args:
        side: The end that told of it.
        time: Seconds since the beginning.
        transport: The one that it is about, where that needs to be said.
    """
    topic, label, details, mood = _told(event)
    if transport is not None:
        label = f"{label} (transport {transport})"
    return Note(
        time=time,
        side=side,
        topic=topic,
        label=clean(label),
        section=clean(event.section) if not isinstance(event, HandshakeCompleted) else _EXPORTER,
        mood=mood,
        details=tuple(clean(detail) for detail in details),
    )


#: Where the keys of SRTP come from.
_EXPORTER = "RFC 5764 section 4.2"


def _told(event: Noted) -> tuple[Topic, str, tuple[str, ...], Mood]:
    match event:
        case RoleChosen():
            return Topic.DTLS, _role(event), (), Mood.PLAIN
        case AssociationDecided(verdict=verdict, reason=reason):
            mood = Mood.BAD if verdict is Verdict.REFUSED else Mood.PLAIN
            return Topic.DTLS, f"association {verdict}: {reason}", (), mood
        case DatagramDropped(kind=kind, reason=reason, size=size, remote=remote):
            source = f" from {remote}" if remote else ""
            label = f"dropped {kind}{source}: {reason}"
            return Topic.ICE, label, (counted(size, "byte"),), Mood.BAD
        case PathSelected(local=local, remote=remote):
            return Topic.ICE, f"path {local} → {remote}", (), Mood.GOOD
        case HandshakeCompleted():
            chosen = (version(event.version), event.cipher, event.srtp_profile)
            label = f"keys derived: {', '.join(part for part in chosen if part)}"
            return Topic.DTLS, label, (f"DTLS {event.role}",), Mood.GOOD
        case FingerprintChecked():
            return Topic.DTLS, *_fingerprint(event)
        case _:
            assert_never(event)


def _role(event: RoleChosen) -> str:
    client = event.role is DtlsRole.CLIENT
    duty = "client, sends the ClientHello" if client else "server, waits for the ClientHello"
    return f"DTLS {duty}: setup {event.offered or 'absent'}, answered {event.answered or 'absent'}"


def _fingerprint(event: FingerprintChecked) -> tuple[str, tuple[str, ...], Mood]:
    details = tuple(_expectations(event))
    if event.matches:
        return "certificate matches the signalled fingerprint", details, Mood.GOOD
    return "certificate does not match the signalled fingerprint", details, Mood.BAD


def _expectations(event: FingerprintChecked) -> Iterator[str]:
    yield from (f"signalled: {fingerprint}" for fingerprint in event.expected)
    yield f"shown: {event.shown}"
