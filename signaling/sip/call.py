"""A SIP call, incoming or outgoing, with the connection that carries its media."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Self, assert_never, overload

from peer.emitter import EventEmitter
from peer.errors import IdentityError, InvalidStateError, PeerError
from peer.rtp.tracks import MediaStreamError
from signaling.ice_recovery import IceRecovery
from signaling.loss import Loss
from signaling.sip.call_events import CallDirection, CallEvent, CallState, Transfer
from signaling.sip.call_negotiation import CallNegotiation, DescriptionEvent
from signaling.sip.call_tones import CallTones
from signaling.sip.client_invite import description
from signaling.sip.errors import CallChangeRefused, CallFailed, SipUsageError
from signaling.sip.grammar import parse_address
from signaling.sip.identity import identity_of, refusal_of
from signaling.sip.session_events import (
    Accepted,
    AnswerReceived,
    CallEnded,
    EndCause,
    OfferReceived,
    PreviewReceived,
    Progressed,
    ReferReceived,
    RefreshWanted,
    ToneReceived,
)
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from peer import PeerConnection
    from peer.emitter import Decorator, Handler, PlainDecorator, Takes
    from signaling.sip.call_media import CallMedia
    from signaling.sip.invite_session import InviteSession
    from signaling.sip.session_events import SessionEvent

_logger = logging.getLogger(__name__)

#: Seconds for the goodbye of a call to be answered (ours): BYE is repeated for 32 s without it.
_GOODBYE: Final = 2.0


class CallHost(Protocol):
    """The phone of a call, as the call sees it."""

    def flush(self) -> None:
        """Send what the sessions have to send."""

    def new_connection(self) -> PeerConnection:
        """Make the connection of a call whose program brings none."""

    def media_of(self, connection: PeerConnection) -> CallMedia:
        """Give the offers and answers of a connection, over the transport of the phone."""

    def bind(self, session: InviteSession, connection: PeerConnection) -> None:
        """Trace the messages of a session with a connection."""

    def release(self, session: InviteSession) -> None:
        """Forget a call that is over."""

    @property
    def address(self) -> str:
        """Our address of record."""


class Call:
    """One SIP call with its media; made by a `Phone`.

    Events, subscribed to with `on`: `state` (CallState), `held` and `resumed` by the other end,
    `tone` (a character of a telephone's keys), `transfer` (Transfer), `ended` (CallEnded).

    An `async with` block hangs up at its end. A call that ends closes its connection.

    Attributes:
        direction: The end that has called.
        remote: URI of the other end.
        remote_name: Name that the other end gives itself; empty where it gives none.
        state: Progress of the call.
        ending: Cause of its end; None before.
    """

    def __init__(self, session: InviteSession, host: CallHost) -> None:
        self._session = session
        self._host = host
        self.direction = CallDirection.OUTGOING if session.is_caller else CallDirection.INCOMING
        other = parse_address(session.dialog.remote)
        self.remote = str(other.uri)
        self.remote_name = other.name
        self.state = CallState.RINGING
        self.ending: CallEnded | None = None
        #: Error of the connection that the call could not outlive.
        self.error: Exception | None = None
        self._emitter = EventEmitter("Call", CallEvent, _is_expected)
        self._tones = CallTones(
            session, host.flush, lambda tone: self._emitter.emit(CallEvent.TONE, tone)
        )
        self._negotiation: CallNegotiation | None = None
        self._running: asyncio.Task[None] | None = None
        self._early_answer = False
        self._first_description = ""
        self._answer_given = ""
        self._is_held = False
        self._directions: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._closed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Call {self.direction} {self.remote!r} {self.state}>"

    @property
    def connection(self) -> PeerConnection | None:
        """The connection of its media; None of an incoming call before `early` or `answer`."""
        return None if self._negotiation is None else self._negotiation.media.connection

    @property
    def session(self) -> InviteSession:
        """The session in SIP's own words: its dialog, and the INVITE."""
        return self._session

    @property
    def is_held(self) -> bool:
        """True while the other end holds the call: it wants nothing of ours."""
        return self._is_held

    @overload
    def on(self, event: Literal["state"]) -> Decorator[CallState]: ...
    @overload
    def on(self, event: Literal["state"], handler: Takes[CallState]) -> Takes[CallState]: ...
    @overload
    def on(self, event: Literal["tone"]) -> Decorator[str]: ...
    @overload
    def on(self, event: Literal["tone"], handler: Takes[str]) -> Takes[str]: ...
    @overload
    def on(self, event: Literal["transfer"]) -> Decorator[Transfer]: ...
    @overload
    def on(self, event: Literal["transfer"], handler: Takes[Transfer]) -> Takes[Transfer]: ...
    @overload
    def on(self, event: Literal["ended"]) -> Decorator[CallEnded]: ...
    @overload
    def on(self, event: Literal["ended"], handler: Takes[CallEnded]) -> Takes[CallEnded]: ...
    @overload
    def on(self, event: Literal["held", "resumed"]) -> PlainDecorator: ...
    @overload
    def on(
        self, event: Literal["held", "resumed"], handler: Callable[[], object]
    ) -> Callable[[], object]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function: `@call.on("ended")`.

        Raises:
            ValueError: A Call has no event of that name; the error lists those it has.
        """
        return self._emitter.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._emitter.remove_listener(event, handler)

    def ring(self) -> None:
        """Tell the caller that the call rings here (180).

        Raises:
            SipUsageError: It is no incoming call, or it is answered already.
        """
        self._session.progress(180)
        self._host.flush()

    async def early(self, connection: PeerConnection | None = None) -> PeerConnection:
        """Answer the caller's offer before the call is accepted (183): media may flow at once.

        Where the caller takes it, the 183 is reliable and holds the answer (RFC 3262); else it is
        a preview, which `answer` repeats. To an INVITE without an offer ours goes out, which only
        a reliable 183 can hold.

        Args:
            connection: The connection for the call's media; one of the phone's where None.

        Raises:
            SipUsageError: It is no incoming call, or it is answered already.
            PeerError: The caller's offer cannot be taken; the call rings on.
            IdentityError: It is not signed as it has to be: the call is refused (RFC 8224 section
                6.2.2).
        """
        negotiation = self._take(connection)
        async with negotiation.exchange:
            description = await self._describe_or_refuse(negotiation.media, IdentityError)
            self._session.progress(183, sdp=description)
            # An unreliable one may be lost: then the 200 repeats it (RFC 6337 section 3.1).
            self._early_answer = not self._session.has_offer
            self._first_description = description
        self._host.flush()
        self._go(CallState.EARLY)
        return negotiation.media.connection

    async def answer(self, connection: PeerConnection | None = None) -> PeerConnection:
        """Accept the call (200), and return its connection.

        Args:
            connection: The connection for the call's media; that of `early` or one of the phone's
                where None.

        Raises:
            SipUsageError: It is no incoming call, or it is over.
            PeerError: The caller's offer cannot be taken: the call is refused with 488, or with
                what RFC 8224 section 6.2.2 has for its signature.
        """
        negotiation = self._take(connection)
        async with negotiation.exchange:
            if self.state is CallState.EARLY:
                self._session.accept("" if self._early_answer else self._first_description)
            else:
                description = await self._describe_or_refuse(negotiation.media, PeerError)
                self._session.accept(description)
        self._host.flush()
        return negotiation.media.connection

    def reject(self, status: int = 603, reason: str | None = None) -> None:
        """Refuse an incoming call.

        Args:
            status: Status code, 300 to 699: 486 is busy, 603 declined.
            reason: Reason phrase; that of the status code by default.

        Raises:
            SipUsageError: It is no incoming call, or it is answered already.
        """
        self._session.reject(status, phrase=reason)
        self._host.flush()

    async def hangup(self) -> None:
        """End the call in any state, and close its connection; safe to call twice."""
        self._session.hang_up()
        self._host.flush()
        if self._session.is_over:
            self._end_of(CallEnded(cause=EndCause.LOCAL))
        try:
            async with asyncio.timeout(_GOODBYE):
                await self._closed.wait()
        except TimeoutError:
            # BYE is repeated on; media is over now.
            self._end_of(CallEnded(cause=EndCause.LOCAL))
            await self._closed.wait()

    async def hold(self) -> None:
        """Put the other end on hold, and return when it has answered: nothing of it is wanted.

        Our tracks are sent on, as music for those who wait is; replace them, or set `direction` of
        their transceivers to `inactive`.

        Raises:
            CallChangeRefused: The other end refused.
            SipUsageError: The call is not established.
        """
        negotiation = self._established()
        for transceiver in negotiation.media.connection.getTransceivers():
            direction = transceiver.direction
            held = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(direction)
            if transceiver.mid is not None and held is not None:
                self._directions[transceiver.mid] = direction
                transceiver.direction = held
        try:
            await negotiation.settled()
        except CallChangeRefused:
            # The call goes on as it was: the next offer is not to hold it either.
            self._end_hold(negotiation)
            raise

    async def resume(self) -> None:
        """End our hold, and return when the other end has answered.

        Raises:
            CallChangeRefused: The other end refused.
            SipUsageError: The call is not established.
        """
        negotiation = self._established()
        self._end_hold(negotiation)
        await negotiation.settled()

    async def send_tones(self, tones: str, *, duration: float = 0.1, gap: float = 0.07) -> None:
        """Send tones of a telephone's keys (DTMF), and return when the last one is over.

        In our audio where the other end takes them there (RFC 4733), else by INFO requests.

        Args:
            tones: Characters `0` to `9`, `A` to `D`, `#`, `*`, and `,` for a pause of two seconds.
            duration: Seconds of each tone.
            gap: Seconds between two tones.

        Raises:
            SipUsageError: A character is no tone, or the call is not established.
        """
        await self._tones.send(tones, duration=duration, gap=gap)

    def tones(self) -> AsyncIterator[str]:
        """Yield the tones of the other end, in audio or INFO: `async for tone in call.tones()`.

        Of tones not fetched the last 64 are kept. Ends with the call.
        """
        return self._tones.received()

    async def established(self) -> None:
        """Wait until the call is accepted, and the other end knows.

        Raises:
            CallFailed: It ended before.
        """
        while self.state is not CallState.ESTABLISHED:
            if self.ending is not None:
                raise CallFailed(self.ending.reason or f"the call ended: {self.ending.cause.name}")
            self._changed.clear()
            await self._changed.wait()

    async def ended(self) -> CallEnded:
        """Wait until the call is over, and return its cause."""
        await self._closed.wait()
        assert self.ending is not None
        return self.ending

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.hangup()

    # For the phone

    def take_connection(
        self, media: CallMedia, *, preview: str = "", is_final: bool = False
    ) -> None:
        """Take the connection of an outgoing call, whose offer has been made.

        Args:
            media: Offers and answers of the connection.
            preview: The answer that the connection has taken so far; empty for none.
            is_final: No other answer follows, but the acceptance.
        """
        self._negotiation = self._negotiate(media)
        self._answer_given = preview if is_final else ""
        if preview:
            self._go(CallState.EARLY)

    def note_described(self) -> None:
        """Note that the connection has the descriptions of both ends."""
        self._answer_given = ""
        if self._negotiation is not None:
            self._negotiation.described.set()

    async def described(self) -> None:
        """Wait until both ends have described themselves.

        Raises:
            CallFailed: The call ended before.
            PeerError: The other end's description could not be taken.
        """
        assert self._negotiation is not None
        await first_of(self._negotiation.described.wait(), self._over.wait())
        if not self._negotiation.described.is_set():
            assert self.ending is not None
            raise self.error or CallFailed(self.ending.reason or "the call ended at once")

    def note(self, event: SessionEvent) -> None:
        """Take an event of the session."""
        match event:
            case Progressed():
                pass
            case AnswerReceived(sdp=sdp) if self._is_early_outgoing:
                # One INVITE may have several answers: until one is accepted none is the last.
                self._answer_given = sdp
                self._put(PreviewReceived(sdp))
            case OfferReceived() if self._is_early_outgoing and self._answer_given:
                # Another exchange within the early dialog (RFC 3311): the first one is complete.
                self._put(AnswerReceived(self._answer_given))
                self._answer_given = ""
                self._put(event)
            case Accepted():
                self._go(CallState.ESTABLISHED)
                if self._negotiation is not None:
                    if self._answer_given:
                        self._put(AnswerReceived(self._answer_given))
                    self._negotiation.begin()
            case CallEnded():
                self._end_of(event)
            case ToneReceived(tone=tone):
                self._tones.take(tone)
            case ReferReceived():
                self._note_transfer(event)
            case _ if isinstance(event, DescriptionEvent):
                self._put(event)
            case _:
                assert_never(event)

    def poke(self) -> None:
        """Look again whether an offer can be sent: a message of the call has come."""
        if self._negotiation is not None:
            self._negotiation.poke()

    def refresh(self) -> None:
        """Offer again, as the address of this end has changed: a target refresh (RFC 3261 14)."""
        if self._negotiation is not None and self.state is CallState.ESTABLISHED:
            self._negotiation.put(RefreshWanted())

    @property
    def _is_early_outgoing(self) -> bool:
        waits = self.state in (CallState.RINGING, CallState.EARLY)
        return waits and self.direction is CallDirection.OUTGOING

    def _put(self, event: DescriptionEvent) -> None:
        if self._negotiation is not None:
            self._negotiation.put(event)

    def _note_transfer(self, refer: ReferReceived) -> None:
        transfer = Transfer(self._session, refer, self._host.flush)
        if not self._emitter.emit(CallEvent.TRANSFER, transfer):
            _logger.info("SIP: a transfer to %s is refused: nobody listens to it", refer.target)
            transfer.refuse(603)

    def _take(self, connection: PeerConnection | None) -> CallNegotiation:
        if self.direction is CallDirection.OUTGOING:
            raise SipUsageError("the other end answers a call that this one makes")
        if self.ending is not None:
            raise SipUsageError("the call is over")
        if self._negotiation is None:
            media = self._host.media_of(connection or self._host.new_connection())
            media.connection.name_ends(local=self._host.address, remote=self.remote)
            self._negotiation = self._negotiate(media)
        elif connection not in (None, self.connection):
            raise SipUsageError("the call has a connection since `early`")
        return self._negotiation

    def _negotiate(self, media: CallMedia) -> CallNegotiation:
        self._host.bind(self._session, media.connection)
        self._tones.listen(media.connection)
        negotiation = CallNegotiation(
            self._session,
            media,
            flush=self._host.flush,
            on_applied=self._note_hold,
            on_failure=self._fail,
        )
        self._running = asyncio.create_task(self._run(negotiation), name=f"SIP call {self.remote}")
        return negotiation

    async def _describe_or_refuse(self, media: CallMedia, refused: type[PeerError]) -> str:
        """Answer the INVITE's offer, or offer where it has none; refuse the call by some errors."""
        try:
            if self._session.is_offer_wanted:
                described = await media.offer()
            else:
                invite = self._session.invite
                offer = OfferReceived(description(invite), invite)
                described = await media.answer(offer.sdp, identity=identity_of(offer))
        except refused as error:
            refusal = refusal_of(error)
            self._session.refuse(refusal.status, phrase=refusal.phrase)
            self._host.flush()
            raise
        return described.sdp

    async def _run(self, negotiation: CallNegotiation) -> None:
        connection = negotiation.media.connection
        recovery = IceRecovery(
            connection,
            polite=self.direction is CallDirection.INCOMING,
            on_given_up=self._fail,
        )
        loss = Loss(connection)
        for event in ("signalingstatechange", "connectionstatechange", "iceconnectionstatechange"):
            connection.on(event, recovery.on_state)
        try:
            await first_of(negotiation.run(), recovery.run(), self._watch(loss), self._over.wait())
        except PeerError as error:
            self._fail(error)
            await self._over.wait()
        finally:
            await connection.close()
            await self._tones.close()
            self._finish()

    async def _watch(self, loss: Loss) -> None:
        await loss.wait()
        if self.connection is not None and self.connection.error is not None:
            self._fail(self.connection.error)
        else:
            self._fail(CallFailed("the connection was closed"))
        await self._over.wait()

    def _fail(self, error: Exception) -> None:
        """Hang up, because of an error that the call cannot outlive."""
        if self.ending is None:
            _logger.warning("SIP: the call with %s is ended: %s", self.remote, error)
            self.error = error
            self._session.hang_up()
            self._host.flush()
            self._end_of(CallEnded(cause=EndCause.FAILED, reason=str(error)))

    def _note_hold(self) -> None:
        assert self._negotiation is not None
        sending = [
            each
            for each in self._negotiation.media.connection.getTransceivers()
            if each.direction in ("sendrecv", "sendonly") and each.currentDirection is not None
        ]
        held = bool(sending) and all(
            each.currentDirection in ("recvonly", "inactive") for each in sending
        )
        if held is not self._is_held:
            self._is_held = held
            self._emitter.emit(CallEvent.HELD if held else CallEvent.RESUMED)

    def _established(self) -> CallNegotiation:
        if self._negotiation is None or self.state is not CallState.ESTABLISHED:
            raise SipUsageError(f"the call is {self.state}, not established")
        return self._negotiation

    def _end_hold(self, negotiation: CallNegotiation) -> None:
        for transceiver in negotiation.media.connection.getTransceivers():
            former = self._directions.pop(transceiver.mid or "", None)
            if former is not None and not transceiver.stopped:
                transceiver.direction = former

    def _go(self, state: CallState) -> None:
        if self.state not in (state, CallState.ENDED) and not (
            self.state is CallState.ESTABLISHED and state is CallState.EARLY
        ):
            self.state = state
            self._changed.set()
            self._emitter.emit(CallEvent.STATE, state)

    def _end_of(self, ending: CallEnded) -> None:
        if self.ending is not None:
            return
        self.ending = ending
        _logger.info("SIP: the call with %s is over: %s", self.remote, ending.cause.name.lower())
        self._go(CallState.ENDED)
        self._over.set()
        if self._running is None:
            self._tones.end()
            self._finish()

    def _finish(self) -> None:
        assert self.ending is not None
        self._closed.set()
        self._host.release(self._session)
        self._emitter.emit(CallEvent.ENDED, self.ending)


def _is_expected(error: BaseException) -> bool:
    """Tell whether a handler ends without a fault: with a track, or with the connection."""
    return isinstance(error, MediaStreamError | InvalidStateError)
