"""Owns the running of one connection: OfferAnswer decides, the world acts, the states follow.

A description is planned, its transports are prepared, then it is committed and carried out. A
failure before the commit leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from typing import TYPE_CHECKING

from peer.candidates import IceCandidate
from peer.errors import DescriptionError, IceError, InvalidStateError
from peer.events import (
    ConnectionEmitter,
    DataChannelEvent,
    EventName,
    IceCandidateEvent,
    TrackEvent,
)
from peer.identity.certificate import Certificate
from peer.identity.certificate_store import CertificateStore
from peer.negotiation.early_media import early_receptions
from peer.negotiation.effects import AnnounceTrack
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.profile import Profile
from peer.negotiation.signaling_state import Side
from peer.rekey.associations import agreed_associations
from peer.rekey.manager import RekeyManager
from peer.rtp.capabilities import capabilities
from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.outbound.sender import RtpSender
from peer.rtp_parameters import MediaKind
from peer.runtime.connection_states import ConnectionStates
from peer.runtime.connection_tap import ConnectionTap
from peer.runtime.effect_executor import EffectExecutor
from peer.runtime.operations import OperationsChain
from peer.runtime.rekey_host import ConnectionRekeyHost
from peer.states import ConnectionState, DtlsTransportState, IceGatheringState, SignalingState
from peer.tracing.tracer import Tracer
from peer.transceiver import RtpTransceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from peer.candidates import CandidateFields
    from peer.configuration import PeerConfiguration
    from peer.descriptions import SessionDescription
    from peer.errors import TransportError
    from peer.negotiation.effects import Effect
    from peer.negotiation.offer_answer import Plan
    from peer.negotiation.sdp.attributes import MediaDirection
    from peer.negotiation.session import Transceiver
    from peer.rekey.result import RekeyResult
    from peer.rtp.tracks import MediaStreamTrack
    from peer.runtime.peer_transport import PeerTransport
    from peer.runtime.prepared_sockets import PreparedSockets
    from peer.transport.sctp.transport import DataChannel

#: How long a description that is being applied may hold up the close, in seconds.
_PATIENCE = 0.1


class ConnectionCore:
    """Everything behind a `PeerConnection`.

    Args:
        configuration: Of the connection.
    """

    def __init__(self, configuration: PeerConfiguration) -> None:
        configured = next(iter(configuration.certificates), None)
        certificates = CertificateStore(configured or Certificate.generate())
        self.offer_answer = OfferAnswer(
            Profile(
                capabilities={kind: capabilities(kind) for kind in MediaKind},
                fingerprints=certificates.first,
                cname=str(uuid.uuid4()),
                random=secrets.token_bytes,
                bundle_policy=configuration.bundlePolicy,
                answer_role=configuration.answer_role,
                limits=configuration.sdp_limits,
                max_candidates=configuration.max_candidates,
                accepted_hashes=configuration.security.accepted_hashes,
            )
        )
        trace = configuration.trace
        self._tap = None if trace is None else ConnectionTap(Tracer(trace))
        self.events = ConnectionEmitter()
        self.chain = OperationsChain(on_empty=self.check_negotiation)
        self.executor = EffectExecutor(configuration, certificates, self, self._tap)
        self.states = ConnectionStates()
        self.rekeying = RekeyManager(
            ConnectionRekeyHost(self, configured), configuration.rekey_after
        )
        self._announced = False
        self._applying = False
        self._changed = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self.offer_answer.session.state is SignalingState.CLOSED

    @property
    def gathered(self) -> bool:
        """Whether our description has all candidates that it will have."""
        described = self.offer_answer.session.description(Side.LOCAL) is not None
        complete = IceGatheringState.COMPLETE
        return described and all(
            b.gathering_state is complete for b in self.executor.transports.values()
        )

    async def describe(self, side: Side, description: SessionDescription | None) -> None:
        """Apply a description, or leave everything as it is.

        Raises:
            PeerError: It cannot be applied.
        """
        async with self.chain.operation():
            plan = self._plan(side, description)
            prepared = await self.executor.prepare(plan.prepare)
            before = self.offer_answer.session
            try:
                self.chain.check_open()
                effects = self.offer_answer.commit(plan)
            except BaseException:
                await self.executor.discard(prepared)
                raise
            if self._tap is not None:
                self._tap.negotiated(before, self.offer_answer.session)
            # Before it is carried out: a handshake that came before the answer is complete at once.
            self.rekeying.on_associations_agreed(agreed_associations(before, effects))
            self._carry_out(effects, prepared)
            if self.offer_answer.session.state is not before.state:
                self._signal_state_changed()
            self._update_states()
            self._announce_tracks(effects)

    async def add_candidate(self, candidate: IceCandidate | None) -> None:
        """Hand a candidate of the peer to the transport that it belongs to."""
        async with self.chain.operation():
            self.executor.apply(self.offer_answer.add_candidate(candidate))

    def make_transceiver(self, key: int, track: MediaStreamTrack | None = None) -> RtpTransceiver:
        """Make the object of a transceiver that negotiation knows."""
        state = self.offer_answer.session.transceiver(key)
        if state is None:
            raise AssertionError("a transceiver is known to negotiation before it has an object")
        sender = RtpSender(state.kind, track)
        sender.ssrc, sender.rtx_ssrc = state.ssrc, state.rtx_ssrc
        receiver = ReceiverControl(state.kind)
        transceiver = RtpTransceiver(key, self, sender, receiver.receiver)
        self.executor.transceivers[key] = transceiver
        self.executor.receivers[key] = receiver
        return transceiver

    def check_open(self) -> None:
        """Raise InvalidStateError where the connection is closed."""
        self.chain.check_open()

    def check_negotiation(self) -> None:
        """Fire `negotiationneeded` once for each need (webrtc-pc section 4.7.3)."""
        if self.closed or not self.chain.empty:
            return
        if not self.offer_answer.negotiation_needed:
            if self.offer_answer.session.state is SignalingState.STABLE:
                self._announced = False
            return
        if not self._announced:
            asyncio.get_running_loop().call_soon(self._announce)

    async def wait_for(self, reached: Callable[[], bool], *, unless_failed: bool = False) -> None:
        """Wait until something holds; it is asked again after each change of state.

        Raises:
            TransportError: The connection failed, and that was not to be waited through.
            InvalidStateError: The connection was closed.
        """
        while True:
            self.check_open()
            if reached():
                return
            if unless_failed and self.states.connection is ConnectionState.FAILED:
                # Without the frames of whoever has waited for it before.
                raise self.failure.with_traceback(None)
            await self._changed.wait()

    @property
    def failure(self) -> TransportError:
        """Why the connection failed."""
        errors = (transport.error for transport in self.executor.transports.values())
        return next((e for e in errors if e is not None), IceError("the connection failed"))

    async def close(self) -> None:
        """End everything within a moment; any number of times, at any moment."""
        self.events.expect_end()
        if self._closing is None:
            self.offer_answer.close()
            self.chain.close()
            self.rekeying.close()
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
            self._signal_state_changed()
            self._update_states()
        # A caller that is cancelled leaves nothing behind.
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.chain.drained()
        except TimeoutError:
            # It finds the connection closed when it goes on, and takes back what it has prepared.
            pass
        finally:
            await self.executor.close()
            await self.events.close()

    def transceiver_state(self, key: int) -> Transceiver | None:
        """From a transceiver: what negotiation knows of it."""
        return self.offer_answer.session.transceiver(key)

    def change_direction(self, key: int, direction: MediaDirection) -> None:
        """From a transceiver: another direction is wished for."""
        self.check_open()
        self.offer_answer.change_transceiver(key, direction=direction)
        self.check_negotiation()

    def prefer_codecs(self, key: int, mime_types: Sequence[str]) -> None:
        """From a transceiver: other codecs are wished for."""
        self.check_open()
        self.offer_answer.change_transceiver(key, preferences=mime_types)

    async def stop_transceiver(self, key: int) -> None:
        """From a transceiver: its m-section is to go."""
        self.check_open()
        transceiver = self.executor.transceivers.get(key)
        if transceiver is None:
            return
        receiver = self.executor.receivers[key]
        self.executor.apply(self.offer_answer.stop_transceiver(key))
        self.check_negotiation()
        await transceiver.sender.stop()
        await receiver.stop()

    def restart_ice(self) -> None:
        """Wish for fresh ICE credentials."""
        self.check_open()
        self.offer_answer.restart_ice()
        self.check_negotiation()

    async def rekey(self, certificate: Certificate | None) -> RekeyResult:
        """Change the keys of all transports; see `PeerConnection.rekey`."""
        self.check_open()
        if self.states.connection is not ConnectionState.CONNECTED:
            raise InvalidStateError(
                f"the keys of a connection that is {self.states.connection.value!r} cannot change"
            )
        return await self.rekeying.request("it was asked for here", certificate)

    def on_transport_candidate(
        self, transport: PeerTransport, generation: str, candidate: CandidateFields | None
    ) -> None:
        """From a transport: a local candidate, or None at their end."""
        mid, index = self._place(transport.key)
        text = "" if candidate is None else str(candidate)
        found = IceCandidate(text, mid, index, generation)
        # In a later turn: first the application sends the description that it belongs to.
        asyncio.get_running_loop().call_soon(self._tell_candidate, transport, found)

    def on_transport_state(self, transport: PeerTransport) -> None:
        """From a transport: some state of it has changed."""
        if transport.secure.state in (DtlsTransportState.FAILED, DtlsTransportState.CLOSED):
            self.rekeying.on_transport_ended(transport.key, transport.error)
        if not self._applying:
            self._update_states()

    def on_transport_replaced(self, transport: PeerTransport, association: int) -> None:
        """From a transport: new keys are in use."""
        self._settle(transport, association, replaced=True)
        self.rekeying.on_association_completed(transport.key, association)

    def on_transport_kept(self, transport: PeerTransport, association: int, reason: str) -> None:
        """From a transport: the former keys stay in use."""
        self._settle(transport, association, replaced=False)
        self.rekeying.on_association_failed(transport.key, association, reason=reason)

    def on_transport_early(self, transport: PeerTransport) -> None:
        """From a transport: media may come before the answer."""
        self.executor.receive_early(
            transport, early_receptions(self.offer_answer.session, transport.key)
        )

    def on_channel(self, channel: DataChannel) -> None:
        """From the executor: the peer opened a data channel."""
        self.events.emit(EventName.DATA_CHANNEL, DataChannelEvent(channel))

    def _plan(self, side: Side, description: SessionDescription | None) -> Plan:
        try:
            return self.offer_answer.plan(side, description)
        except DescriptionError as error:
            if self._tap is not None:
                self._tap.refused(self.offer_answer.session, error)
            raise

    def _carry_out(self, effects: Iterable[Effect], prepared: Iterable[PreparedSockets]) -> None:
        """Make the world follow what was committed; handlers are called when it has."""
        self._applying = True
        try:
            self.executor.adopt(prepared)
            self.executor.apply(effects)
            for each in prepared:
                each.publish()
        finally:
            self._applying = False
        self.executor.keep_certificates(self.offer_answer.session)
        # A need that arose before is judged anew by what was just agreed.
        if self.offer_answer.session.state is SignalingState.STABLE:
            self._announced = False

    def _announce_tracks(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, AnnounceTrack):
                transceiver = self.executor.transceivers[effect.transceiver]
                receiver = transceiver.receiver
                event = TrackEvent(receiver.track, receiver, transceiver, effect.streams)
                self.events.emit(EventName.TRACK, event)

    def _announce(self) -> None:
        # Where an operation runs by now, it is asked again at its end.
        due = self.chain.empty and self.offer_answer.negotiation_needed
        if due and not self._announced and not self.closed:
            # A need that nobody hears of yet is told to the first who listens.
            self._announced = self.events.emit(EventName.NEGOTIATION_NEEDED)

    def _signal_state_changed(self) -> None:
        self._trace_states()
        self.events.emit(EventName.SIGNALING_STATE_CHANGE)

    def _trace_states(self) -> None:
        """Before any handler can change them."""
        if self._tap is None:
            return
        states = {"signalingState": self.offer_answer.session.state, **self.states.by_name()}
        errors = {key: transport.error for key, transport in self.executor.transports.items()}
        self._tap.states(states, errors)

    def _update_states(self) -> None:
        changed = self.states.update(self.executor.transports.values(), closed=self.closed)
        self._trace_states()
        for event in changed:
            self.events.emit(event)
        if EventName.ICE_GATHERING_STATE_CHANGE in changed and (
            self.states.gathering is IceGatheringState.COMPLETE
        ):
            # webrtc-pc section 4.4.1.3: the null candidate follows the last of all.
            self.events.emit(EventName.ICE_CANDIDATE, IceCandidateEvent(None))
        if self.states.connection is ConnectionState.CONNECTED:
            self.rekeying.on_connected()
        # Whoever waits looks for himself.
        self._changed.set()
        self._changed.clear()

    def _settle(self, transport: PeerTransport, association: int, *, replaced: bool) -> None:
        key = transport.key
        self.executor.apply(
            self.offer_answer.resolve_association(key, association, in_use=replaced)
        )
        self.executor.keep_certificates(self.offer_answer.session)
        # A wish for new keys waits while some are on their way.
        self.check_negotiation()

    def _place(self, key: str) -> tuple[str | None, int | None]:
        """The first m-section that a transport carries."""
        session = self.offer_answer.session
        for index, section in enumerate(session.layout):
            if section.mid is not None and session.route(section.mid) == key:
                return section.mid, index
        return None, None

    def _tell_candidate(self, transport: PeerTransport, candidate: IceCandidate) -> None:
        if self.closed or self.executor.transports.get(transport.key) is not transport:
            return
        self.events.emit(EventName.ICE_CANDIDATE, IceCandidateEvent(candidate))
        if not candidate.candidate and transport.told_all(candidate.usernameFragment):
            self._update_states()
