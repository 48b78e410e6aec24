"""Words the decisions and findings of one end as notes of a ladder. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from handfast.trace.rows import Lifeline, Mood, Note, Topic
from handfast.trace.words import abbreviated, clean, counted, protection
from peer.states import DtlsRole
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    CandidateRefused,
    DatagramDropped,
    DescriptionRefused,
    Direction,
    FingerprintChecked,
    ForkNoted,
    ForkStep,
    HandshakeCompleted,
    KeysSwitched,
    LeniencyUsed,
    MediaUnencrypted,
    PathSelected,
    PeerJudged,
    RekeyEnded,
    RoleChosen,
    SdesKeysUsed,
    SendingWithheld,
    ServerFailed,
    Verdict,
)
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handfast.trace.associations import AssociationRef

#: Events that become a note of their own.
NotedEvent = (
    RoleChosen
    | AssociationDecided
    | DatagramDropped
    | PathSelected
    | HandshakeCompleted
    | FingerprintChecked
    | MediaUnencrypted
    | SdesKeysUsed
    | PeerJudged
    | KeysSwitched
    | AssociationRetired
    | DescriptionRefused
    | LeniencyUsed
    | SendingWithheld
    | CandidateRefused
    | ServerFailed
    | ForkNoted
    | RekeyEnded
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteContext:
    """Facts besides its event that the wording of a note depends on.

    Args:
        transport: The transport of the event, where there are several.
        association_ref: The association of the event, where there are several.
        moved: Whether a path replaces another one.
    """

    transport: str | None = None
    association_ref: AssociationRef | None = None
    moved: bool = False


def note(event: NotedEvent, side: Lifeline, time: float, context: NoteContext) -> Note:
    """Word the note for an event.

    Args:
        side: The end that traced the event.
        time: Seconds since the first event.
        context: Other facts that the wording depends on.
    """
    topic, label, details, mood = _wording(event, context)
    if context.transport is not None:
        label = f"{label} (transport {context.transport})"
    return Note(
        time=time,
        side=side,
        topic=topic,
        label=clean(label),
        section=clean(_section(event)),
        mood=mood,
        details=tuple(clean(detail) for detail in details),
        association=None
        if context.association_ref is None
        else context.association_ref.association + 1,
    )


#: Section on the derivation of SRTP keys.
_EXPORTER = "RFC 5764 section 4.2"
#: Section on the exchange that asks for another association.
_REPLACING = "RFC 8842 section 3.1"
#: Section on the lifetime of old keys.
_RETIRING = "RFC 5763 section 6.8"


def _section(event: NotedEvent) -> str:
    match event:
        case HandshakeCompleted():
            return _EXPORTER
        case AssociationRetired():
            return _RETIRING
        case LeniencyUsed() | SendingWithheld():
            return ""
        case _:
            return event.section


def _wording(event: NotedEvent, context: NoteContext) -> tuple[Topic, str, tuple[str, ...], Mood]:
    match event:
        case RoleChosen():
            return Topic.DTLS, _role(event), (), Mood.PLAIN
        case AssociationDecided(verdict=verdict):
            mood = Mood.BAD if verdict is Verdict.REFUSED else Mood.PLAIN
            return Topic.DTLS, _decision(event, context.association_ref), (), mood
        case KeysSwitched(direction=direction, association=number):
            way = "sends" if direction is Direction.OUT else "hears the peer"
            return Topic.DTLS, f"{way} under the keys of association {number + 1}", (), Mood.GOOD
        case AssociationRetired(association=number, reason=reason):
            former = context.association_ref is not None and context.association_ref.former
            fate = "retired" if former else "given up"
            return Topic.DTLS, f"association {number + 1} {fate}: {reason}", (), Mood.PLAIN
        case DatagramDropped() | PathSelected() | CandidateRefused() | ServerFailed():
            return Topic.ICE, *_of_ice(event, context)
        case HandshakeCompleted():
            label = f"keys derived: {protection(event)}"
            return Topic.DTLS, label, (f"DTLS {event.role}",), Mood.GOOD
        case FingerprintChecked() | MediaUnencrypted() | PeerJudged() | SdesKeysUsed():
            return Topic.DTLS, *_trust(event)
        case LeniencyUsed(rule=rule, reason=reason, line=line):
            return Topic.SIGNALING, f"taken by leniency ({rule}): {reason}", (line,), Mood.PLAIN
        case SendingWithheld() | ForkNoted():
            return Topic.SIGNALING, *_of_session(event)
        case DescriptionRefused(direction=direction, type=kind, reason=reason):
            whose = "own" if direction is Direction.OUT else "the peer's"
            return Topic.DTLS, f"{whose} {kind} refused: {abbreviated(reason)}", (reason,), Mood.BAD
        case RekeyEnded(changed=changed):
            return Topic.DTLS, _rekey(event), (), Mood.GOOD if changed else Mood.BAD
        case _:
            assert_never(event)


def _of_ice(
    event: DatagramDropped | PathSelected | CandidateRefused | ServerFailed, context: NoteContext
) -> tuple[str, tuple[str, ...], Mood]:
    match event:
        case DatagramDropped(kind=kind, reason=reason, size=size, remote=remote):
            source = f" from {remote}" if remote else ""
            label = f"dropped {kind}{source}: {reason}"
            return label, (counted(size, "byte"),), Mood.BAD
        case PathSelected(local=local, remote=remote, reason=reason):
            path = f"{local} → {remote}"
            label = f"path moves to {path}" if context.moved else f"path {path}"
            return label, (reason,) if reason else (), Mood.GOOD
        case CandidateRefused(candidate=candidate, reason=reason):
            return f"candidate not checked: {reason}", (candidate,), Mood.PLAIN
        case ServerFailed(url=url, reason=reason):
            return f"{url} does not serve: {abbreviated(reason)}", (reason,), Mood.BAD
        case _:
            assert_never(event)


def _of_session(event: SendingWithheld | ForkNoted) -> tuple[str, tuple[str, ...], Mood]:
    match event:
        case SendingWithheld(mid=mid, codecs=codecs):
            names = " or ".join(codecs)
            return f"m-section {mid}: track not sent, nothing here encodes {names}", (), Mood.BAD
        case ForkNoted(step=ForkStep.FULL, open=count):
            return f"one more peer is not served: {count} forks open", (), Mood.BAD
        case ForkNoted(step=step, fork=fork, open=count):
            return f"fork {fork} {step}: {count} open", (), Mood.PLAIN
        case _:
            assert_never(event)


def _decision(event: AssociationDecided, association_ref: AssociationRef | None) -> str:
    if association_ref is None:
        return f"association {event.verdict}: {event.reason}"
    said = f"association {association_ref.association + 1} {event.verdict}: {event.reason}"
    if event.section != _REPLACING or event.verdict is not Verdict.STARTED:
        return said
    return f"{said}; association {association_ref.association} serves until it has keys"


def _rekey(event: RekeyEnded) -> str:
    if not event.changed:
        return f"not rekeyed: {event.reason}"
    path = "with an ICE restart" if event.ice_restarted else "on the path in use"
    return f"rekeyed {path}: {event.reason}"


def _role(event: RoleChosen) -> str:
    client = event.role is DtlsRole.CLIENT
    duty = "client, sends the ClientHello" if client else "server, waits for the ClientHello"
    return f"DTLS {duty}: setup {event.offered or 'absent'}, answered {event.answered or 'absent'}"


def _trust(
    event: FingerprintChecked | MediaUnencrypted | PeerJudged | SdesKeysUsed,
) -> tuple[str, tuple[str, ...], Mood]:
    if isinstance(event, MediaUnencrypted):
        return "media is NOT ENCRYPTED", (event.reason,), Mood.BAD
    if isinstance(event, SdesKeysUsed):
        return f"keys of signalling (SDES): {event.suite}", (), Mood.PLAIN
    if isinstance(event, PeerJudged):
        label = f"{'refused: ' if event.refused else ''}{abbreviated(event.sentence)}"
        return label, (event.sentence,), Mood.BAD if event.refused else Mood.GOOD
    details = tuple(_expectations(event))
    if event.matches:
        return "certificate matches the signalled fingerprint", details, Mood.GOOD
    return "certificate does not match the signalled fingerprint", details, Mood.BAD


def _expectations(event: FingerprintChecked) -> Iterator[str]:
    yield from (f"signalled: {fingerprint}" for fingerprint in event.expected)
    yield f"shown: {event.shown}"
