"""Plans and applies the descriptions of one connection, carries out effects, fires events.

`OfferAnswer` plans a description, `EffectExecutor` prepares its sockets, then the plan is committed
and its effects are applied. A failure before the commit leaves everything as it was.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Unpack
from weakref import WeakSet

from peer.errors import IceError, TransportError
from peer.events import (
    ConnectionEmitter,
    EventName,
    ForkEmitter,
    IceCandidateEvent,
    SdesKeysEvent,
    TrackEvent,
    UnencryptedEvent,
)
from peer.negotiation.decisions import nothing_agreed
from peer.negotiation.early_media import early_receptions
from peer.negotiation.effects import AnnounceTrack
from peer.negotiation.session import Side
from peer.rekey.manager import agreed_associations
from peer.runtime.candidate_events import CandidateEvents
from peer.runtime.connection_states import ConnectionStates
from peer.runtime.connection_tap import ConnectionTap
from peer.runtime.connection_transports import ConnectionTransports
from peer.runtime.effect_executor import EffectExecutor
from peer.runtime.forks import Forks
from peer.runtime.negotiation_needed import NegotiationNeeded
from peer.runtime.operations_chain import OperationsChain
from peer.runtime.origin import ConnectionOrigin, do_nothing, new_origin
from peer.runtime.peer_identity import PeerIdentity
from peer.runtime.rekey_control import RekeyControl
from peer.runtime.remote_tracks import RemoteTracks
from peer.runtime.transceiver_control import TransceiverControl
from peer.states import (
    ConnectionState,
    DtlsTransportState,
    IceGatheringState,
    MediaEncryption,
    SignalingState,
)
from peer.tracing.environment import environment_trace
from peer.tracing.events import Direction
from peer.tracing.tracer import Tracer
from peer.transceiver import RtpTransceiver
from peer.trust.gate import Unsigned
from peer.wake_up import WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from peer.configuration import PeerConfiguration
    from peer.descriptions import SessionDescription
    from peer.ice import CandidateFields, IceCandidate
    from peer.negotiation.application_changes import TransceiverChanges
    from peer.negotiation.effects import Effect
    from peer.negotiation.offer_answer import Plan
    from peer.negotiation.session import Session, Transceiver
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.sender import RtpSender
    from peer.rtp.tracks import MediaStreamTrack
    from peer.runtime.effect_executor import PreparedSockets
    from peer.runtime.peer_transport import PeerTransport
    from peer.tracing.events import ForkStep
    from peer.transport.ice.servers import ServerFailure
    from peer.transport.sctp.transport import DataChannel
    from peer.transports import DtlsTransport
    from peer.trust import SignedIdentity

#: Longest wait of `close` for a description that is being applied, in seconds (ours).
_CLOSE_TIMEOUT = 0.1


class ConnectionCore:
    """The working parts behind a `PeerConnection`, joined to one another.

    Args:
        configuration: The configuration of the connection.
        origin: What a fork begins with; None for new parts.

    Raises:
        ConfigurationError: The URL of a server cannot be used, or the key log not be written.
    """

    def __init__(
        self, configuration: PeerConfiguration, *, origin: ConnectionOrigin | None = None
    ) -> None:
        is_fork, origin = origin is not None, origin or new_origin(configuration)
        self.id, self.offer_answer = origin.id, origin.offer_answer
        self._on_closed = origin.on_closed
        file = environment_trace(self.id)
        sinks = [sink for sink in (configuration.trace, file) if sink is not None]
        self._tracer = Tracer(self.id, *sinks)
        self._tap = ConnectionTap(self._tracer, file)
        self.events = ForkEmitter() if is_fork else ConnectionEmitter()
        self.forks = Forks(self, configuration.max_forks)
        #: Of a fork: its own channels for those that were made before the offer.
        self.inherited_channels: tuple[DataChannel, ...] = ()
        self.chain = OperationsChain(on_empty=self.check_negotiation)
        try:
            self.identity = PeerIdentity(configuration, origin.certificates, self)
            self.executor = EffectExecutor(
                configuration, origin.certificates, self, self._tap, judge=self.identity.judge
            )
        except BaseException:
            # A configuration that is refused leaves no file open.
            self._tap.close()
            raise
        self.offer_answer.attest = self.identity.attest
        #: The signalling state as the application sees it.
        self.signaling_state = self.session.state
        self.states = ConnectionStates()
        self.rekeys = RekeyControl(self, configuration)
        #: The transports as applications see them, once one has asked.
        self._transports: ConnectionTransports | None = None
        self._candidates = CandidateEvents(self)
        self._remote_tracks = RemoteTracks()
        self._senders: WeakSet[RtpSender] = WeakSet()
        self._negotiation_needed = NegotiationNeeded(self)
        self._applying = False
        # Why m-sections of the last description of the peer were closed, by mid.
        self._rejections: dict[str, str] = {}
        #: The event loop that has the sockets, once there are some.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._state_change = WakeUp()
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        signaling = self.offer_answer.session.state
        states = f"{self.states.connection} signaling={signaling}"
        return f"<ConnectionCore {self.id} {states} transports={list(self.executor.transports)}>"

    @property
    def session(self) -> Session:
        """The session as it stands."""
        return self.offer_answer.session

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called."""
        return self.offer_answer.session.state is SignalingState.CLOSED

    @property
    def tap(self) -> ConnectionTap | None:
        """The tap where a sink or a logger takes events now; else None, and no event is made."""
        return self._tap if self._tracer.active else None

    @property
    def gathering_complete(self) -> bool:
        """Tell whether our description has all candidates that it will have."""
        transports = self.executor.transports.values()
        described = self.offer_answer.session.description(Side.LOCAL) is not None
        return (
            described
            and not self._candidates.unpublished
            and all(
                transport.gathering_state is IceGatheringState.COMPLETE for transport in transports
            )
        )

    @property
    def transports(self) -> ConnectionTransports:
        """The transports as applications see them."""
        if self._transports is None:
            self._transports = ConnectionTransports(self)
        return self._transports

    def _transport_of(self, transceiver: int) -> DtlsTransport | None:
        return self.transports.of_transceiver(transceiver)

    async def apply_description(self, side: Side, description: SessionDescription | None) -> None:
        """Apply a description, or leave everything as it is.

        Args:
            side: The end that the description is of.
            description: None for the offer or answer that the signalling state asks for.

        Raises:
            PeerError: The description cannot be applied.
        """
        self.loop = asyncio.get_running_loop()
        async with self.chain.operation():
            plan = self.plan(side, description)
            identity = await self.check_signature(side, plan, description)
            prepared = await self.executor.prepare(plan.prepare)
            try:
                # webrtc-pc section 4.4.1.5: a queued task changes the state, never the call itself.
                await asyncio.sleep(0)
                self.chain.check_open()
                before = self.offer_answer.session
                effects = self.offer_answer.commit(plan)
            except BaseException:
                await self.executor.discard(prepared)
                raise
            if _is_first_answer(side, before):
                self.forks.settle()
            self.identity.on_description(side, self.session, identity)
            self.carry_out(side, plan, before, effects, prepared)

    def carry_out(
        self,
        side: Side,
        plan: Plan,
        before: Session,
        effects: Sequence[Effect],
        prepared: Sequence[PreparedSockets],
    ) -> None:
        """Do in the world what a plan that was committed asks for, and tell of it.

        Args:
            side: The end that the description is of.
            plan: The plan.
            before: The session before it.
            effects: What is left to do.
            prepared: The sockets that were bound for it.
        """
        if side is Side.REMOTE:
            self._rejections = {e.mid: e.reason for e in plan.leniencies if e.mid is not None}
        if (tap := self.tap) is not None:
            tap.lenient(plan.leniencies)
            tap.negotiated(before, self.offer_answer.session)
        # Before the effects: a handshake that came before the answer is complete at once.
        self.rekeys.manager.on_associations_agreed(agreed_associations(before, effects))
        self._carry_out(effects, prepared)
        if self.session.state is not before.state:
            self._signal_state_changed(passing=_rolls_back(side, before, self.session))
        self.update_states()
        became = self.executor.mids_that_became
        if mids := became(MediaEncryption.NONE, effects, self.session):
            self.events.emit(EventName.UNENCRYPTED, UnencryptedEvent(mids))
        if mids := became(MediaEncryption.SDES_SRTP, effects, self.session):
            self.events.emit(EventName.SDES_KEYS, SdesKeysEvent(mids))
        self._remote_tracks.update(self.executor.transceivers, self.session)
        self._announce_tracks(effects)

    def abandon(self) -> None:
        """Let go of a fork whose answer was refused: it has no sockets yet."""
        self.offer_answer.close()
        self.chain.close()
        self.rekeys.manager.close()
        self._tap.close()

    async def add_candidate(self, candidate: IceCandidate | None) -> None:
        """Pass a candidate of the peer to its transport.

        Raises:
            InvalidStateError: There is no remote description, or the connection is closed.
            CandidateError: The candidate is malformed, or belongs to no m-section.
        """
        async with self.chain.operation():
            effects = self.offer_answer.add_candidate(candidate)
            if (tap := self.tap) is not None:
                tap.candidate(Direction.IN, candidate.candidate if candidate else "", key=None)
            self.executor.apply(effects)

    def add_transceiver(
        self,
        key: int,
        track: MediaStreamTrack | None = None,
        encodings: Sequence[RtpEncodingParameters] = (),
    ) -> RtpTransceiver:
        """Create the transceiver, sender and receiver of a transceiver that the session has.

        Args:
            key: The number of the transceiver in the session.
            track: The track to send, or None.
            encodings: How to encode it; empty for one encoding, or those that the session has.
        """
        # Not before: data needs none of RTP, which is a third of our modules.
        from peer.rtp.inbound.control import ReceiverControl
        from peer.rtp.outbound.control import SenderControl

        state = self.offer_answer.session.transceiver(key)
        if state is None:
            raise AssertionError("a transceiver is in the session before it has an object")
        sender = SenderControl(
            state.kind, track, ssrc=state.ssrc, rtx_ssrc=state.rtx_ssrc, encodings=encodings
        )
        sender.use_encodings([layer.rid for layer in state.layers])
        sender.on_streams(partial(self._change_streams, key))
        self._senders.add(sender.sender)
        receiver = ReceiverControl(state.kind)
        transceiver = RtpTransceiver(key, self, sender.sender, receiver.receiver)
        sender.sender.find_transport = receiver.receiver.find_transport = partial(
            self._transport_of, key
        )
        self.executor.transceivers[key] = TransceiverControl(key, transceiver, sender, receiver)
        return transceiver

    def check_open(self) -> None:
        """Raise an error where the connection is closed.

        Raises:
            InvalidStateError: The connection is closed.
        """
        self.chain.check_open()

    def check_negotiation(self) -> None:
        """Fire `negotiationneeded` once for each need (webrtc-pc section 4.7.3)."""
        self._negotiation_needed.check()

    def forget_announced_need(self) -> None:
        """Announce a need again to the next handler, as the one that knew of it has gone."""
        self._negotiation_needed.forget()

    async def wait_for(self, reached: Callable[[], bool], *, unless_failed: bool = False) -> None:
        """Wait until a condition holds.

        Args:
            reached: The condition, evaluated now and after each change of state.
            unless_failed: Whether to raise where the connection fails.

        Raises:
            TransportError: The connection failed, and `unless_failed` is true.
            InvalidStateError: The connection was closed.
        """
        while True:
            self.check_open()
            if reached():
                return
            if unless_failed:
                self._check_can_connect()
            await self._state_change.wait()

    def _check_can_connect(self) -> None:
        if self.states.connection is ConnectionState.FAILED:
            # One error serves several waiting callers: without the traceback of the last.
            raise self.failure.with_traceback(None)
        if (nothing := nothing_agreed(self.session, self._rejections)) is not None:
            raise TransportError(nothing)

    @property
    def failure(self) -> TransportError:
        """The reason why the connection failed."""
        errors = (transport.error for transport in self.executor.transports.values())
        return next((e for e in errors if e is not None), IceError("the connection failed"))

    async def close(self) -> None:
        """Close the connection within a moment, at any moment; safe to call twice."""
        self.events.expect_end()
        if self._closing is None:
            self.offer_answer.close()
            self.chain.close()
            self.rekeys.manager.close()
            self.executor.end_senders()
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
            self._signal_state_changed()
            self.update_states()
        # A caller that is cancelled leaves nothing behind.
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self.chain.drained()
        except TimeoutError:
            # The operation finds the connection closed when it goes on, and discards its sockets.
            pass
        finally:
            self.forks.close()
            await self.identity.close()
            await self.executor.close()
            await self.events.close()
            self._tap.close()
            on_closed, self._on_closed = self._on_closed, do_nothing
            on_closed()

    def transceiver_state(self, key: int) -> Transceiver | None:
        """Return the state of a transceiver in the session, or None where it has none."""
        return self.session.transceiver(key)

    def change_transceiver(self, key: int, **changes: Unpack[TransceiverChanges]) -> None:
        """Change what the next negotiation of a transceiver asks for."""
        self.check_open()
        self.offer_answer.change_transceiver(key, **changes)
        self.check_negotiation()

    def _change_streams(self, key: int, streams: Sequence[str]) -> None:
        self.check_open()
        if self.transceiver_state(key) is not None:
            self.change_transceiver(key, streams=streams)

    def has_made(self, sender: RtpSender) -> bool:
        """Tell whether a sender, which may have stopped, is of this connection."""
        return sender in self._senders

    async def stop_transceiver(self, key: int) -> None:
        """Stop a transceiver at once, and reject its m-section in the next negotiation."""
        self.check_open()
        control = self.executor.transceivers.get(key)
        if control is None:
            return
        self.executor.apply(self.offer_answer.stop_transceiver(key))
        self._remote_tracks.update(self.executor.transceivers, self.session)
        self.check_negotiation()
        # A caller that is cancelled leaves no media behind.
        await asyncio.shield(self.executor.stop_media(control))

    def restart_ice(self) -> None:
        """Request new ICE credentials with the next offer."""
        self.check_open()
        self.offer_answer.restart_ice()
        self.check_negotiation()

    def on_transport_candidate(
        self, transport: PeerTransport, generation: str, candidate: CandidateFields | None
    ) -> None:
        """Fire `icecandidate` for a local candidate; None is the end of a generation's."""
        self._candidates.on_candidate(transport, generation, candidate)

    def on_transport_server_failure(self, transport: PeerTransport, failure: ServerFailure) -> None:
        """Fire `icecandidateerror` for a STUN or TURN server that does not serve."""
        # `active` asks for INFO, and this is a warning.
        self._tap.server_failed(failure, key=transport.key)
        self._candidates.on_server_failure(transport, failure)

    def on_transport_state(self, transport: PeerTransport) -> None:
        """Update the states of the connection after those of a transport."""
        if transport.secure.state in (DtlsTransportState.FAILED, DtlsTransportState.CLOSED):
            self.rekeys.manager.on_transport_ended(transport.key, transport.error)
        if not self._applying:
            self.update_states()

    def on_transport_early_peer(
        self, transport: PeerTransport, generation: str, *, peer: str
    ) -> bool:
        """Judge a peer that checks before its answer, as several may that the offer has reached."""
        return self.forks.on_early_peer(transport, generation, peer=peer)

    def on_fork(self, step: ForkStep, fork: str = "") -> None:
        """Trace a step in the life of a fork of our offer."""
        if self.closed:
            return
        if (tap := self.tap) is not None:
            tap.fork(step, fork=fork, forks=self.forks.open)
        # A fork may have taken what its peer had begun here.
        self.update_states()

    def on_transport_restart_followed(self, transport: PeerTransport, generation: str) -> None:
        """Make the session name the ICE generation that carries data."""
        self.executor.apply(self.offer_answer.resolve_restart(transport.key, generation=generation))

    def on_transport_rekey_completed(self, transport: PeerTransport, association: int) -> None:
        """Make the session name the association whose keys are in use, and count the transport."""
        self._resolve_association(transport, association, in_use=True)
        self.rekeys.manager.on_association_completed(transport.key, association)

    def on_transport_rekey_failed(
        self, transport: PeerTransport, association: int, *, reason: str
    ) -> None:
        """Make the session name the former association again, whose keys stay in use."""
        self._resolve_association(transport, association, in_use=False)
        self.rekeys.manager.on_association_failed(transport.key, association, reason=reason)

    def on_transport_early_media(self, transport: PeerTransport) -> None:
        """Start the receivers of our offer, because media may come before the answer."""
        self.executor.receive_early(
            transport, early_receptions(self.offer_answer.session, transport.key)
        )

    def on_channel(self, channel: DataChannel) -> None:
        """Fire `datachannel` for a channel that the peer opened."""
        self.events.emit_channel(channel)

    def on_data_state(self) -> None:
        """Fire the events of the transports whose states have changed."""
        if self._transports is not None and not self._applying:
            self._transports.on_change()

    def plan(self, side: Side, description: SessionDescription | None) -> Plan:
        """Plan a description, and trace it where it is refused.

        Raises:
            PeerError: The description cannot be applied.
        """
        with self._tap.refusals(self.offer_answer, side, description):
            return self.offer_answer.plan(side, description)

    async def check_signature(
        self, side: Side, plan: Plan, description: SessionDescription | None
    ) -> SignedIdentity | Unsigned:
        """Check who has signed a description of the peer.

        Raises:
            IdentityError: It is not signed as it has to be; nothing has changed.
        """
        if side is Side.LOCAL or description is None:
            return Unsigned.TAKEN
        with self._tap.refusals(self.offer_answer, side, description):
            return await self.identity.check(plan, getattr(description, "identity", None))

    def _carry_out(self, effects: Iterable[Effect], prepared: Sequence[PreparedSockets]) -> None:
        """Apply the effects of a committed plan; events are fired only after that."""
        self._applying = True
        try:
            self.executor.adopt(prepared)
            self.executor.apply(effects)
        finally:
            self._applying = False
        self.executor.keep_certificates(self.offer_answer.session)
        self._candidates.publish_soon(prepared)
        # Whether an offer is needed depends on what was just agreed on.
        self._negotiation_needed.settle()

    def _announce_tracks(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, AnnounceTrack):
                control = self.executor.transceivers[effect.transceiver]
                receiver, resumed = control.transceiver.receiver, control.announced
                control.announced = True
                event = TrackEvent(
                    receiver.track,
                    receiver,
                    control.transceiver,
                    effect.streams,
                    resumed,
                    self._remote_tracks.streams_of(effect.transceiver),
                )
                self.events.emit(EventName.TRACK, event)

    def _signal_state_changed(self, *, passing: bool = False) -> None:
        """Fire `signalingstatechange`, twice where the state passes through `stable`."""
        self._trace_states()
        if passing:
            self.signaling_state = SignalingState.STABLE
            self.events.emit(EventName.SIGNALING_STATE_CHANGE)
        self.signaling_state = self.session.state
        self.events.emit(EventName.SIGNALING_STATE_CHANGE)

    def _trace_states(self) -> None:
        """Trace the states before any handler can change them."""
        has_failed = self.states.connection is ConnectionState.FAILED
        # A failure is a warning, which is logged where nothing else is.
        if self.tap is None and not has_failed:
            return
        states = {"signalingState": self.offer_answer.session.state, **self.states.by_name()}
        errors = {key: transport.error for key, transport in self.executor.transports.items()}
        self._tap.states(states, errors)

    def update_states(self) -> None:
        """Derive the states of the connection anew, and fire the events of those that changed."""
        changed = self.states.update(self.executor.transports.values(), closed=self.closed)
        self._trace_states()
        self.on_data_state()
        for event in changed:
            self.events.emit(event)
        if EventName.ICE_GATHERING_STATE_CHANGE in changed and (
            self.states.gathering is IceGatheringState.COMPLETE
        ):
            # webrtc-pc section 4.4.1.3: the null candidate follows the last of all.
            self.events.emit(EventName.ICE_CANDIDATE, IceCandidateEvent(None))
        if self.states.connection is ConnectionState.CONNECTED:
            self.rekeys.manager.on_connected()
        self.wake()

    def wake(self) -> None:
        """Let each waiting `wait_for` look at its condition again."""
        self._state_change.set()
        self._state_change.clear()

    def _resolve_association(
        self, transport: PeerTransport, association: int, *, in_use: bool
    ) -> None:
        key = transport.key
        self.executor.apply(self.offer_answer.resolve_association(key, association, in_use=in_use))
        self.executor.keep_certificates(self.offer_answer.session)
        # A request for new keys waits while a rekey is under way.
        self.check_negotiation()


def _is_first_answer(side: Side, before: Session) -> bool:
    """Tell whether a description that was applied is the answer to the first offer, of ours."""
    is_answer = side is Side.REMOTE and before.state is SignalingState.HAVE_LOCAL_OFFER
    return is_answer and not before.stable_transports


def _rolls_back(side: Side, before: Session, after: Session) -> bool:
    """Tell whether an offer of the peer has rolled ours back (webrtc-pc section 4.4.1.5)."""
    is_offer = side is Side.REMOTE and after.state is SignalingState.HAVE_REMOTE_OFFER
    return is_offer and before.state is SignalingState.HAVE_LOCAL_OFFER
