"""Perfect negotiation (W3C webrtc-pc section 10.7): drives a PeerConnection over a Channel."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, assert_never, overload

from peer.descriptions import SdpType, SessionDescription
from peer.errors import (
    IceError,
    InvalidStateError,
    PeerError,
    RemoteError,
    StaleCandidateError,
)
from peer.states import SignalingState
from peer.values import replace
from signaling.errors import ChannelClosed, ChannelLost, ErrorCode, NegotiationError
from signaling.ice_recovery import IceRecovery, Restartable
from signaling.messages import (
    MAX_ORIGIN,
    MAX_REASON,
    Answer,
    Candidate,
    Error,
    Invite,
    Offer,
    PeerMessage,
    PhraseMessage,
    ProvisionalAnswer,
    description,
)
from signaling.opening import Opening
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from peer.ice import IceCandidate
    from signaling.channel import Channel

_logger = logging.getLogger(__name__)

#: Most messages that wait for the channel to take them (ours).
_OUTBOX: Final = 1024
#: Descriptions refused in a row, by either side, before negotiation fails (ours).
_MAX_REFUSALS: Final = 3
#: Seconds to send the remaining messages when negotiation fails (ours).
_FLUSH_TIMEOUT: Final = 1.0
#: Seconds between two tries to bind sockets for an ICE restart, and how many may fail in a row:
#: two minutes without any network (ours).
_UNBOUND_DELAY: Final = 2.0
_MAX_UNBOUND: Final = 60
_ROLLBACK: Final = SessionDescription(sdp="", type=SdpType.ROLLBACK)


class CandidateEvent(Protocol):
    """The argument of an `icecandidate` handler."""

    @property
    def candidate(self) -> IceCandidate | None: ...


class OutgoingPhraseMessage(Protocol):
    """The argument of a `phrasemessage` handler."""

    @property
    def message(self) -> str: ...


class Negotiable(Restartable, Protocol):
    """The part of a PeerConnection that a Negotiator drives."""

    @property
    def localDescription(self) -> SessionDescription | None: ...
    @property
    def remoteDescription(self) -> SessionDescription | None: ...
    @property
    def currentLocalDescription(self) -> SessionDescription | None: ...
    @property
    def currentRemoteDescription(self) -> SessionDescription | None: ...
    async def createAnswer(self) -> SessionDescription: ...
    async def setLocalDescription(
        self, description: SessionDescription | None = None, /
    ) -> None: ...
    async def setRemoteDescription(self, description: SessionDescription, /) -> None: ...
    async def addIceCandidate(self, candidate: IceCandidate | None, /) -> None: ...
    def add_phrase_message(self, message: str, /) -> None: ...
    @overload
    def on(self, event: Literal["icecandidate"], handler: Callable[[Any], object], /) -> object: ...
    @overload
    def on(
        self, event: Literal["phrasemessage"], handler: Callable[[Any], object], /
    ) -> object: ...
    @overload
    def on(
        self,
        event: Literal[
            "negotiationneeded",
            "signalingstatechange",
            "connectionstatechange",
            "iceconnectionstatechange",
        ],
        handler: Callable[[], object],
        /,
    ) -> object: ...
    def remove_listener(self, event: str, f: Callable[..., Any], /) -> Any: ...


class Negotiator:
    """Makes offers when they are needed, answers those of the peer, and trickles candidates.

    Both peers may change anything at any time. On glare the polite peer gives way: it rolls its
    own offer back, answers, and offers again. A connection whose channel was lost is taken over by
    another Negotiator over the next channel: it sends an offer again that was never answered, and
    the latest answer, which the peer may not have had; it answers what was never answered here.
    Where ICE fails, it is restarted (`IceRecovery`).

    How a call begins, `opening` says: with an offer, with an invitation to make one, or at the end
    that is called with provisional answers until `accept`. An invitation of the peer is answered by
    an offer of whatever was added here, which may be nothing: then the peer offers next.

    Args:
        pc: The connection, new or living; driven by nobody else until `run` ends.
        channel: Stays open when `run` ends.
        polite: True at exactly one of the two peers.
        opening: How this end takes part in the first exchange.
        on_ringing: Called once with `Opening.EARLY_ANSWER`, where the peer calls: its offer has
            been applied, and tracks that are added now are in the early answer; or it has sent an
            invitation, which is answered after `accept`.
        on_error: Called with the error where either peer refused a message of the other; the
            session stands as it was.
    """

    def __init__(
        self,
        pc: Negotiable,
        channel: Channel,
        *,
        polite: bool,
        opening: Opening = Opening.OFFER,
        on_ringing: Callable[[], object] | None = None,
        on_error: Callable[[PeerError | NegotiationError], None] | None = None,
    ) -> None:
        self._pc = pc
        self._channel = channel
        self._polite = polite
        self._on_error = on_error
        self._ignore_offer = False
        self._refusals = 0
        self._opening = Opening(opening)
        self._on_ringing = on_ringing
        self._accepted = self._opening is not Opening.EARLY_ANSWER
        self._is_offer_needed = False
        self._is_invited = False
        self._awake = asyncio.Event()
        self._closed = asyncio.Event()
        # One description at a time takes the place of W3C's makingOffer and
        # isSettingRemoteAnswerPending: its holder sees the true signalling state.
        self._exchange = asyncio.Lock()
        self._outbox: deque[PeerMessage] = deque()
        self._posted = asyncio.Event()
        self._queued_candidates: deque[Candidate] | None = None
        self._overflowed = asyncio.Event()
        # The o= line of an offer that was answered at the takeover, until its sender has spoken.
        self._answered_origin: str | None = None
        self._recovery = IceRecovery(pc, polite=polite, on_given_up=self._report)
        self._listeners: Final[dict[str, Callable[..., Any]]] = {
            "negotiationneeded": self._need_offer,
            "icecandidate": self._on_candidate,
            "phrasemessage": self._on_phrase_message,
            "signalingstatechange": self._on_state,
            "connectionstatechange": self._on_state,
            "iceconnectionstatechange": self._on_state,
        }
        pc.on("negotiationneeded", self._need_offer)
        pc.on("icecandidate", self._on_candidate)
        pc.on("phrasemessage", self._on_phrase_message)
        pc.on("signalingstatechange", self._on_state)
        pc.on("connectionstatechange", self._on_state)
        pc.on("iceconnectionstatechange", self._on_state)

    def __repr__(self) -> str:
        role = "polite" if self._polite else "impolite"
        return f"<Negotiator {role} {self._pc.signalingState} outbox={len(self._outbox)}>"

    def accept(self) -> None:
        """Send the final answer to the peer's offer, where `Opening.EARLY_ANSWER` held it back.

        Called before the peer has called, it is answered at once when it does. From now on this end
        makes offers as well.
        """
        self._accepted = True
        self._awake.set()

    async def run(self) -> None:
        """Negotiate until the channel or the connection is closed; to be called once.

        Raises:
            ChannelLost: The channel broke. The connection lives on, and can change again once
                another Negotiator runs over another channel.
            NegotiationError: Three descriptions in a row were refused.
            PeerError: This end could not carry out a description, for example IceError.
        """
        self._on_state()
        try:
            await self._take_over()
            await first_of(
                self._receive(),
                self._offer_when_needed(),
                self._send(),
                self._recovery.run(),
                self._fail_on_overflow(),
                self._closed.wait(),
            )
        except ChannelLost:
            raise
        except ChannelClosed:
            return
        except NegotiationError:
            if not self._overflowed.is_set():
                await self._flush()
            raise
        except InvalidStateError:
            # Closed in the middle of an operation.
            if self._pc.signalingState is not SignalingState.CLOSED:
                raise
        finally:
            for event, listener in self._listeners.items():
                self._pc.remove_listener(event, listener)

    async def _take_over(self) -> None:
        """Send what a former Negotiator of the connection owes to the peer."""
        match self._pc.signalingState:
            case SignalingState.HAVE_LOCAL_OFFER | SignalingState.HAVE_REMOTE_PRANSWER:
                # Not rolled back: the peer may have accepted it, and only the answer was lost.
                local = self._pc.localDescription
                assert local is not None
                _logger.info("negotiation: an offer that has no answer is sent again")
                # First of all, with the candidates that wait behind it.
                self._outbox.appendleft(description(local))
                self._repeat_answer()
            case SignalingState.HAVE_REMOTE_OFFER | SignalingState.HAVE_LOCAL_PRANSWER:
                remote = self._pc.remoteDescription
                assert remote is not None
                _logger.info("negotiation: an offer that was left without an answer is answered")
                self._answered_origin = _origin(remote.sdp)
                await self._answer_or_ring()
            case SignalingState.STABLE:
                self._repeat_answer()
                if self._waits_for_offer():
                    _logger.info("negotiation: the peer is invited to offer")
                    self._post(Invite())
            case SignalingState.CLOSED:
                return
            case state:
                assert_never(state)

    def _repeat_answer(self) -> None:
        """Send the latest answer again, ahead of all else.

        Where it was lost its receiver waits for it, and would give way to an offer of ours that is
        made of what it does not have. Where it was not, it is known by the offer that it answers.
        """
        answer, offer = self._pc.currentLocalDescription, self._pc.currentRemoteDescription
        if answer is None or offer is None or answer.type is not SdpType.ANSWER:
            return
        origin = _origin(offer.sdp)
        if origin is not None and len(origin) <= MAX_ORIGIN:
            self._answered_origin = origin
            again = Answer(sdp=answer.sdp, identity=answer.identity, answers=origin)
            self._outbox.appendleft(again)

    async def _receive(self) -> None:
        async for message in self._channel:
            async with self._exchange:
                await self._handle(message)

    async def _send(self) -> None:
        while True:
            self._posted.clear()
            await self._send_posted()
            await self._posted.wait()

    async def _send_posted(self) -> None:
        while self._outbox:
            await self._channel.send(self._outbox[0])
            self._outbox.popleft()

    async def _flush(self) -> None:
        # So that the peer learns of the last refusal; no longer than that is worth.
        with suppress(ChannelClosed, TimeoutError):
            async with asyncio.timeout(_FLUSH_TIMEOUT):
                await self._send_posted()

    async def _fail_on_overflow(self) -> None:
        await self._overflowed.wait()
        raise NegotiationError(f"{_OUTBOX} messages wait, and the channel takes none")

    async def _offer_when_needed(self) -> None:
        unbound = 0
        while True:
            await self._awake.wait()
            async with self._exchange:
                self._awake.clear()
                if self._pc.signalingState is SignalingState.HAVE_LOCAL_PRANSWER and self._accepted:
                    _logger.info("negotiation: accepted, so that the final answer is sent")
                    await self._answer()
                    continue
                if self._pc.signalingState is not SignalingState.STABLE:
                    # It is asked for again when the exchange is over (W3C webrtc-pc section 4.7.3).
                    self._is_offer_needed = False
                    continue
                if not self._may_offer():
                    continue
                self._is_offer_needed = self._is_invited = False
                try:
                    await self._describe()
                    unbound = 0
                except IceError as error:
                    unbound += 1
                    if not self._recovery.is_path_gone or unbound > _MAX_UNBOUND:
                        raise
                    # A laptop without any network binds nothing, and nothing has changed: the
                    # request for a restart stands.
                    _logger.info("negotiation: no restart can be offered yet: %s", error)
            if unbound:
                await asyncio.sleep(_UNBOUND_DELAY)
                self._need_offer()

    def _may_offer(self) -> bool:
        if not self._accepted:
            return False
        return self._is_invited or (self._is_offer_needed and not self._waits_for_offer())

    def _waits_for_offer(self) -> bool:
        return self._opening is Opening.DELAYED_OFFER and self._pc.remoteDescription is None

    async def _describe(
        self, chosen: SessionDescription | None = None, *, send: bool = True
    ) -> None:
        # Candidates that appear before the description is on its way would arrive before it.
        with self._queueing_candidates():
            await self._pc.setLocalDescription(chosen)
            local = self._pc.localDescription
            if send and local is not None:
                self._post(description(local))

    @contextmanager
    def _queueing_candidates(self) -> Iterator[None]:
        self._queued_candidates = deque()
        try:
            yield
        finally:
            queued, self._queued_candidates = self._queued_candidates, None
            for candidate in queued:
                self._post(candidate)

    async def _handle(self, message: PeerMessage) -> None:
        match message:
            case Offer():
                await self._handle_offer(message)
            case Answer() | ProvisionalAnswer():
                await self._handle_answer(message)
            case Invite():
                self._handle_invite()
            case Candidate():
                await self._handle_candidate(message)
            case PhraseMessage():
                self._handle_phrase_message(message)
            case Error():
                await self._handle_error(message)
            case _:
                assert_never(message)

    async def _handle_offer(self, message: Offer) -> None:
        answered, self._answered_origin = self._answered_origin, None
        is_repeated = answered is not None and _origin(message.sdp) == answered
        collision = self._pc.signalingState is not SignalingState.STABLE
        if collision and is_repeated:
            # Its answer is on its way, and so is an offer of ours, which is made of both.
            return
        if self._pc.signalingState is SignalingState.HAVE_LOCAL_PRANSWER:
            self._handle_offer_while_ringing(message)
            return
        self._ignore_offer = collision and not self._polite
        if self._ignore_offer:
            return
        if self._pc.signalingState is SignalingState.HAVE_REMOTE_PRANSWER:
            self._refuse_unexpected("an offer where it has answered ours provisionally")
            return
        try:
            # In have-local-offer this rolls back our own offer first (RFC 9429 section 4.1.10.2).
            await self._pc.setRemoteDescription(message.session_description)
        except RemoteError as error:
            self._refuse(ErrorCode.BAD_DESCRIPTION, error)
            if collision:
                # The peer has ignored our offer, and takes its own back now.
                await self._roll_back()
            return
        self._is_invited = False
        if self._opening is not Opening.OFFER:
            # What was held back is in the answer, or asked for again after it.
            self._is_offer_needed = False
        # An offer that was sent again while our answer to it was on its way: it may have more
        # candidates, but its sender takes one answer only.
        await self._answer_or_ring(send=not is_repeated)

    async def _answer_or_ring(self, *, send: bool = True) -> None:
        if not self._accepted:
            self._ring()
        # A handler of the ringing may have accepted.
        await self._answer(send=send, is_final=self._accepted)

    async def _answer(self, *, send: bool = True, is_final: bool = True) -> None:
        was_early = self._pc.signalingState is SignalingState.HAVE_LOCAL_PRANSWER
        try:
            await self._describe(None if is_final else await self._early_answer(), send=send)
        except RemoteError as error:
            if was_early:
                raise NegotiationError(f"an early answer has no final one: {error}") from error
            await self._pc.setRemoteDescription(_ROLLBACK)
            self._refuse(ErrorCode.BAD_DESCRIPTION, error)
            return
        self._refusals = 0

    async def _early_answer(self) -> SessionDescription:
        _logger.info("negotiation: answered early, until this end accepts")
        return replace(await self._pc.createAnswer(), type=SdpType.PRANSWER)

    def _handle_offer_while_ringing(self, message: Offer) -> None:
        """Say the early answer again to who repeats its offer; there is no way back to another."""
        local, remote = self._pc.localDescription, self._pc.remoteDescription
        assert local is not None
        assert remote is not None
        if _origin(message.sdp) == _origin(remote.sdp):
            self._post(description(local))
        else:
            self._refuse_unexpected("an offer where its former one is answered provisionally")

    def _handle_invite(self) -> None:
        # In any other state an exchange is under way, which is what the peer asks for.
        if self._pc.signalingState is SignalingState.STABLE:
            self._is_invited = True
            if not self._accepted:
                self._ring()
            self._awake.set()

    def _ring(self) -> None:
        if self._on_ringing is not None:
            on_ringing, self._on_ringing = self._on_ringing, None
            on_ringing()

    async def _handle_answer(self, message: Answer | ProvisionalAnswer) -> None:
        if isinstance(message, Answer) and not self._may_wait_for(message):
            _logger.debug("negotiation: an answer that came again is left out")
            return
        if not self._is_offering():
            self._refuse_unexpected(f"an {message.type} where no offer is open")
            return
        self._ignore_offer = False
        try:
            await self._pc.setRemoteDescription(message.session_description)
        except RemoteError as error:
            self._refuse(ErrorCode.BAD_DESCRIPTION, error)
            # The final answer may be better than a provisional one.
            if isinstance(message, Answer):
                await self._roll_back()
            return
        self._refusals = 0

    async def _handle_candidate(self, message: Candidate) -> None:
        try:
            await self._pc.addIceCandidate(message.ice_candidate)
        except StaleCandidateError as error:
            # An ICE restart overtook it. Chromium gathers TCP candidates so late that its next
            # answer is on its way before them, and drops such candidates itself.
            _logger.debug("negotiation: left out: %s", error)
        except (RemoteError, InvalidStateError) as error:
            if self._pc.signalingState is SignalingState.CLOSED:
                raise
            # W3C webrtc-pc section 10.7: candidates of an offer that we ignored fit nothing here.
            if not self._ignore_offer:
                self._report(error)
                self._post(Error(code=ErrorCode.BAD_CANDIDATE, reason=str(error)[:MAX_REASON]))

    def _handle_phrase_message(self, message: PhraseMessage) -> None:
        try:
            self._pc.add_phrase_message(message.message)
        except RemoteError as error:
            self._report(error)
        except InvalidStateError:
            # Nobody compares a phrase here.
            _logger.debug("negotiation: a message for a phrase is left out")

    async def _handle_error(self, message: Error) -> None:
        self._report(NegotiationError(f"the peer says {message.code}: {message.reason}"))
        if message.code is ErrorCode.BAD_DESCRIPTION and self._is_offering():
            self._count_refusal(message.reason)
            await self._roll_back()

    def _may_wait_for(self, answer: Answer) -> bool:
        if answer.answers is None:
            return True
        offer = self._pc.localDescription
        return self._is_offering() and offer is not None and _origin(offer.sdp) == answer.answers

    def _is_offering(self) -> bool:
        return self._pc.signalingState in (
            SignalingState.HAVE_LOCAL_OFFER,
            SignalingState.HAVE_REMOTE_PRANSWER,
        )

    async def _roll_back(self) -> None:
        if self._pc.signalingState is SignalingState.HAVE_REMOTE_PRANSWER:
            # W3C webrtc-pc section 4.4.1.5: a provisional answer stands.
            raise NegotiationError("the peer has answered early, and there is no final answer")
        await self._pc.setLocalDescription(_ROLLBACK)
        self._need_offer()

    def _need_offer(self) -> None:
        self._is_offer_needed = True
        self._awake.set()

    def _refuse_unexpected(self, reason: str) -> None:
        self._report(NegotiationError(f"the peer sent {reason}"))
        self._post(Error(code=ErrorCode.UNEXPECTED, reason=reason))

    def _refuse(self, code: ErrorCode, error: RemoteError) -> None:
        self._report(error)
        self._post(Error(code=code, reason=str(error)[:MAX_REASON]))
        self._count_refusal(str(error))

    def _count_refusal(self, reason: str) -> None:
        self._refusals += 1
        if self._refusals >= _MAX_REFUSALS:
            raise NegotiationError(f"{_MAX_REFUSALS} descriptions in a row were refused: {reason}")

    def _report(self, error: PeerError | NegotiationError) -> None:
        _logger.warning("negotiation: %s", error)
        if self._on_error is not None:
            self._on_error(error)

    def _post(self, message: PeerMessage) -> None:
        if len(self._outbox) >= _OUTBOX:
            self._overflowed.set()
            return
        self._outbox.append(message)
        self._posted.set()

    def _on_candidate(self, event: CandidateEvent) -> None:
        candidate = Candidate.of(event.candidate)
        if self._queued_candidates is None:
            self._post(candidate)
        elif len(self._queued_candidates) < _OUTBOX:
            self._queued_candidates.append(candidate)
        else:
            self._overflowed.set()

    def _on_phrase_message(self, event: OutgoingPhraseMessage) -> None:
        self._post(PhraseMessage(message=event.message))

    def _on_state(self) -> None:
        self._recovery.on_state()
        if self._pc.signalingState is SignalingState.CLOSED:
            self._closed.set()


def _origin(sdp: str) -> str | None:
    """Return the o= line, which changes with each description of a peer (RFC 3264 section 8)."""
    return next((line for line in sdp.splitlines() if line.startswith("o=")), None)
