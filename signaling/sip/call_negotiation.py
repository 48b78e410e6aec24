"""Changes of a call that stands: offers of either end, by SIP's own rules of glare.

A change of the connection (a track, a hold, a rekey, an ICE restart) becomes a re-INVITE, or an
UPDATE in a call that is not accepted yet. Where both ends offer at once, both are refused with 491
and try again after a while (RFC 3261 section 14.1); perfect negotiation has no place here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from peer.errors import PeerError
from peer.states import SignalingState
from signaling.sip.errors import CallChangeRefused, SipUsageError
from signaling.sip.identity import identity_of, refusal_of
from signaling.sip.session_events import (
    AnswerReceived,
    OfferPossible,
    OfferReceived,
    OfferRefused,
    OfferWanted,
    OfferWithdrawn,
    PreviewReceived,
    RefreshWanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from signaling.sip.call_media import CallMedia
    from signaling.sip.invite_session import InviteSession

_logger = logging.getLogger(__name__)

#: Events of one call that wait (ours): as many as a peer can cause while one description is made.
_MOST: Final = 64

DescriptionEvent: TypeAlias = (
    OfferReceived
    | AnswerReceived
    | PreviewReceived
    | OfferWanted
    | OfferWithdrawn
    | OfferRefused
    | OfferPossible
    | RefreshWanted
)


class CallNegotiation:
    """Offers and answers of one call, in the order in which they come.

    Args:
        session: Session of the call.
        media: Offers and answers of its connection.
        flush: Sends what the session has to send.
        on_applied: Called after each description of the other end that was taken.
        on_failure: Called with the error that the call cannot outlive.
    """

    def __init__(
        self,
        session: InviteSession,
        media: CallMedia,
        *,
        flush: Callable[[], None],
        on_applied: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.media = media
        #: Held by whoever makes or takes a description.
        self.exchange = asyncio.Lock()
        self._session = session
        self._flush = flush
        self._on_applied = on_applied
        self._on_failure = on_failure
        self._events: deque[DescriptionEvent] = deque()
        self._changed = asyncio.Event()
        self._is_offer_needed = False
        self._may_offer = False
        self._waiting: list[asyncio.Future[None]] = []
        #: Set once both ends have described themselves.
        self.described = asyncio.Event()

    def put(self, event: DescriptionEvent) -> None:
        """Take an event of the session."""
        if len(self._events) >= _MOST:
            self._on_failure(SipUsageError("the other end sends more than can be answered"))
            return
        self._events.append(event)
        self._changed.set()

    def begin(self) -> None:
        """Let changes of the connection become offers from now on: the first exchange is over."""
        if not self._may_offer:
            self._may_offer = True
            self.media.connection.on("negotiationneeded", self._need)
            if self.described.is_set() or self.media.connection.remoteDescription is not None:
                self._sign_later()
            self._changed.set()

    def poke(self) -> None:
        """Look again whether an offer can be sent: a message of the call has come."""
        if self._is_offer_needed:
            self._changed.set()

    async def settled(self) -> None:
        """Wait until the other end has answered what has changed of the connection.

        Raises:
            CallChangeRefused: It refused, and the call goes on as it was.
        """
        # Asked for in a later turn of the loop, as webrtc-pc section 4.7.3 has it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self._is_offer_needed or self._is_offering:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    async def run(self) -> None:
        """Handle what comes, and offer what is needed, until cancelled."""
        try:
            while True:
                self._changed.clear()
                while self._events:
                    async with self.exchange:
                        await self._handle(self._events.popleft())
                await self._offer_where_needed()
                await self._changed.wait()
        finally:
            self.media.connection.remove_listener("negotiationneeded", self._need)
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_exception(CallChangeRefused(0, "the call is over"))
                    # It may be that nobody waits any more.
                    waiting.exception()

    @property
    def _is_offering(self) -> bool:
        return self.media.connection.signalingState is SignalingState.HAVE_LOCAL_OFFER

    def _need(self) -> None:
        self._is_offer_needed = True
        self._changed.set()

    async def _handle(self, event: DescriptionEvent) -> None:
        match event:
            case OfferReceived():
                await self._answer(event)
            case AnswerReceived(sdp=sdp):
                await self._take_answer(sdp, is_preview=False)
            case PreviewReceived(sdp=sdp):
                await self._take_answer(sdp, is_preview=True)
            case OfferWanted():
                await self._offer()
            case OfferWithdrawn():
                await self.media.roll_back()
            case OfferRefused():
                await self._roll_back(event)
            case RefreshWanted() | OfferPossible():
                self._is_offer_needed = True
            case _:
                assert_never(event)

    async def _answer(self, offer: OfferReceived) -> None:
        try:
            identity = identity_of(offer)
            if self._is_offering:
                # Ours was not sent yet: it is made anew, of what this one changes.
                await self.media.roll_back()
            # A need from before is asked for again after this exchange, if there is one still.
            self._is_offer_needed = False
            answer = await self.media.answer(offer.sdp, identity=identity)
        except PeerError as error:
            _logger.warning("SIP: an offer of the other end is refused: %s", error)
            refusal = refusal_of(error)
            self._command(lambda: self._session.refuse(refusal.status, phrase=refusal.phrase))
            return
        if self._command(lambda: self._session.answer(answer.sdp)):
            self.described.set()
            self._sign_later()
        self._on_applied()

    def _sign_later(self) -> None:
        """Offer again where our signature had no place in what has just been sent (RFC 8862)."""
        if not self.media.is_signed and self._session.can_sign:
            self._is_offer_needed = True
            self._changed.set()

    async def _take_answer(self, answer: str, *, is_preview: bool) -> None:
        try:
            if is_preview and self._may_offer:
                # Within a call that stands nothing is gained by it, and nothing takes it back.
                return
            if is_preview:
                await self.media.preview(answer)
            elif self.media.connection.signalingState is not SignalingState.STABLE:
                await self.media.take_answer(answer)
        except PeerError as error:
            # Nothing in SIP refuses an answer but the end of the call (RFC 3261 section 13.2.2.4).
            self._on_failure(error)
            return
        if not is_preview:
            self.described.set()
            self._settle(None)
            self._sign_later()
        self._on_applied()

    async def _roll_back(self, refused: OfferRefused) -> None:
        await self.media.roll_back()
        # `negotiationneeded` fires again, for the same change, in a later turn of the loop. Where
        # the other end does not want that change, it would not want it then.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._is_offer_needed = False
        _logger.info("SIP: an offer was refused: %d %s", refused.status, refused.reason)
        if not refused.comes_again:
            self._settle(CallChangeRefused(refused.status, refused.reason))

    async def _offer_where_needed(self) -> None:
        ready = self._is_offer_needed and self._may_offer and self._session.can_offer
        if ready and self.media.connection.signalingState is SignalingState.STABLE:
            async with self.exchange:
                await self._offer()

    async def _offer(self) -> None:
        try:
            offer = await self.media.offer()
        except PeerError as error:
            self._is_offer_needed = False
            if self.media.connection.signalingState is SignalingState.CLOSED:
                return
            _logger.warning("SIP: no offer can be made: %s", error)
            self._settle(error)
            return
        # Only now, so that `settled` knows of it all the time that it takes to make.
        self._is_offer_needed = False
        in_request = not self._session.is_offer_wanted
        identity = offer.identity if self._session.can_sign else None
        if not self._command(lambda: self._session.offer(offer.sdp, identity=identity)):
            # An offer of the other end has come meanwhile.
            await self.media.roll_back()
            self._is_offer_needed = True
        elif in_request:
            self.media.note_signed(offer)

    def _command(self, command: Callable[[], None]) -> bool:
        try:
            command()
        except SipUsageError as error:
            # The call ended, or the other end withdrew, while a description was made.
            _logger.debug("SIP: a description came too late: %s", error)
            return False
        self._flush()
        return True

    def _settle(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.done():
                continue
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)
