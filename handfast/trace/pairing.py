"""Pairs the sendings of one trace with the arrivals of the other, on a common clock. PURE."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from handfast.trace.associations import Associations, is_payload
from handfast.trace.rows import Lifeline
from peer.tracing.events import (
    Datagram,
    DatagramKind,
    Described,
    Direction,
    SignalingMessage,
    TraceEvent,
)
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from handfast.trace.associations import AssociationRef

#: Seconds by which an arrival may precede its sending (ours): clocks of one machine differ by less.
_TOLERANCE: Final = 0.001
#: Seconds after which an arrival belongs to a retransmission of the same bytes: DTLS sends a
#: flight again after 1 s (RFC 6347 section 4.2.4.1).
_RETRANSMISSION_GAP: Final = 0.9

STUN: Final = (DatagramKind.STUN_REQUEST, DatagramKind.STUN_RESPONSE, DatagramKind.STUN_ERROR)
MEDIA: Final = (
    DatagramKind.SRTP,
    DatagramKind.SRTCP,
    DatagramKind.RTP,
    DatagramKind.RTCP,
)

Crossing = Described | SignalingMessage | Datagram


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A datagram or description that went from one end to the other; one time at least is known.

    Args:
        event: The event at its sender, or else at its receiver.
        origin: The sender.
        sent: Time of sending in seconds.
        arrived: Time of arrival in seconds.
        arrival: The event at its receiver.
        association_ref: Its DTLS association, where its transport has several.
    """

    event: Crossing
    origin: Lifeline
    sent: float | None = None
    arrived: float | None = None
    arrival: Crossing | None = None
    association_ref: AssociationRef | None = None

    @property
    def time(self) -> float:
        """Time of sending, or of arrival where the sending is unknown."""
        return self.arrived or 0.0 if self.sent is None else self.sent


def seen_by_one(events: Sequence[TraceEvent]) -> list[Passage]:
    """Return the passages that the left end alone has traced."""
    associations = Associations(events)
    return [
        Passage(
            event=event,
            origin=Lifeline.LEFT,
            sent=event.time,
            association_ref=associations.of(event),
        )
        if event.direction is Direction.OUT
        else Passage(
            event=event,
            origin=Lifeline.RIGHT,
            arrived=event.time,
            association_ref=associations.of(event),
        )
        for event in events
        if isinstance(event, Crossing)
    ]


def seen_by_both(left: Sequence[TraceEvent], right: Sequence[TraceEvent]) -> list[Passage]:
    """Return the passages that both ends have traced on one clock.

    Of STUN only what was sent is taken: it comes in runs of equal messages, some of them for
    servers, and is drawn as runs.
    """
    found: list[Passage] = []
    associations = Associations(left, right)
    for origin, sender, receiver in ((Lifeline.LEFT, left, right), (Lifeline.RIGHT, right, left)):
        sent = _by_key(sender, Direction.OUT, associations)
        arrived = _by_key(receiver, Direction.IN, associations)
        for key in {**sent, **arrived}:
            found += [
                replace(passage, association_ref=associations.of(passage.event))
                for passage in _paired(origin, sent[key], arrived[key])
            ]
        found += [
            Passage(event=event, origin=origin, sent=event.time)
            for event in sender
            if isinstance(event, Datagram)
            and event.kind in STUN
            and event.direction is Direction.OUT
        ]
    return found


def clock_offset(left: Sequence[TraceEvent], right: Sequence[TraceEvent]) -> float:
    """Estimate the offset of the right end's clock from the left one's, in seconds.

    Nothing arrives before it was sent. Where the times say that it did, the clocks differ; the
    middle between the bounds that both directions set is the best that is known of them, as in
    NTP (RFC 5905 section 8). Where they do not say so, the clocks are believed.
    """
    there, back = _least_delay(left, right), _least_delay(right, left)
    bounds = [delay for delay in (there, back) if delay is not None]
    if all(delay >= -_TOLERANCE for delay in bounds):
        return 0.0
    if there is None:
        return -bounds[0]
    return there if back is None else (there - back) / 2


def _least_delay(sender: Sequence[TraceEvent], receiver: Sequence[TraceEvent]) -> float | None:
    associations = Associations(sender, receiver)
    sent = _by_key(sender, Direction.OUT, associations)
    arrived = _by_key(receiver, Direction.IN, associations)
    # A loss among equal datagrams makes delays longer, never shorter: the least one stands.
    delays = [
        arrival.time - sending.time
        for key, sendings in sent.items()
        for sending, arrival in zip(sendings, arrived[key], strict=False)
        if not _is_later_payload(sending, associations)
    ]
    return min(delays, default=None)


def _is_later_payload(event: Crossing, associations: Associations) -> bool:
    """Return True for first payload after a key change, of which each end traces another packet."""
    association_ref = associations.of(event)
    return (
        association_ref is not None
        and (association_ref.former or association_ref.association > 0)
        and isinstance(event, Datagram)
        and is_payload(event)
    )


def _by_key(
    events: Iterable[TraceEvent], direction: Direction, associations: Associations
) -> defaultdict[Hashable, list[Crossing]]:
    found: defaultdict[Hashable, list[Crossing]] = defaultdict(list)
    for event in events:
        if (
            isinstance(event, Crossing)
            and event.direction is direction
            and not (isinstance(event, Datagram) and event.kind in STUN)
        ):
            found[_key(event, associations)].append(event)
    return found


def _key(event: Crossing, associations: Associations) -> Hashable:
    if _is_later_payload(event, associations) and isinstance(event, Datagram):
        return (event.kind in MEDIA, event.transport, associations.of(event))
    match event:
        case Described():
            # Candidates are added on the way, and its `o=` line tells it from any other.
            origin = next((line for line in event.sdp.splitlines() if line.startswith("o=")), "")
            return (event.type, origin.strip())
        case SignalingMessage(protocol=protocol, summary=summary):
            # Proxies between the ends change all else.
            return (protocol, summary)
        case Datagram(kind=kind) if kind in MEDIA:
            # Each end tells of the first one that it sees, which need not be the same.
            return (kind, event.transport)
        case Datagram():
            return (event.kind, event.transport, event.size, event.detail)


def _paired(
    origin: Lifeline, sendings: Iterable[Crossing], arrivals: Iterable[Crossing]
) -> list[Passage]:
    waiting = deque(sendings)
    found: list[Passage] = []
    for arrival in arrivals:
        while len(waiting) > 1 and (
            arrival.time - waiting[0].time > _RETRANSMISSION_GAP
            and waiting[1].time <= arrival.time + _TOLERANCE
        ):
            lost = waiting.popleft()
            found.append(Passage(event=lost, origin=origin, sent=lost.time))
        if waiting and waiting[0].time <= arrival.time + _TOLERANCE:
            event = waiting.popleft()
            found.append(
                Passage(
                    event=event,
                    origin=origin,
                    sent=event.time,
                    arrived=arrival.time,
                    arrival=arrival,
                )
            )
        else:
            found.append(Passage(event=arrival, origin=origin, arrived=arrival.time))
    return found + [Passage(event=event, origin=origin, sent=event.time) for event in waiting]
