"""Defines the events of a trace: datagrams, decisions and states of a connection, typed. PURE.

A sink is given as `PeerConfiguration(trace=...)` and called with each event, in order, on the event
loop; without a sink no event is made. A sink is any callable that takes a `TraceEvent` and returns
soon. A sink with a true attribute `wants_data` gets every datagram with its bytes; other sinks get
SRTP, SRTCP and application data only once after each change of keys, and no bytes. `Fanout` serves
several sinks, each in its own way.

Decisions carry the section that they follow. The ladder (`handfast trace`), the log and the tests
read these same events. Events contain descriptions, and so the passwords of ICE.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from peer.printable import without_secrets
from peer.states import DtlsRole  # noqa: TC001 - a trace is read back by the types of its fields
from peer.times import Seconds, UnixTime  # noqa: TC001 - as above
from peer.values import dataclass, replace


class Direction(StrEnum):
    """The direction of a datagram or description, seen from this end."""

    IN = "in"
    OUT = "out"


class Verdict(StrEnum):
    """The decision on a DTLS association after a description."""

    STARTED = "started"
    KEPT = "kept"
    UNDECIDED = "undecided"
    REFUSED = "refused"


class DatagramKind(StrEnum):
    """The protocol of a datagram, as far as a ladder tells them apart (RFC 7983)."""

    STUN_REQUEST = "stun request"
    STUN_RESPONSE = "stun response"
    STUN_ERROR = "stun error"
    DTLS = "dtls"
    SRTP = "srtp"
    SRTCP = "srtcp"
    RTP = "rtp"
    RTCP = "rtcp"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The fields that every trace event has.

    Args:
        time: Seconds since 1970, from the clock of the connection.
        transport: The key of the transport (the mid it was made for), or None where the event
            concerns the whole connection.
    """

    time: UnixTime
    transport: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(Event):
    """A description was applied; `direction` is `out` for ours. `repr` leaves passwords out.

    Args:
        type: `offer`, `pranswer`, `answer`, or `rollback` where an offer was rolled back.
        sdp: The text, without the candidates that were found later; empty for a rollback.
    """

    direction: Direction
    type: str
    sdp: str

    def __repr__(self) -> str:
        return f"Described({self.direction}, {self.type}, sdp={without_secrets(self.sdp)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChosen(Event):
    """The DTLS roles were agreed on (RFC 5763 section 5).

    Args:
        role: Our role.
        offered: The `a=setup` of the offer, such as `actpass`.
        answered: The `a=setup` of the answer.
    """

    role: DtlsRole
    offered: str
    answered: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationDecided(Event):
    """A description started, kept or refused a DTLS association."""

    verdict: Verdict
    reason: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram(Event):
    """A datagram was sent or received; of many of one kind only the first is told.

    Args:
        size: The size of the UDP payload in bytes.
        detail: For DTLS its messages, such as `ServerHello, Certificate`; for STUN the attributes
            that matter, such as `USE-CANDIDATE`.
        local: Our address, `host:port` or `[host]:port`.
        remote: The address of the peer, or of a STUN server.
        data: The UDP payload, where the sink wants data; else empty.
        repeated: True for SRTP, SRTCP or application data after the first of that kind under the
            same keys. Only a sink that wants data gets these events.
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
    """A datagram was dropped; only the first of each kind and reason is told.

    Args:
        size: The size of the UDP payload in bytes.
        remote: The source address; empty where the layer that dropped the datagram has none.
    """

    kind: DatagramKind
    reason: str
    size: int
    remote: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSelected(Event):
    """ICE selected the candidate pair that carries data, or replaced it by another.

    Args:
        reason: Why it took the place of another pair of its ICE generation; empty where it was
            the first.
    """

    local: str
    remote: str
    reason: str = ""
    section: str = "RFC 8445 section 8.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeCompleted(Event):
    """A DTLS handshake is complete, before the peer's certificate is verified.

    Args:
        association: The number of the association on its transport, from 0.
    """

    role: DtlsRole
    version: str
    cipher: str | None
    srtp_profile: str | None
    association: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintChecked(Event):
    """The peer's certificate was compared with the fingerprints that it had signalled.

    Args:
        expected: The signalled fingerprints, such as `sha-256 AB:CD:...`.
        shown: The fingerprint of the certificate, by the same hash.
        association: As in `HandshakeCompleted`.
    """

    expected: tuple[str, ...]
    shown: str
    matches: bool
    association: int = 0
    section: str = "RFC 8122 section 5"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaUnencrypted(Event):
    """Media of a transport is plain RTP from now on, as offer and answer agreed.

    Args:
        reason: Why, in one sentence.
    """

    reason: str
    section: str = "RFC 8643 section 3.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class SdesKeysUsed(Event):
    """Media of a transport is SRTP with keys of signalling from now on, as was agreed.

    Args:
        suite: The crypto suite, such as `AEAD_AES_128_GCM`; the keys are told nowhere.
    """

    suite: str
    section: str = "RFC 4568 section 5.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysSwitched(Event):
    """One direction of a transport uses the keys of a new association from now on.

    Args:
        direction: `out` when we send with the keys, `in` when the first packet of the peer under
            them was authenticated.
        association: As in `HandshakeCompleted`.
    """

    direction: Direction
    association: int
    section: str = "RFC 5763 section 6.8"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRetired(Event):
    """The keys of a former association were erased, or a new association was abandoned.

    Args:
        association: As in `HandshakeCompleted`.
        reason: One sentence for a person.
    """

    association: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """A state of W3C webrtc-pc has changed.

    Args:
        machine: `signalingState`, `iceGatheringState`, `iceConnectionState` or `connectionState` of
            the connection; `iceState` or `dtlsState` of one transport, as webrtc-stats calls them.
    """

    machine: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """A transport failed, and with it the connection; `sentence` says why, for a person."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionRefused(Event):
    """A description was refused, and nothing changed.

    Args:
        direction: `in` for the peer's.
        type: `offer`, `pranswer`, `answer` or `rollback`.
        reason: The error in one sentence, with the line that it is about.
        section: The section that asks for it; empty where it is the grammar of SDP.
    """

    direction: Direction
    type: str
    reason: str
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeniencyUsed(Event):
    """A description of the peer was taken although it breaks a standard.

    Args:
        rule: The `SdpLeniency` that allows it.
        reason: What was done, in one sentence.
        line: The line as it came; empty where one is missing.
    """

    rule: str
    reason: str
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingWithheld(Event):
    """Our answer takes an m-section and does not send our track in it: nothing here encodes it.

    Args:
        mid: The m-section.
        codecs: The codecs agreed on, such as `H265`.
    """

    mid: str
    codecs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalingMessage(Event):
    """A message of the protocol that carries the descriptions went out or came in.

    Args:
        protocol: Its name, such as `SIP`.
        summary: What a ladder calls it, such as `INVITE` or `183 Session Progress`.
        text: Further lines of the message, without descriptions and credentials.
        section: The section that defines it.
    """

    direction: Direction
    protocol: str
    summary: str
    text: str = ""
    section: str = ""


class ForkStep(StrEnum):
    """The steps in the life of a fork, as the connection that has made the offer sees it."""

    MADE = "made"
    CLOSED = "closed"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkNoted(Event):
    """One more peer has answered our offer, its connection is closed, or a peer is not served.

    Args:
        step: What happened.
        fork: Name of its connection, such as `pc-3/2`; empty for a peer that is not served, as
            there are as many as the configuration allows.
        open: Forks that are open now.
    """

    step: ForkStep
    fork: str
    open: int
    section: str = "RFC 5763 section 6.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateKnown(Event):
    """An ICE candidate was gathered (`out`), or came from the peer (`in`).

    Args:
        candidate: Its text as in `a=candidate:`; empty where no more will come.
    """

    direction: Direction
    candidate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRefused(Event):
    """A candidate of the peer is not checked, as `PeerConfiguration.remote_candidates` has it.

    Args:
        candidate: Its text as in `a=candidate:`.
    """

    candidate: str
    reason: str
    section: str = "RFC 8445 section 19.5.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFailed(Event):
    """A STUN or TURN server does not serve; only the first of each URL and reason is told.

    Args:
        url: The URL as the application gave it.
        code: The STUN error code of the server, or 701 where it could not be reached.
    """

    url: str
    code: int
    reason: str
    section: str = "W3C webrtc-pc section 4.8.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyEnded(Event):
    """A rekey of the connection ended.

    Args:
        changed: Whether new keys are in use in both directions.
        reason: Why it was asked for, or why the keys have not changed.
        started_by: `local` or `remote`.
        duration: Seconds from the request to the end.
        ice_restarted: Whether ICE restarted in the same exchange; otherwise the path was kept.
    """

    changed: bool
    reason: str
    started_by: str
    duration: Seconds
    ice_restarted: bool = False
    section: str = "RFC 5763 section 6.8"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerJudged(Event):
    """A certificate of the peer was judged by more than its description: `Trust` asks for it.

    Args:
        sentence: Who the peer is and by what, or why it was refused.
        refused: Whether it was.
    """

    sentence: str
    refused: bool
    section: str = "RFC 5763 section 8"


TraceEvent = (
    Described
    | ForkNoted
    | DescriptionRefused
    | LeniencyUsed
    | SendingWithheld
    | SignalingMessage
    | CandidateKnown
    | CandidateRefused
    | ServerFailed
    | RekeyEnded
    | RoleChosen
    | AssociationDecided
    | Datagram
    | DatagramDropped
    | PathSelected
    | HandshakeCompleted
    | FingerprintChecked
    | MediaUnencrypted
    | SdesKeysUsed
    | PeerJudged
    | KeysSwitched
    | AssociationRetired
    | StateChanged
    | Failed
)

TraceSink = Callable[[TraceEvent], None]


class Fanout:
    """A trace sink that serves several others.

    Args:
        sinks: The sinks; those that want data are called first.
    """

    def __init__(self, *sinks: TraceSink) -> None:
        self._without_data = tuple(sink for sink in sinks if not wants_data(sink))
        self._with_data = tuple(sink for sink in sinks if wants_data(sink))
        self.wants_data = bool(self._with_data)

    def __repr__(self) -> str:
        return f"<Fanout with data: {self._with_data}, without: {self._without_data}>"

    def __call__(self, event: TraceEvent) -> None:
        """Pass an event on to each sink that wants it."""
        for sink in self._with_data:
            sink(event)
        if isinstance(event, Datagram):
            if event.repeated:
                return
            event = replace(event, data=b"")
        for sink in self._without_data:
            sink(event)

    def on_secret(self, line: bytes) -> None:
        """Pass a line of the key log on to each `runtime.key_log.SecretSink`."""
        for sink in (*self._with_data, *self._without_data):
            tell = getattr(sink, "on_secret", None)
            if tell is not None:
                tell(line)


def wants_data(sink: TraceSink) -> bool:
    """Tell whether a sink wants every datagram, with its bytes."""
    return bool(getattr(sink, "wants_data", False))
