"""Trace events of negotiation: reads what was decided off the sessions before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import DescriptionError, FingerprintError, ModificationError, SetupError
from peer.negotiation.sdp.attributes import Setup
from peer.negotiation.session import Side
from peer.negotiation.validation import offered_setup
from peer.printable import printable, without_media_keys
from peer.states import DtlsRole, SignalingState
from peer.tracing.events import (
    AssociationDecided,
    Described,
    Direction,
    RoleChosen,
    SendingWithheld,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.session import Session, TransportState
    from peer.times import UnixTime

_Judgement = tuple[Verdict, str, str]

Decision = Described | RoleChosen | AssociationDecided | SendingWithheld

_DIRECTIONS = {Side.LOCAL: Direction.OUT, Side.REMOTE: Direction.IN}
_REFUSED_BY: dict[type[DescriptionError], str] = {
    SetupError: "RFC 5763 section 5",
    FingerprintError: "RFC 8122 section 5",
    ModificationError: "RFC 8842 section 3.1",
}
_LISTENING = "ready for a ClientHello before the answer comes"
_KEPT: _Judgement = (
    Verdict.KEPT,
    "fingerprints, tls-id and roles are as before",
    "RFC 5763 section 6.6",
)
_RESTART = "RFC 8445 section 9"
_ANSWERS = (SdpType.PRANSWER, SdpType.ANSWER)


def decisions(before: Session, after: Session, time: UnixTime) -> tuple[Decision, ...]:
    """List what was decided between two sessions, in the order of cause and effect.

    Args:
        before: The session before a step.
        after: The session after the step.
        time: Time of all these events.
    """
    return (
        *_descriptions(before, after, time),
        *_roles(before, after, time),
        *_associations(before, after, time),
        *_withheld(before, after, time),
    )


def nothing_agreed(session: Session, rejections: Mapping[str, str]) -> str | None:
    """Say of each m-section why it was rejected, where an exchange left nothing to connect.

    Args:
        session: The session.
        rejections: Known reasons by mid.

    Returns:
        One sentence, or None where something was agreed or no exchange is complete.
    """
    if session.state is not SignalingState.STABLE or session.current_remote is None:
        return None
    if session.transports:
        return None
    told = [
        rejections.get(
            section.mid or "", f"m-section {section.mid!r}: {section.media_line} is not taken"
        )
        for section in session.layout
    ]
    reasons = "; ".join(told) or "the descriptions have no m-section"
    return printable(f"nothing was agreed with the peer: {reasons}")


def refusal(session: Session, error: DescriptionError, time: UnixTime) -> AssociationDecided | None:
    """Give the event of a description that was refused for what it means to an association."""
    section = _REFUSED_BY.get(type(error))
    if section is None:
        return None
    return AssociationDecided(
        time=time,
        transport=None if error.mid is None else session.route(error.mid),
        verdict=Verdict.REFUSED,
        reason=str(error),
        section=section,
    )


def _descriptions(before: Session, after: Session, time: UnixTime) -> Iterator[Described]:
    for side, direction in _DIRECTIONS.items():
        if _took_back(before, after, side):
            yield Described(time=time, direction=direction, type=SdpType.ROLLBACK, sdp="")
    for side, direction in _DIRECTIONS.items():
        now = after.description(side)
        if _is_new(before, after, side) and now is not None:
            # A trace is shown to others, and these keys decrypt whatever was sent.
            sdp = without_media_keys(str(now.sdp))
            yield Described(time=time, direction=direction, type=now.type, sdp=sdp)


def _roles(before: Session, after: Session, time: UnixTime) -> Iterator[RoleChosen]:
    halves = _exchange(before, after)
    if halves is None:
        return
    for transport in after.transports:
        role, was = transport.association.role, before.transport(transport.key)
        if role is None or (was is not None and not _agrees(was, transport)):
            continue
        offered, answered = (_setup(sdp, after, transport) for sdp in halves)
        # RFC 5763 section 5 leaves the choice to the answerer; an offer that does not is judged
        # by the older table.
        left_open = offered is Setup.ACTPASS
        yield RoleChosen(
            time=time,
            transport=transport.key,
            role=role,
            offered=offered,
            answered=answered,
            section="RFC 5763 section 5" if left_open else "RFC 4145 section 4.1",
        )


def _associations(before: Session, after: Session, time: UnixTime) -> Iterator[AssociationDecided]:
    answered = _is_new(before, after, Side.LOCAL)
    for transport in after.transports:
        judged = _judged(before, after, transport)
        if judged is not None:
            verdict, reason, section = judged
            if answered and (taken := _configuration(after, transport)) is not None:
                reason += f"; the peer's potential configuration {taken} is taken (RFC 5939)"
            yield AssociationDecided(
                time=time, transport=transport.key, verdict=verdict, reason=reason, section=section
            )


def _configuration(session: Session, transport: TransportState) -> str | None:
    """Give the potential configuration that our answer says was taken for a transport."""
    local = session.description(Side.LOCAL)
    media = () if local is None else local.sdp.media
    carried = (each for each in media if session.routes.get(each.mid or "") == transport.key)
    return next((line.argument for each in carried for line in each.attributes("acfg")), None)


def _withheld(before: Session, after: Session, time: UnixTime) -> Iterator[SendingWithheld]:
    """List the tracks that an answer of ours does not send though both ends wanted them."""
    answer, offer = after.description(Side.LOCAL), after.description(Side.REMOTE)
    if answer is None or offer is None or answer.type not in _ANSWERS:
        return
    if not _is_new(before, after, Side.LOCAL):
        return
    for transceiver in after.transceivers:
        theirs = offer.sdp.section(transceiver.mid or "")
        now, agreement = transceiver.current_direction, transceiver.agreement
        if theirs is None or now is None or agreement is None or transceiver.stopping:
            continue
        was = before.transceiver(transceiver.key)
        if was is not None and (was.agreement, was.current_direction) == (agreement, now):
            continue
        wanted = transceiver.has_track and transceiver.direction.sends
        if wanted and not now.sends and offer.sdp.direction(theirs).receives:
            names = dict.fromkeys(c.name for c in agreement.send if not c.is_auxiliary)
            yield SendingWithheld(time=time, mid=transceiver.mid or "", codecs=tuple(names))


def _judged(before: Session, after: Session, transport: TransportState) -> _Judgement | None:
    if not transport.uses_dtls:
        return None
    known, was = before.stable_transport(transport.key), before.transport(transport.key)
    if known is not None and not known.uses_dtls:
        return _judged_first(None, transport, answered=True)
    answered = _exchange(before, after) is not None
    if known is None:
        return _judged_first(was, transport, answered=answered)
    if not transport.association.agreed:
        # An offer of ours asks for it; one that replaces another may ask for the same.
        if was is not None and was.association.is_same(transport.association):
            return None
        return Verdict.STARTED, _LISTENING, "RFC 5763 section 5"
    if not answered:
        return None
    return _with_ice(known, was, transport, _judged_later(was, transport))


def _judged_first(
    was: TransportState | None, now: TransportState, *, answered: bool
) -> _Judgement | None:
    """Judge the association of a transport that is new in this exchange."""
    if was is not None and was.role is not None:
        return _KEPT if answered else None
    section = "RFC 5763 section 5"
    match now.role:
        case None if was is not None:
            return None
        case None:
            return Verdict.STARTED, _LISTENING, section
        case DtlsRole.SERVER if was is not None:
            return Verdict.KEPT, "the peer calls: what listens for it goes on", section
        case DtlsRole.CLIENT if was is not None:
            return Verdict.STARTED, "we call: it takes the place of what listened", section
        case _:
            return Verdict.STARTED, "the first exchange: there is none to keep", section


def _judged_later(was: TransportState | None, now: TransportState) -> _Judgement:
    """Judge the association of a transport that was in use before this exchange."""
    if not now.fallbacks or (was is not None and _is_decided(was, now)):
        return _KEPT
    verdict = now.association.verdict
    if verdict is None:
        return _KEPT
    if not verdict.peer_may_keep:
        return Verdict.STARTED, verdict.reason, "RFC 8842 section 3.1"
    remote = now.association.remote
    sends_one = remote is not None and remote.tls_id is not None
    doubt = "which the peer may not follow" if sends_one else "and the peer sends no tls-id"
    reason = f"{verdict.reason}, {doubt}: the wire will show"
    return Verdict.UNDECIDED, reason, "RFC 8842 section 3.1"


def _with_ice(
    known: TransportState, was: TransportState | None, now: TransportState, judged: _Judgement
) -> _Judgement:
    """Add to a judgement what the exchange means to ICE."""
    verdict, reason, section = judged
    if now.local != known.local and (was is None or was.remote_ice != now.remote_ice):
        if verdict is Verdict.KEPT:
            return verdict, "ICE restarts, which alone keeps the association", _RESTART
        return verdict, f"{reason}; {_where_it_begins(now)}", section
    if was is not None and was.local != known.local and now.local == known.local:
        if verdict is Verdict.KEPT:
            return verdict, "the peer did not restart ICE: the path before goes on", _RESTART
        return verdict, f"{reason}; the peer did not restart ICE", section
    if verdict is Verdict.STARTED:
        return verdict, f"{reason}; on the path in use, as ICE does not restart", section
    return judged


def _where_it_begins(now: TransportState) -> str:
    remote = now.association.remote
    if remote is None or remote.tls_id is None:
        return "ICE restarts as well"
    return "on the fresh candidates of an ICE restart (RFC 8842 section 6)"


def _agrees(was: TransportState, now: TransportState) -> bool:
    """Tell whether the association of now was not agreed on before."""
    return not any(
        terms.agreed and terms.is_same(now.association)
        for terms in (*was.fallbacks, was.association)
    )


def _is_decided(was: TransportState, now: TransportState) -> bool:
    """Tell whether an earlier description has agreed on the same association."""
    return was.association.agreed and was.association.is_same(now.association)


def _exchange(before: Session, after: Session) -> tuple[Sdp, Sdp] | None:
    """Give the offer and the answer, where an answer came into force."""
    for side in Side:
        answer, offer = after.description(side), after.description(side.other)
        if answer is None or offer is None or answer.type not in _ANSWERS:
            continue
        if _is_new(before, after, side):
            return offer.sdp, answer.sdp
    return None


def _is_new(before: Session, after: Session, side: Side) -> bool:
    was, now = before.description(side), after.description(side)
    return was is not now and not _took_back(before, after, side)


def _took_back(before: Session, after: Session, side: Side) -> bool:
    """Tell whether an offer of that side was rolled back."""
    if side is Side.LOCAL:
        pending, now = before.pending_local, after.pending_local or after.current_local
        current = before.current_local
    else:
        pending, now = before.pending_remote, after.pending_remote or after.current_remote
        current = before.current_remote
    return pending is not None and now is current


def _setup(sdp: Sdp, session: Session, transport: TransportState) -> Setup:
    """Read the `a=setup` of the first m-section that a transport carries."""
    carried = (
        section
        for section in sdp.media
        if section.mid is not None
        and not section.rejected
        and session.route(section.mid) == transport.key
    )
    section = next(carried, None)
    return Setup.ACTIVE if section is None else offered_setup(sdp, section)
