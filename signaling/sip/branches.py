"""An INVITE of ours that forks: a call with a connection of its own for each end that answers.

RFC 3261 section 13.2.2.4 and RFC 5763 section 6.3: each answerer has its own DTLS association over
the sockets that the one offer named.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Self

from peer.descriptions import SdpType, SessionDescription
from peer.errors import PeerError
from signaling.sip.call import Call
from signaling.sip.errors import SipUsageError
from signaling.sip.invitation import InviteEvents, failure
from signaling.sip.invite_session import InviteSession
from signaling.sip.session_events import Accepted, AnswerReceived, CallEnded, PreviewReceived

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Any

    from peer.tracing import TraceSink
    from signaling.sip.call_media import CallMedia
    from signaling.sip.invitation import InvitationHost
    from signaling.sip.outgoing_invite import OutgoingInvite

_logger = logging.getLogger(__name__)


class Branches:
    """The ends that one INVITE rings at, each a `Call` from its first answer on, early or not.

    ::

        async with phone.ring("sip:team@example.org", pc) as branches:
            async for call in branches:
                if call.remote_name == "Ann":
                    await branches.keep(call)

    At the end of the block each call that was not kept is ended, and the INVITE is cancelled.

    Args:
        host: The phone.
        invite: Sends the INVITE, and returns it.
        media: Offers of the connection; each call has a fork of it.
        trace: Makes the sink for the trace of a fork; None for none.
    """

    def __init__(
        self,
        host: InvitationHost,
        invite: Callable[[InviteEvents], Coroutine[Any, Any, OutgoingInvite]],
        media: CallMedia,
        *,
        trace: Callable[[InviteSession], TraceSink] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self._host = host
        self._send = invite
        self._media = media
        self._connection = media.connection
        self._trace = trace
        self._events = InviteEvents()
        self._invite: OutgoingInvite | None = None
        self._accepted: dict[InviteSession, Accepted] = {}
        self._known: dict[InviteSession, Call] = {}
        self._kept: tuple[Call, ...] | None = None
        self._new: deque[Call] = deque()
        self._changed = asyncio.Event()
        self._ended: CallEnded | None = None
        self._running: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Branches {len(self.calls)} calls>"

    async def __aenter__(self) -> Self:
        self._invite = await self._send(self._events)
        self._running = asyncio.create_task(self._run(), name="branches of a SIP call")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._running is not None
        assert self._invite is not None
        try:
            await self.keep(*(() if self._kept is None or error is not None else self._kept))
        finally:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._host.unroute(self._invite)
            await self._connection.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Call:
        """Wait for the next end that answers, early or not.

        Ends once calls are kept, or nobody is left.

        Raises:
            CallRejected: Nobody has answered, and the INVITE was refused.
            CallTimedOut: Nobody has answered in time.
        """
        while not self._new:
            if self._kept is not None:
                raise StopAsyncIteration
            if self._ended is not None:
                if not self.calls:
                    raise failure(self._ended)
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._new.popleft()

    async def keep(self, *calls: Call) -> None:
        """Keep these calls, which outlive the block, and end all others, those to come included.

        Args:
            calls: Some of ours, accepted or still early.

        Raises:
            SipUsageError: One is none of these.
        """
        assert self._invite is not None
        if strange := [call for call in calls if call not in self.calls]:
            raise SipUsageError(f"{strange[0]!r} is no branch of this INVITE")
        self._kept = calls
        self._changed.set()
        self._invite.keep(*(call.session for call in calls))
        self._host.flush()
        dropped = [call.hangup() for call in self.calls if call not in calls]
        await asyncio.gather(*dropped)

    async def _run(self) -> None:
        while True:
            teller, event = await self._events.next()
            match event:
                case CallEnded() if teller is self._invite:
                    self._ended = event
                    self._changed.set()
                case Accepted() if isinstance(teller, InviteSession):
                    self._accepted[teller] = event
                case PreviewReceived() | AnswerReceived() if isinstance(teller, InviteSession):
                    await self._begin(teller, event)
                case _:
                    pass

    async def _begin(self, session: InviteSession, event: PreviewReceived | AnswerReceived) -> None:
        if session in self._known or session.is_over:
            return
        if self._kept is not None:
            session.hang_up()
            self._host.flush()
            return
        accepted = self._accepted.pop(session, None)
        kind = SdpType.PRANSWER if accepted is None else SdpType.ANSWER
        sink = None if self._trace is None else self._trace(session)
        try:
            # No response has a place for a signature (RFC 8224 section 4).
            answer = SessionDescription(event.sdp, kind, identity="")
            fork = await self._connection.fork(answer, trace=sink)
        except PeerError as error:
            _logger.warning("SIP: the answer of one end is refused: %s", error)
            session.hang_up()
            self._host.flush()
            return
        call = Call(session, self._host)
        is_final = isinstance(event, AnswerReceived)
        call.take_connection(self._media.of_fork(fork), preview=event.sdp, is_final=is_final)
        if accepted is not None:
            call.note_described()
            call.note(accepted)
        self._known[session] = call
        self._host.route(session, call)
        self._events.hand_over(session, call)
        self.calls.append(call)
        self._new.append(call)
        self._changed.set()
