"""Groups datagrams into arrows of a ladder: a run of ICE checks, or a DTLS flight, is one. PURE."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from handfast.trace import descriptions, flights
from handfast.trace.associations import AssociationRef, is_payload
from handfast.trace.pairing import MEDIA, STUN, Passage
from handfast.trace.rows import Arrow, ArrowOutcome, Lifeline, Mood, Topic
from handfast.trace.words import clean, clean_lines, counted, milliseconds
from peer.printable import without_secrets
from peer.tracing.events import Datagram, DatagramKind, Described, SignalingMessage
from peer.values import dataclass

if TYPE_CHECKING:
    from handfast.trace.generations import Check

#: Most seconds between datagrams of one flight (ours); its retransmission comes after 1 s
#: (RFC 6347 section 4.2.4.1).
_FLIGHT_GAP: Final = 0.4
#: Most seconds between connectivity checks of one run (ours).
_RUN_GAP: Final = 1.0
#: Most datagrams that one row lists (ours); a run may have thousands.
_MOST_DETAILS: Final = 24
_RESTARTS: Final = "ICE restarts, the present path serves until another is chosen"


def _shown(described: Described) -> str:
    # A page is sent to others, more than a trace is.
    return clean_lines(without_secrets(described.sdp))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowContext:
    """Facts about the whole trace that the wording of a row depends on.

    Args:
        start: Time of the first event; rows have times relative to it.
        both_ends: Whether both ends were traced, so that a datagram seen by one only was lost.
        transports: Transports that carried DTLS.
    """

    start: float
    both_ends: bool
    transports: frozenset[str | None]

    @property
    def several_transports(self) -> bool:
        """True where a row has to name its transport."""
        return len(self.transports) > 1


class ArrowBuilder:
    """Collects the passages that are drawn as one arrow.

    Args:
        first: The first passage of the arrow.
        after_verify_request: Whether a HelloVerifyRequest came before.
        check: Generation and purpose, where the passage is an ICE check.
        changes: Attributes that a description changes, in words.

    Attributes:
        messages: The names of the DTLS messages, each once.
        is_retransmission: Whether the same flight was sent before.
    """

    def __init__(
        self, first: Passage, *, after_verify_request: bool, check: Check, changes: tuple[str, ...]
    ) -> None:
        self.messages = _names(first)
        self.is_retransmission = False
        self._passages = [first]
        self._after_verify_request = after_verify_request
        self._check = check
        self._changes = changes

    @property
    def origin(self) -> Lifeline:
        """The lifeline of the first sender."""
        return self._passages[0].origin

    @property
    def association_ref(self) -> AssociationRef | None:
        """The DTLS association of the arrow, where its transport has several."""
        return self._passages[0].association_ref

    @property
    def is_run(self) -> bool:
        """True for a run of ICE checks."""
        event = self._passages[0].event
        return isinstance(event, Datagram) and event.kind in STUN

    def try_add(self, passage: Passage, *, is_last: bool, check: Check) -> bool:
        """Add a passage if it belongs to this arrow; returns whether it does.

        Args:
            passage: The next passage of the trace.
            is_last: Whether no other arrow has begun since.
            check: Generation and purpose, where the passage is an ICE check.
        """
        mine, other = self._passages[-1].event, passage.event
        if not isinstance(mine, Datagram) or not isinstance(other, Datagram):
            return False
        if mine.transport != other.transport:
            return False
        gap = passage.time - self._passages[-1].time
        if self.is_run:
            belongs = other.kind in STUN and self._continues_run(check, gap, is_last=is_last)
        else:
            belongs = mine.kind is other.kind is DatagramKind.DTLS and self._continues_flight(
                passage, gap
            )
        if belongs:
            self._passages.append(passage)
            self.messages = tuple(dict.fromkeys((*self.messages, *_names(passage))))
        return belongs

    def _continues_flight(self, passage: Passage, gap: float) -> bool:
        names = _names(passage)
        if passage.origin is not self.origin or not flights.is_handshake(names):
            return False
        if self.is_retransmission:
            # All retransmissions of a flight are one row.
            return set(names) <= set(self.messages) or gap < _FLIGHT_GAP
        begins_anew = _signature(passage) == _signature(self._passages[0])
        return flights.is_handshake(self.messages) and gap < _FLIGHT_GAP and not begins_anew

    def _continues_run(self, check: Check, gap: float, *, is_last: bool) -> bool:
        if self._check.consent:
            # The pair does not matter: while a restart ends, two pairs are kept alive.
            return is_last and check.consent
        same = check.generation == self._check.generation
        return same and (gap < _RUN_GAP or (is_last and not check.consent))

    def stops_search(self, passage: Passage, check: Check) -> bool:
        """Return True if no arrow before this one can take the passage."""
        mine, other = self._passages[0].event, passage.event
        if not isinstance(mine, Datagram) or not isinstance(other, Datagram):
            return not (isinstance(other, Datagram) and other.kind in STUN)
        if mine.transport != other.transport or (mine.kind in STUN) != (other.kind in STUN):
            return False
        if other.kind not in STUN or check.consent:
            return True
        # The run of a restart goes on beside the checks of the pair that is still in use.
        return self._check.generation == check.generation and not self._check.consent

    def row(self, context: RowContext) -> Arrow:
        """Build the arrow from the passages so far."""
        first = self._passages[0]
        topic, label, note, section = self._wording()
        if self.is_retransmission:
            note = f"{self._repetitions()} · {note}"
        if context.several_transports and first.event.transport is not None:
            note += f" · transport {first.event.transport}"
        if first.sent is not None and first.arrived is not None and not self._is_later_payload:
            note += f" · took {milliseconds(max(0.0, first.arrived - first.sent))}"
        return Arrow(
            time=first.time - context.start,
            topic=topic,
            origin=self.origin,
            label=clean(label),
            note=clean(note),
            section=section,
            outcome=self._outcome(both_ends=context.both_ends),
            both_ways=len({passage.origin for passage in self._passages}) > 1,
            mood=Mood.BAD if self._tampered() or self._is_in_clear() else Mood.PLAIN,
            sdp=_shown(first.event) if isinstance(first.event, Described) else "",
            details=self._details(context.start),
            association=None
            if self.association_ref is None
            else self.association_ref.association + 1,
        )

    def _wording(self) -> tuple[Topic, str, str, str]:
        """Return topic, label, note and RFC section of the arrow."""
        event = self._passages[0].event
        if isinstance(event, Described):
            note = descriptions.summary(event.sdp)
            is_offer = event.type == "offer"
            if self._changes:
                restarts = is_offer and descriptions.NEW_CREDENTIALS in self._changes
                note = f"{', '.join(self._changes)} · {note}"
                note = f"{note} · {_RESTARTS}" if restarts else note
            if changes := self._tampered():
                note = f"{' and '.join(changes)} changed on the way · {note}"
            return Topic.SIGNALING, event.type, note, "RFC 5763 section 5"
        if isinstance(event, SignalingMessage):
            return Topic.SIGNALING, event.summary, event.protocol, event.section
        return self._check_wording() if self.is_run else self._datagram_wording(event)

    def _repetitions(self) -> str:
        first = self._passages[0]
        times = sum(_signature(passage) == _signature(first) for passage in self._passages)
        if times == 1:
            return "sent again"
        return f"sent again {times} times over {milliseconds(self._lasted())}"

    def _lasted(self) -> float:
        return self._passages[-1].time - self._passages[0].time

    def _is_in_clear(self) -> bool:
        """Tell whether this is media without encryption."""
        event = self._passages[0].event
        plain = (DatagramKind.RTP, DatagramKind.RTCP)
        return isinstance(event, Datagram) and event.kind in plain

    def _tampered(self) -> tuple[str, ...]:
        first = self._passages[0]
        if isinstance(first.event, Described) and isinstance(first.arrival, Described):
            return descriptions.changed(sent=first.event.sdp, arrived=first.arrival.sdp)
        return ()

    def _check_wording(self) -> tuple[Topic, str, str, str]:
        events = [p.event for p in self._passages if isinstance(p.event, Datagram)]
        kinds = Counter(event.kind for event in events)
        parts = [counted(kinds[DatagramKind.STUN_REQUEST], "request")]
        parts.append(counted(kinds[DatagramKind.STUN_RESPONSE], "answer"))
        if kinds[DatagramKind.STUN_ERROR]:
            parts.append(counted(kinds[DatagramKind.STUN_ERROR], "error"))
        if any("USE-CANDIDATE" in event.detail for event in events):
            parts.append("with nomination")
        note = ", ".join(parts)
        if len(events) > 1:
            note += f" · over {milliseconds(self._lasted())}"
        if self._check.consent:
            return Topic.ICE, "consent checks", note, "RFC 7675 section 5.1"
        if self._check.generation:
            label = f"connectivity checks, generation {self._check.generation + 1}"
            return Topic.ICE, label, note, "RFC 8445 section 9"
        return Topic.ICE, "connectivity checks", note, "RFC 8445 section 7"

    def _datagram_wording(self, first: Datagram) -> tuple[Topic, str, str, str]:
        sizes = [p.event.size for p in self._passages if isinstance(p.event, Datagram)]
        size = counted(sum(sizes), "byte")
        if self._is_later_payload and self.association_ref is not None:
            return self._payload_wording(first, size, self.association_ref)
        match first.kind:
            case DatagramKind.SRTP | DatagramKind.SRTCP:
                label = f"{first.kind.upper()} starts"
                return Topic.MEDIA, label, f"first packet {size}", "RFC 5764 section 5.1"
            case DatagramKind.RTP | DatagramKind.RTCP:
                label = f"{first.kind.upper()} starts, NOT ENCRYPTED"
                return Topic.MEDIA, label, f"first packet {size}", "RFC 8643 section 3.3"
            case DatagramKind.DTLS if flights.is_handshake(self.messages):
                flight = flights.number(
                    self.messages, after_verify_request=self._after_verify_request
                )
                amount = size if len(sizes) == 1 else f"{size} in {len(sizes)} datagrams"
                note = amount if flight is None else f"flight {flight} · {amount}"
                return Topic.DTLS, ", ".join(self.messages), note, "RFC 6347 section 4.2.4"
            case DatagramKind.DTLS if flights.has_alert(self.messages):
                return Topic.DTLS, ", ".join(self.messages), size, "RFC 5246 section 7.2"
            case DatagramKind.DTLS:
                label = f"{', '.join(self.messages) or 'DTLS record'} starts"
                return Topic.MEDIA, label, f"first datagram {size}", "RFC 8261 section 5"
            case _:
                return Topic.ICE, f"{first.kind} datagram", size, "RFC 7983 section 7"

    @property
    def _is_later_payload(self) -> bool:
        """True for payload under keys that replaced others, or were replaced."""
        event = self._passages[0].event
        mine = self.association_ref
        later = mine is not None and (mine.former or mine.association > 0)
        return later and isinstance(event, Datagram) and is_payload(event)

    def _payload_wording(
        self, first: Datagram, size: str, association_ref: AssociationRef
    ) -> tuple[Topic, str, str, str]:
        what = "media" if first.kind in MEDIA else "data"
        kind = first.kind.upper() if first.kind in MEDIA else ", ".join(self.messages)
        if association_ref.former:
            label, note = f"{what} goes on", f"still under the old keys · {kind}, {size}"
        else:
            label, note = f"{what} under the new keys", f"first packet {kind}, {size}"
        return Topic.MEDIA, label, note, "RFC 5763 section 6.8"

    def _outcome(self, *, both_ends: bool) -> ArrowOutcome:
        beside = self.association_ref is not None and self.association_ref.former
        if self.is_run or not both_ends or beside:
            return ArrowOutcome.SEEN
        whole = [p for p in self._passages if p.sent is not None and p.arrived is not None]
        if whole:
            return ArrowOutcome.ARRIVED
        return ArrowOutcome.LOST if self._passages[0].sent is not None else ArrowOutcome.SEEN

    def _details(self, start: float) -> tuple[str, ...]:
        event = self._passages[0].event
        if isinstance(event, SignalingMessage):
            return tuple(clean(line) for line in event.text.splitlines()[:_MOST_DETAILS])
        told = [self._detail(passage, start) for passage in self._passages[:_MOST_DETAILS]]
        if len(self._passages) > _MOST_DETAILS:
            told.append(f"and {counted(len(self._passages) - _MOST_DETAILS, 'more datagram')}")
        return tuple(clean(line) for line in told if line)

    def _detail(self, passage: Passage, start: float) -> str:
        event = passage.event
        if not isinstance(event, Datagram):
            return ""
        arrow = "→" if passage.origin is Lifeline.LEFT else "←"
        what = event.detail or event.kind
        if event.kind in STUN and event.detail:
            what = f"{event.kind}, {event.detail}"
        words = [milliseconds(passage.time - start), arrow, what]
        words.append(f"({counted(event.size, 'byte')})")
        if event.local and event.remote:
            words.append(f"between {event.local} and {event.remote}")
        return " ".join(words)


def _names(passage: Passage) -> tuple[str, ...]:
    event = passage.event
    return flights.messages(event.detail) if isinstance(event, Datagram) else ()


def _signature(passage: Passage) -> tuple[str, int] | None:
    """Return the key by which a retransmitted datagram is recognised, with its fragment range."""
    event = passage.event
    return (event.detail, event.size) if isinstance(event, Datagram) else None
