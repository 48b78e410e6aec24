"""Owns the trace: what happened on the wire and why, as typed events.

A sink is given as `PeerConfiguration(trace=...)` and called with each event, in order, on the event
loop; without one no event is made. It is any callable that takes a `TraceEvent` and returns soon.
One that has an attribute `wants_data` which is true is told of every datagram, with its bytes;
others are told of SRTP, SRTCP and application data only once after each change of keys, and get no
bytes. `Fanout` serves several sinks, each in its own way.

Decisions carry the section that they follow. Trace is not logging: the ladder (`handfast trace`),
the log and the tests read these same events. Descriptions, and so the passwords of ICE, are in
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from peer.states import DtlsRole  # noqa: TC001 - a trace is read back by the types of its fields


class Direction(StrEnum):
    """Which way something went, seen from us."""

    IN = "in"
    OUT = "out"


class Verdict(StrEnum):
    """What becomes of an association."""

    STARTED = "started"
    KEPT = "kept"
    UNDECIDED = "undecided"
    REFUSED = "refused"


class DatagramKind(StrEnum):
    """What a datagram is, as far as a ladder tells them apart."""

    STUN_REQUEST = "stun request"
    STUN_RESPONSE = "stun response"
    STUN_ERROR = "stun error"
    DTLS = "dtls"
    SRTP = "srtp"
    SRTCP = "srtcp"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has.

    Args:
        time: Seconds since 1970, from the clock of the connection.
        transport: The key of the transport (the mid it was made for), or None where the event
            concerns the whole connection.
    """

    time: float
    transport: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(Event):
    """A description was put in force. `direction` is `out` for ours.

    Args:
        type: `offer`, `pranswer`, `answer`, or `rollback` where an offer was taken back.
        sdp: Its text without the candidates that were found later; empty for a rollback.
    """

    direction: Direction
    type: str
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChosen(Event):
    """Who sends the ClientHello was settled (RFC 5763 section 5).

    Args:
        role: Ours.
        offered: The offer's `a=setup`, as `actpass`.
        answered: The answer's.
    """

    role: DtlsRole
    offered: str
    answered: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationDecided(Event):
    """What a description meant for an association."""

    verdict: Verdict
    reason: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram(Event):
    """A datagram, or the first one of a kind where they are many.

    Args:
        size: Payload in bytes.
        detail: For DTLS the messages in it, as `ServerHello, Certificate`; for STUN the attributes
            that matter, as `USE-CANDIDATE`.
        local: Our address, `host:port` or `[host]:port`.
        remote: That of the peer, or of a STUN server.
        data: The bytes themselves, where the sink wants them; else empty.
        repeated: SRTP, SRTCP or application data of which one like it was told under the same
            keys. Only a sink that wants data is told.
    """

    direction: Direction
    kind: DatagramKind
    size: int
    detail: str = ""
    local: str = ""
    remote: str = ""
    data: bytes = b""
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatagramDropped(Event):
    """A datagram was dropped; told for the first of each kind and reason.

    Args:
        remote: Where it came from; empty where the layer that dropped it does not know.
    """

    kind: DatagramKind
    reason: str
    size: int
    remote: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSelected(Event):
    """The pair that carries data was chosen, or another one took its place."""

    local: str
    remote: str
    section: str = "RFC 8445 section 8.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeCompleted(Event):
    """Both Finished messages were exchanged; the peer's certificate is not yet verified by this.

    Args:
        association: Numbers the associations of a transport, from 0.
    """

    role: DtlsRole
    version: str
    cipher: str | None
    srtp_profile: str | None
    association: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintChecked(Event):
    """The peer's certificate was held against what it had signalled.

    Args:
        expected: As `sha-256 AB:CD:...`.
        shown: The certificate's own, by the same hash.
        association: As in `HandshakeCompleted`.
    """

    expected: tuple[str, ...]
    shown: str
    matches: bool
    association: int = 0
    section: str = "RFC 8122 section 5"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysSwitched(Event):
    """From now on that direction uses the keys of a new association.

    Args:
        direction: `out` when we send with them, `in` when the peer was first heard to do so.
        association: As in `HandshakeCompleted`.
    """

    direction: Direction
    association: int
    section: str = "RFC 5763 section 6.8"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRetired(Event):
    """The keys of a former association were wiped, or a new one was given up.

    Args:
        association: As in `HandshakeCompleted`.
        reason: Why.
    """

    association: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """A W3C state.

    Args:
        machine: `signalingState`, `iceGatheringState`, `iceConnectionState` or `connectionState` of
            the connection; `iceState` or `dtlsState` of one transport, as webrtc-stats calls them.
    """

    machine: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """A transport failed, and with it the connection: why, in words for a person."""

    sentence: str


TraceEvent = (
    Described
    | RoleChosen
    | AssociationDecided
    | Datagram
    | DatagramDropped
    | PathSelected
    | HandshakeCompleted
    | FingerprintChecked
    | KeysSwitched
    | AssociationRetired
    | StateChanged
    | Failed
)

TraceSink = Callable[[TraceEvent], None]


class Fanout:
    """A sink made of several.

    Args:
        sinks: Each is told what it wants, those first that want data.
    """

    def __init__(self, *sinks: TraceSink) -> None:
        self._plain = tuple(sink for sink in sinks if not wants_data(sink))
        self._thorough = tuple(sink for sink in sinks if wants_data(sink))
        self.wants_data = bool(self._thorough)

    def __call__(self, event: TraceEvent) -> None:
        """Hand an event on."""
        for sink in self._thorough:
            sink(event)
        if isinstance(event, Datagram):
            if event.repeated:
                return
            event = replace(event, data=b"")
        for sink in self._plain:
            sink(event)

    def on_secret(self, line: bytes) -> None:
        """Hand a line of the key log on to those who want it (`runtime.key_log.SecretSink`)."""
        for sink in (*self._thorough, *self._plain):
            tell = getattr(sink, "on_secret", None)
            if tell is not None:
                tell(line)


def wants_data(sink: TraceSink) -> bool:
    """Whether a sink is to be told of every datagram, with its bytes."""
    return bool(getattr(sink, "wants_data", False))
