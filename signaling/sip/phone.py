"""A SIP phone for programs: registered at a server, it calls and is called."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
from collections import deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, assert_never, overload

from sipmessage import URI

from peer import PeerConfiguration, PeerConnection
from peer.emitter import EventEmitter
from peer.times import MonotonicTime
from peer.tracing.events import Direction
from signaling.sip.agent_port import SCHEMES
from signaling.sip.branches import Branches
from signaling.sip.call import Call
from signaling.sip.call_media import CallMedia
from signaling.sip.errors import SipTransportError, SipUsageError
from signaling.sip.grammar import parse_address, parse_uri
from signaling.sip.invitation import Invitation, InviteEvents
from signaling.sip.outgoing_invite import Forked
from signaling.sip.phone_events import PhoneEvent
from signaling.sip.registrar_link import RegistrarLink
from signaling.sip.traced_messages import TracedMessages
from signaling.sip.transactions.outputs import SendMessage
from signaling.sip.transport.events import (
    SipMessageReceived,
    SipMessageRefused,
    SipTransportLost,
    SipTransportRestored,
)
from signaling.sip.user_agent import IncomingCall, Told, UserAgent
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from peer.descriptions import SessionDescription
    from peer.emitter import Decorator, Handler, Takes
    from peer.tracing import TraceSink
    from signaling.sip.agent_port import AgentSettings
    from signaling.sip.digest import Digest
    from signaling.sip.invite_session import InviteSession
    from signaling.sip.outgoing_invite import OutgoingInvite
    from signaling.sip.session_events import Progressed
    from signaling.sip.transport.interface import SipTransport
    from signaling.sip.user_agent import AgentEvent

_logger = logging.getLogger(__name__)

#: Incoming calls that nobody has taken yet (ours); the next one is answered 486.
_MOST_CALLS: Final = 16
#: Messages that wait to be sent (ours): what 50 calls at once send in one turn.
_OUTBOX: Final = 1024
#: Seconds for calls and registration to say goodbye when the phone closes (ours).
_GOODBYE: Final = 3.0

_Route: TypeAlias = Callable[[Any, Any], None]


class Phone:
    """A SIP user agent; made by `signaling.sip.register`.

    Events, subscribed to with `on`: `call` (Call, one that comes in), `away` (a sentence: there is
    no connection to the server, calls that stand go on), `back` (seconds that it was away).

    Incoming calls come by `calls()` or by the event `call`, whichever the program uses.

    Args:
        transport: The way to the server; the phone closes it.
        address: Our address of record, such as `sip:bot@example.org`, or `"Bot" <sip:...>`.
        digest: Our name and secret; None where nobody asks for one.
        configuration: Configuration of connections that the phone makes.
        settings: Settings of the user agent.
        expires: Seconds that a registration lasts; None registers nowhere.
    """

    def __init__(
        self,
        transport: SipTransport,
        address: str,
        *,
        digest: Digest | None = None,
        configuration: PeerConfiguration | None = None,
        settings: AgentSettings | None = None,
        expires: int | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        own = _address(address)
        self.address = str(own.uri)
        self._user = own.uri.user or ""
        self._transport = transport
        self._configuration = configuration or PeerConfiguration()
        self._agent = UserAgent(
            via=transport.via,
            contact=self._contact(),
            aor=str(own),
            clock=lambda: MonotonicTime(loop.time()),
            settings=settings,
            authenticator=digest,
        )
        self._link: RegistrarLink | None = None
        if expires is not None:
            registrar = URI(own.uri.scheme, own.uri.host, port=own.uri.port)
            self._link = RegistrarLink(self._agent, registrar, expires=expires, flush=self.flush)
        self._emitter = EventEmitter("Phone", PhoneEvent)
        self._routes: dict[Hashable, _Route] = {self._agent: self._note_own}
        self._calls: dict[InviteSession, Call] = {}
        self._new: deque[Call] = deque()
        self._traced = TracedMessages()
        self._outbox: deque[SendMessage] = deque()
        self._posted = asyncio.Event()
        self._sent = asyncio.Event()
        self._timers = asyncio.Event()
        self._arrived = asyncio.Event()
        self._is_flushing = False
        self._ending: Exception | None = None
        self._closed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Phone {self.address!r} calls={len(self._calls)} {self._transport!r}>"

    async def open(self) -> None:
        """Begin to send and receive, and register; to be called once.

        Raises:
            RegistrationRefused: The registrar does not take us.
            SipTransportError: The server is lost.
        """
        self._running = asyncio.create_task(self._run(), name=f"SIP phone {self.address}")
        if self._link is None:
            return
        self._routes[self._link.begin()] = self._link.note
        self.flush()
        try:
            await first_of(self._link.registered(), self.closed())
        except BaseException:
            await self.close()
            raise

    @property
    def contact(self) -> str:
        """Value of our `Contact`, to which requests within our calls are sent."""
        return self._agent.contact

    @property
    def current_calls(self) -> tuple[Call, ...]:
        """The calls that are not over."""
        return tuple(self._calls.values())

    @property
    def kept(self) -> dict[str, int]:
        """Count what is kept: calls, who is told, traced calls, and what the user agent keeps."""
        own = {
            "calls": len(self._calls),
            "told": len(self._routes),
            "traced": len(self._traced),
            "waiting": len(self._new),
        }
        return {**self._agent.kept, **own}

    @overload
    def on(self, event: Literal["call"]) -> Decorator[Call]: ...
    @overload
    def on(self, event: Literal["call"], handler: Takes[Call]) -> Takes[Call]: ...
    @overload
    def on(self, event: Literal["away"]) -> Decorator[str]: ...
    @overload
    def on(self, event: Literal["away"], handler: Takes[str]) -> Takes[str]: ...
    @overload
    def on(self, event: Literal["back"]) -> Decorator[float]: ...
    @overload
    def on(self, event: Literal["back"], handler: Takes[float]) -> Takes[float]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler, a function or a coroutine function: `@phone.on("call")`.

        Raises:
            ValueError: A Phone has no event of that name; the error lists those it has.
        """
        if handler is None:
            decorator = self._emitter.subscribe(event)

            def decorate(handler: Handler) -> Handler:
                decorator(handler)
                self._give_waiting()
                return handler

            return decorate
        self._emitter.on(event, handler)
        self._give_waiting()
        return handler

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._emitter.remove_listener(event, handler)

    async def calls(self) -> AsyncIterator[Call]:
        """Yield each call that comes in, while it rings; ends when the phone is closed.

        Up to 16 wait to be taken; further callers hear that we are busy (486).

        Raises:
            SipTransportError: The server is lost for good.
        """
        while True:
            while self._new:
                call = self._new.popleft()
                if call.ending is None:
                    yield call
            if isinstance(self._ending, SipTransportError):
                raise self._ending.with_traceback(None)
            if self._closed.is_set():
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def invite(
        self,
        target: str,
        connection: PeerConnection | None = None,
        *,
        offer: bool = True,
        headers: Mapping[str, str] | None = None,
        on_progress: Callable[[Progressed], object] | None = None,
    ) -> Call:
        """Call an address, and return the call with the first end that accepts.

        A task that is cancelled meanwhile cancels the call.

        Args:
            target: URI to call, such as `sip:bob@example.org` or `tel:+15551234`.
            connection: The connection for the call's media, which the call negotiates and closes;
                one that only listens where None.
            offer: Send our offer; otherwise the other end offers, and we answer (RFC 5763
                section 6.4).
            headers: Further headers of the INVITE.
            on_progress: Called with each provisional response, such as 180 (it rings).

        Raises:
            CallRejected: Nobody accepted; `status` and `reason` say why.
            CallTimedOut: Nobody answered in time.
            CallFailed: Who accepted could not be understood.
            SipUsageError: The target is no URI to call.
            PeerError: No offer could be made. In each case a connection that was given is left as
                it was, or closed where it has taken an early answer.
        """
        uri = _target(target)
        media = self.media_of(connection or self._listening())
        try:
            media.connection.name_ends(local=self.address, remote=str(uri))
            offered = await media.offer() if offer else None
            invite = self._send_invite(uri, offered, media, headers)
            invitation = Invitation(self, invite, media, on_progress)
            self._routes[invite] = invitation.events.put
            self.flush()
            try:
                call = await invitation.answered()
            except BaseException:
                invite.cancel()
                self.flush()
                raise
            finally:
                self.unroute(invite)
        except BaseException:
            await (media.connection.close() if connection is None else media.roll_back())
            raise
        try:
            await call.described()
        except BaseException:
            # Such as the end of the task: nobody else has the call.
            invite.cancel()
            self.flush()
            raise
        return call

    def ring(
        self,
        target: str,
        connection: PeerConnection,
        *,
        headers: Mapping[str, str] | None = None,
        trace: Callable[[InviteSession], TraceSink] | None = None,
    ) -> Branches:
        """Call an address, and have a call for each end that it rings at: `async with` it.

        Args:
            target: URI to call.
            connection: The connection that offers; each call has a fork of it, with the same
                tracks (RFC 5763 section 6.3). It is closed at the end of the block.
            headers: Further headers of the INVITE.
            trace: Makes the sink for the trace of each fork; None for none.

        Raises:
            SipUsageError: The target is no URI to call; or, at the beginning of the block, the
                connection offers keys of SDES, which are for one end.
        """
        uri = _target(target)

        media = self.media_of(connection)

        async def send(events: InviteEvents) -> OutgoingInvite:
            connection.name_ends(local=self.address, remote=str(uri))
            offered = await media.offer()
            if "\na=crypto:" in offered.sdp:
                await media.roll_back()
                raise SipUsageError("an offer with keys of SDES has one answer: `invite` sends it")
            invite = self._send_invite(uri, offered, media, headers, keeps_all=True)
            self._routes[invite] = events.put
            self.flush()
            return invite

        return Branches(self, send, media, trace=trace)

    async def closed(self) -> None:
        """Wait until the phone is closed.

        Raises:
            SipTransportError: The server is lost for good.
            RegistrationRefused: The registrar takes us no more.
        """
        await self._closed.wait()
        if self._ending is not None:
            raise self._ending.with_traceback(None)

    async def close(self) -> None:
        """End all calls, take back the registration, and close the transport."""
        await asyncio.gather(*(call.hangup() for call in self.current_calls))
        try:
            if not self._closed.is_set():
                async with asyncio.timeout(_GOODBYE):
                    if self._link is not None:
                        await self._link.remove()
                    await self._sent.wait()
        except TimeoutError:
            _logger.info("SIP: the server does not answer the goodbye of %s", self.address)
        finally:
            if self._running is not None:
                self._running.cancel()
                await asyncio.gather(self._running, return_exceptions=True)
            await self._transport.close()
            self._closed.set()
            self._arrived.set()
        self._emitter.release(asyncio.current_task())
        await self._emitter.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # For calls and invitations

    def flush(self) -> None:
        """Send what the core has to send, and tell what it has to tell."""
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            while outputs := self._agent.take():
                for output in outputs:
                    self._carry_out(output)
        finally:
            self._is_flushing = False
        self._timers.set()

    def new_connection(self) -> PeerConnection:
        """Make the connection of a call whose program brings none."""
        return PeerConnection(self._configuration)

    def media_of(self, connection: PeerConnection) -> CallMedia:
        """Give the offers and answers of a connection, over our transport to the server."""
        return CallMedia(connection, is_protected=self._transport.secure)

    def bind(self, session: InviteSession, connection: PeerConnection) -> None:
        """Trace the messages of a session with a connection."""
        self._traced.bind(session.dialog, connection)

    def release(self, session: InviteSession) -> None:
        """Forget a call that is over."""
        self._calls.pop(session, None)
        self._routes.pop(session, None)
        self._traced.release(session.dialog)

    def route(self, session: InviteSession, call: Call) -> None:
        """Tell the events of a session to its call from now on."""
        self._calls[session] = call
        self._routes[session] = lambda _, event: call.note(event)

    # The core and the transport

    def _carry_out(self, output: SendMessage | Told) -> None:
        match output:
            case SendMessage():
                if len(self._outbox) >= _OUTBOX:
                    _logger.warning("SIP: %d messages wait, and the server takes none", _OUTBOX)
                    self._agent.sending_failed(output.message)
                    return
                self._outbox.append(output)
                self._sent.clear()
                self._posted.set()
            case Told(teller, event):
                self._tell(teller, event)
            case _:
                assert_never(output)

    def _tell(self, teller: Hashable, event: AgentEvent) -> None:
        route = self._routes.get(teller)
        if route is None:
            return
        if isinstance(event, Forked):
            self._routes[event.session] = route
        route(teller, event)

    def _note_own(self, _: Hashable, event: AgentEvent) -> None:
        if not isinstance(event, IncomingCall):
            return
        session = event.session
        call = Call(session, self)
        self.route(session, call)
        if len(self._new) >= _MOST_CALLS:
            _logger.warning("SIP: a call of %s is refused: %d wait", call.remote, _MOST_CALLS)
            call.reject(486)
            return
        _logger.info("SIP: %s calls %s", call.remote, self.address)
        if not self._emitter.emit(PhoneEvent.CALL, call):
            self._new.append(call)
            self._arrived.set()

    def _give_waiting(self) -> None:
        if self._emitter.has_listeners(PhoneEvent.CALL):
            while self._new:
                self._emitter.emit(PhoneEvent.CALL, self._new.popleft())

    async def _run(self) -> None:
        registered = [] if self._link is None else [self._link.run()]
        try:
            await first_of(self._receive(), self._send(), self._run_timers(), *registered)
        except Exception as error:
            self._ending = error
            _logger.warning("SIP: the phone %s is lost: %s", self.address, error)
        for call in self.current_calls:
            call.poke()
        self._closed.set()
        self._arrived.set()

    async def _receive(self) -> None:
        while True:
            event = await self._transport.receive()
            match event:
                case SipMessageReceived(message, flow):
                    self._traced.note(Direction.IN, message)
                    self._agent.receive(message, flow)
                case SipMessageRefused(error, flow):
                    self._agent.refuse(error, flow)
                case SipTransportLost(reason):
                    self._emitter.emit(PhoneEvent.AWAY, reason)
                case SipTransportRestored(seconds):
                    self._come_back(seconds)
                case _:
                    assert_never(event)
            self.flush()
            for call in self.current_calls:
                call.poke()

    def _come_back(self, seconds: float) -> None:
        """Register again over the new connection, and tell the other ends where we are."""
        self._agent.set_via(self._transport.via)
        self._agent.contact = self._contact()
        if self._link is not None:
            self._link.renew()
        for session, call in self._calls.items():
            session.dialog.contact = self._agent.contact
            call.refresh()
        self._emitter.emit(PhoneEvent.BACK, seconds)

    async def _send(self) -> None:
        while True:
            while self._outbox:
                output = self._outbox.popleft()
                self._traced.note(Direction.OUT, output.message)
                try:
                    await self._transport.send(output.message, output.flow)
                except (SipTransportError, SipUsageError) as error:
                    _logger.info("SIP: a message could not be sent: %s", error)
                    self._agent.sending_failed(output.message)
                    self.flush()
            self._posted.clear()
            if not self._outbox:
                self._sent.set()
                await self._posted.wait()

    async def _run_timers(self) -> None:
        while True:
            self._timers.clear()
            due = self._agent.next_time()
            if due is not None and due <= asyncio.get_running_loop().time():
                self._agent.advance()
                self.flush()
                continue
            try:
                async with asyncio.timeout_at(due):
                    await self._timers.wait()
            except TimeoutError:
                pass

    def _contact(self) -> str:
        uri = dataclasses.replace(self._transport.contact, user=self._user or None)
        return f"<{uri}>"

    def _listening(self) -> PeerConnection:
        connection = self.new_connection()
        connection.addTransceiver("audio", "recvonly")
        return connection

    def _send_invite(
        self,
        target: URI,
        offered: SessionDescription | None,
        media: CallMedia,
        headers: Mapping[str, str] | None,
        *,
        keeps_all: bool = False,
    ) -> OutgoingInvite:
        invite = self._agent.invite(
            target,
            sdp="" if offered is None else offered.sdp,
            identity=None if offered is None else offered.identity,
            keeps_all=keeps_all,
            headers={**(headers or {}), "Call-ID": secrets.token_hex(16)},
        )
        if offered is not None:
            media.note_signed(offered)
        self._traced.begin(invite.call_id, media.connection, has_forks=keeps_all)
        return invite

    def unroute(self, invite: OutgoingInvite) -> None:
        """Tell no events of an INVITE and its forks any more, but those of calls."""
        self._routes.pop(invite, None)
        for session in invite.sessions.values():
            if session not in self._calls:
                self._routes.pop(session, None)
        self._traced.finish(invite.call_id)


def _address(text: str) -> Any:
    try:
        return parse_address(text)
    except ValueError as error:
        raise SipUsageError(
            f"{text!r} is no address such as sip:bot@example.org: {error}"
        ) from error


def _target(text: str) -> URI:
    try:
        uri = parse_uri(text)
    except ValueError as error:
        raise SipUsageError(f"{text!r} is no URI to call: {error}") from error
    if uri.scheme not in SCHEMES:
        raise SipUsageError(f"{text!r} is no URI to call: it is neither sip:, sips: nor tel:")
    return uri
