"""Trace events as records of the standard `logging`, one logger for each part of `peer`.

The log and the trace come from the same events, so that they cannot disagree. A record says which
connection it is of (`[pc-3]`), and carries the event itself as `record.trace_event` for structured
logs. INFO tells states, refusals, decisions, selected paths and switches of keys; DEBUG tells
descriptions, candidates and the messages of handshakes as well. No record holds a secret, and none
is made for a single packet of media.
"""

from __future__ import annotations

import logging
import textwrap
from typing import Final, assert_never

from peer.printable import printable, without_secrets
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    CandidateKnown,
    CandidateRefused,
    Datagram,
    DatagramDropped,
    DatagramKind,
    Described,
    DescriptionRefused,
    Direction,
    Failed,
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
    SignalingMessage,
    StateChanged,
    TraceEvent,
    Verdict,
)

#: The loggers, so that a program can turn up one part: `logging.getLogger("peer.transport")`.
CONNECTION: Final = logging.getLogger("peer.connection")
NEGOTIATION: Final = logging.getLogger("peer.negotiation")
REKEY: Final = logging.getLogger("peer.rekey")
ICE: Final = logging.getLogger("peer.transport.ice")
DTLS: Final = logging.getLogger("peer.transport.dtls")
LOGGERS: Final = (CONNECTION, NEGOTIATION, REKEY, ICE, DTLS)


class LogSink:
    """Writes the trace events of one connection to the log.

    Args:
        connection: Name of the connection, as in `[pc-3]`.
    """

    def __init__(self, connection: str) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return f"<LogSink of {self._connection}>"

    def __call__(self, event: TraceEvent) -> None:
        """Log one event, if somebody listens to a record of its level."""
        logger, level = _channel(event)
        if level == logging.NOTSET or not logger.isEnabledFor(level):
            return
        place = "" if event.transport is None else f" transport {event.transport}:"
        text = printable(_sentence(event) + _section(event), keeps="\n")
        extra = {"connection": self._connection, "trace_event": event}
        logger.log(level, "[%s]%s %s", self._connection, place, text, extra=extra)


#: Logger and level of each type of event; what is not here is not logged.
_CHANNELS: Final[dict[type[TraceEvent], tuple[logging.Logger, int]]] = {
    StateChanged: (CONNECTION, logging.INFO),
    Failed: (CONNECTION, logging.WARNING),
    Described: (NEGOTIATION, logging.DEBUG),
    DescriptionRefused: (NEGOTIATION, logging.INFO),
    LeniencyUsed: (NEGOTIATION, logging.INFO),
    SendingWithheld: (NEGOTIATION, logging.WARNING),
    ForkNoted: (NEGOTIATION, logging.INFO),
    SignalingMessage: (NEGOTIATION, logging.DEBUG),
    AssociationDecided: (NEGOTIATION, logging.INFO),
    RoleChosen: (NEGOTIATION, logging.INFO),
    CandidateKnown: (ICE, logging.DEBUG),
    CandidateRefused: (ICE, logging.INFO),
    ServerFailed: (ICE, logging.WARNING),
    PathSelected: (ICE, logging.INFO),
    DatagramDropped: (ICE, logging.INFO),
    Datagram: (DTLS, logging.DEBUG),
    HandshakeCompleted: (DTLS, logging.INFO),
    FingerprintChecked: (DTLS, logging.INFO),
    MediaUnencrypted: (CONNECTION, logging.WARNING),
    SdesKeysUsed: (CONNECTION, logging.INFO),
    PeerJudged: (DTLS, logging.INFO),
    KeysSwitched: (DTLS, logging.INFO),
    AssociationRetired: (DTLS, logging.INFO),
    RekeyEnded: (REKEY, logging.INFO),
}


def _channel(event: TraceEvent) -> tuple[logging.Logger, int]:
    logger, level = _CHANNELS[type(event)]
    match event:
        case StateChanged(machine="iceState"):
            return ICE, level
        case StateChanged(machine="dtlsState"):
            return DTLS, level
        case FingerprintChecked(matches=False) | PeerJudged(refused=True):
            return DTLS, logging.WARNING
        # `DescriptionRefused` has said so.
        case AssociationDecided(verdict=Verdict.REFUSED):
            return logger, logging.NOTSET
        case Datagram(kind=kind, repeated=repeated) if repeated or kind is not DatagramKind.DTLS:
            return DTLS, logging.NOTSET
        case _:
            return logger, level


def _sentence(event: TraceEvent) -> str:
    match event:
        case StateChanged(machine=machine, state=state):
            return f"{machine} is {state}"
        case Failed(sentence=sentence):
            return f"failed: {sentence}"
        case RekeyEnded(changed=changed, started_by=end, reason=reason, duration=duration):
            outcome = "rekeyed in" if changed else "not rekeyed after"
            path = "with an ICE restart" if event.ice_restarted else "on the path in use"
            return f"{outcome} {duration:.3f} s {path}, begun by the {end} end: {reason}"
        case (
            Described() | DescriptionRefused() | AssociationDecided() | RoleChosen()
            | CandidateKnown() | LeniencyUsed() | SendingWithheld() | SignalingMessage()
        ):  # fmt: skip
            return _of_negotiation(event)
        case ForkNoted():
            return _of_fork(event)
        case PeerJudged() | MediaUnencrypted() | SdesKeysUsed():
            return _of_trust(event)
        case PathSelected(local=local, remote=remote, reason=reason):
            return f"path is {local} to {remote}{f': {reason}' if reason else ''}"
        case CandidateRefused(candidate=candidate, reason=reason):
            return f"the peer's {candidate} is not checked: {reason}"
        case ServerFailed(url=url, reason=reason):
            return f"the ICE server {url} does not serve: {reason}"
        case DatagramDropped(kind=kind, reason=reason, size=size, remote=remote):
            source = f" from {remote}" if remote else ""
            return f"the first {kind} of {size} bytes{source} is dropped: {reason}"
        case Datagram(direction=direction, detail=detail, size=size):
            return (
                f"{'sends' if direction is Direction.OUT else 'receives'} {detail} ({size} bytes)"
            )
        case _:
            return _of_association(event)


def _of_trust(event: PeerJudged | MediaUnencrypted | SdesKeysUsed) -> str:
    match event:
        case MediaUnencrypted(reason=reason):
            return f"media is NOT ENCRYPTED: {reason}"
        case SdesKeysUsed(suite=suite):
            return f"media is encrypted with keys of signalling (SDES): {suite}"
        case PeerJudged(sentence=sentence, refused=True):
            return f"the peer is refused: {sentence}"
        case PeerJudged(sentence=sentence):
            return sentence
        case _:
            assert_never(event)


_OfNegotiation = (
    Described
    | DescriptionRefused
    | LeniencyUsed
    | SendingWithheld
    | SignalingMessage
    | AssociationDecided
    | RoleChosen
    | CandidateKnown
)


def _of_negotiation(event: _OfNegotiation) -> str:
    match event:
        case Described(type="rollback", direction=direction):
            return f"{_whose(direction)} offer is taken back"
        case Described(type=kind, direction=direction, sdp=sdp):
            # Indented, so that no line of the peer looks like a record of its own.
            lines = textwrap.indent(without_secrets(sdp).replace("\r", ""), "    ")
            return f"{_whose(direction)} {kind} is in force:\n{lines.rstrip()}"
        case DescriptionRefused(type=kind, direction=direction, reason=reason):
            return f"{_whose(direction)} {kind} is refused, nothing has changed: {reason}"
        case AssociationDecided(verdict=verdict, reason=reason):
            return f"DTLS association {verdict}: {reason}"
        case RoleChosen(role=role, offered=offered, answered=answered):
            return f"DTLS role {role}: setup {offered} offered, {answered} answered"
        case LeniencyUsed(rule=rule, reason=reason, line=line):
            return f"takes the peer's description by leniency {rule}: {reason}: {line!r}"
        case SendingWithheld(mid=mid, codecs=codecs):
            names = " or ".join(codecs)
            return f"m-section {mid!r}: our track is not sent, nothing here encodes {names}"
        case SignalingMessage(direction=direction, protocol=protocol, summary=summary):
            action = "sends" if direction is Direction.OUT else "receives"
            return f"{action} {protocol} {summary}"
        case CandidateKnown(candidate="", direction=direction):
            return f"{_whose(direction)} candidates are complete"
        case CandidateKnown(candidate=candidate, direction=direction):
            return f"{_whose(direction)} candidate: {candidate}"
        case _:
            assert_never(event)


def _of_fork(event: ForkNoted) -> str:
    match event.step:
        case ForkStep.MADE:
            return f"an answer makes the fork {event.fork}: {event.open} open"
        case ForkStep.CLOSED:
            return f"the fork {event.fork} is closed: {event.open} open"
        case ForkStep.FULL:
            return f"a peer that has not answered is not served: {event.open} forks are open"
        case _:
            assert_never(event.step)


_OfAssociation = HandshakeCompleted | FingerprintChecked | KeysSwitched | AssociationRetired


def _of_association(event: _OfAssociation) -> str:
    number = event.association + 1
    match event:
        case HandshakeCompleted(role=role, version=version, cipher=cipher, srtp_profile=srtp):
            suite = ", ".join(part for part in (version, cipher, srtp) if part)
            return f"handshake of association {number} is complete as {role}: {suite}"
        case FingerprintChecked(matches=True, shown=shown):
            return f"certificate of association {number} matches: {shown}"
        case FingerprintChecked(expected=expected, shown=shown):
            return f"certificate {shown} does not match the signalled {' or '.join(expected)}"
        case KeysSwitched(direction=direction):
            action = "sends" if direction is Direction.OUT else "hears the peer"
            return f"{action} under the keys of association {number}"
        case AssociationRetired(reason=reason):
            return f"association {number} is over: {reason}"
        case _:
            assert_never(event)


def _section(event: TraceEvent) -> str:
    section: str = getattr(event, "section", "")
    return f" ({section})" if section else ""


def _whose(direction: Direction) -> str:
    return "our" if direction is Direction.OUT else "the peer's"
