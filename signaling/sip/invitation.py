"""An INVITE of ours with one connection: the first end that accepts is the call."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from peer.errors import PeerError
from signaling.sip.call import Call, CallHost
from signaling.sip.errors import CallFailed, CallRejected, CallTimedOut, SipUsageError
from signaling.sip.identity import identity_of, refusal_of
from signaling.sip.invite_session import InviteSession
from signaling.sip.outgoing_invite import Forked, OutgoingInvite
from signaling.sip.session_events import (
    Accepted,
    AnswerReceived,
    CallEnded,
    EndCause,
    OfferReceived,
    PreviewReceived,
    Progressed,
    SessionEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from signaling.sip.call_media import CallMedia

_logger = logging.getLogger(__name__)

#: Who tells an event of an INVITE.
Teller: TypeAlias = OutgoingInvite | InviteSession
InviteEvent: TypeAlias = SessionEvent | Forked
#: Events of one INVITE that wait (ours): a few for each of its forks.
_MOST: Final = 256


class InvitationHost(CallHost, Protocol):
    """The phone, as its invitations see it."""

    def route(self, session: InviteSession, call: Call) -> None:
        """Tell the events of a session to its call from now on."""

    def unroute(self, invite: OutgoingInvite) -> None:
        """Tell no events of an INVITE and its forks any more, but those of calls."""


class InviteEvents:
    """Events of one INVITE and its forks, in their order."""

    def __init__(self) -> None:
        self._events: deque[tuple[Teller, InviteEvent]] = deque()
        self._changed = asyncio.Event()

    def put(self, teller: Teller, event: InviteEvent) -> None:
        """Take an event, or drop one beyond the bound."""
        if len(self._events) < _MOST:
            self._events.append((teller, event))
            self._changed.set()

    async def next(self) -> tuple[Teller, InviteEvent]:
        """Wait for the next event."""
        while not self._events:
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()

    def hand_over(self, session: InviteSession, call: Call) -> None:
        """Give the events of a session that wait to its call."""
        mine = [event for teller, event in self._events if teller is session]
        self._events = deque(each for each in self._events if each[0] is not session)
        for event in mine:
            if not isinstance(event, Forked):
                call.note(event)


class Invitation:
    """One INVITE of ours.

    Early media of the first end that sends some is heard; where another one accepts, its answer
    takes the place. For a connection to each of them there is `Phone.ring`.

    Args:
        host: The phone.
        invite: The INVITE, which has been sent.
        media: Offers and answers of the connection.
        on_progress: Called with each provisional response.
    """

    def __init__(
        self,
        host: InvitationHost,
        invite: OutgoingInvite,
        media: CallMedia,
        on_progress: Callable[[Progressed], object] | None = None,
    ) -> None:
        self.events = InviteEvents()
        self._host = host
        self._invite = invite
        self._media = media
        self._on_progress = on_progress
        self._answers: dict[InviteSession, str] = {}
        #: The end whose early description the connection has, and whether it is its last.
        self._early: InviteSession | None = None
        self._committed = False

    async def answered(self) -> Call:
        """Wait until one end has accepted, and return the call with it.

        Raises:
            CallRejected: Nobody accepted.
            CallTimedOut: Nobody answered in time.
            CallFailed: Who accepted could not be understood.
        """
        while True:
            teller, event = await self.events.next()
            match event:
                case Progressed() if self._on_progress is not None:
                    self._on_progress(event)
                case PreviewReceived() | AnswerReceived() if isinstance(teller, InviteSession):
                    await self._take_early(teller, event)
                case OfferReceived() if isinstance(teller, InviteSession):
                    await self._answer_early(teller, event)
                case Accepted() if isinstance(teller, InviteSession):
                    return self._call(teller, event)
                case CallEnded() if teller is self._invite:
                    raise failure(event)
                case _:
                    pass

    async def _take_early(
        self, session: InviteSession, event: PreviewReceived | AnswerReceived
    ) -> None:
        if isinstance(event, AnswerReceived):
            self._answers[session] = event.sdp
        if self._early not in (None, session):
            return
        self._early = session
        try:
            await self._media.preview(event.sdp)
        except PeerError as error:
            _logger.warning("SIP: an early answer is passed over: %s", error)

    async def _answer_early(self, session: InviteSession, offer: OfferReceived) -> None:
        """Answer an offer in a reliable response to an INVITE without one, or in an UPDATE."""
        try:
            if self._early not in (None, session):
                raise SipUsageError("the connection has the offer of another end")
            if session in self._answers and not self._committed:
                await self._media.take_answer(self._answers.pop(session))
            self._early, self._committed = session, True
            answer = await self._media.answer(offer.sdp, identity=identity_of(offer))
            session.answer(answer.sdp)
        except (PeerError, SipUsageError) as error:
            _logger.warning("SIP: an early offer is refused: %s", error)
            refusal = refusal_of(error)
            session.refuse(refusal.status, phrase=refusal.phrase)
        self._host.flush()

    def _call(self, session: InviteSession, accepted: Accepted) -> Call:
        if self._committed and self._early is not session:
            session.hang_up()
            self._host.flush()
            raise CallFailed("another end has accepted than the one whose early offer was answered")
        call = Call(session, self._host)
        answer = self._answers.get(session, "")
        call.take_connection(self._media, preview=answer, is_final=bool(answer))
        if self._committed:
            call.note_described()
        call.note(accepted)
        self._host.route(session, call)
        self.events.hand_over(session, call)
        return call


def failure(ended: CallEnded) -> CallFailed:
    """Return the error of an INVITE that became no call."""
    match ended.cause:
        case EndCause.REFUSED:
            return CallRejected(ended.status, ended.reason)
        case EndCause.TIMED_OUT:
            return CallTimedOut(ended.reason or "nobody has answered")
        case _:
            return CallFailed(ended.reason or f"the call ended: {ended.cause.name.lower()}")
