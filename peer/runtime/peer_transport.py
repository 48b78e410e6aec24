"""Stacks one transport of a connection: ICE, DTLS and SRTP above it, RTP or SCTP on top.

A datagram runs through an `IceGeneration` (validated sources only) -> `SecureTransport.receive` ->
`RtpEngine.on_rtp`, `on_rtcp`, or `_on_data` -> SCTP. An ICE restart
replaces the generation below, a rekey the DTLS association in the middle; the parts above see
neither. libwebrtc calls this a `JsepTransport`; without BUNDLE a connection has several.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Protocol, assert_never

from peer.bounded import append_last
from peer.configuration import IcePolicy
from peer.configuration.announced_addresses import AddressTranslation
from peer.configuration.security_policy import EarlyMedia
from peer.ice import DefaultDestination, default_candidate
from peer.negotiation.effects import (
    AddCandidates,
    ConnectDtls,
    ConnectIce,
    ConnectWithoutIce,
    DropAssociation,
    DropGeneration,
    ExpectKeys,
    Listen,
    SendUnencrypted,
    UseSdesKeys,
)
from peer.negotiation.session import GatheredCandidates
from peer.runtime.rtcp_transport import RtcpTransport, start_path
from peer.runtime.transport_judge import JudgeOfTransport
from peer.states import DtlsTransportState, IceGatheringState, IceTransportState
from peer.transport.ice.generations import IceGenerations
from peer.transport.ice.transport import IceGeneration
from peer.transport.interfaces import PacketHandlers
from peer.transport.secure.transport import SecureTransport
from peer.trust.level import UNKNOWN_PEER
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.configuration import PeerConfiguration
    from peer.errors import DtlsError, TransportError
    from peer.ice import CandidateFields, IceParameters
    from peer.identity.certificate import CertificateStore
    from peer.negotiation.effects import OpenTransport, TransportEffect
    from peer.rtp.engine.engine import RtpEngine
    from peer.transport.context import PeerJudge, TransportContext
    from peer.transport.ice.servers import ServerFailure
    from peer.transport.ice.transport import IceEvents
    from peer.transport.interfaces import MakeFreshPath
    from peer.transport.sctp.transport import DataTransport
    from peer.transport.tap import Tap
    from peer.transport.wire.stun_embedding import StunEmbedding
    from peer.transports import DtlsTransport
    from peer.trust.level import PeerTrust


#: Number of newest ICE generations whose candidates are kept; the session names two at most (ours).
_GENERATIONS = 4


class PeerTransportEvents(Protocol):
    """The events that a transport reports to its connection."""

    def on_transport_candidate(
        self, transport: PeerTransport, generation: str, candidate: CandidateFields | None
    ) -> None:
        """Handle a local candidate; None when the generation will have no more."""

    def on_transport_server_failure(self, transport: PeerTransport, failure: ServerFailure) -> None:
        """Handle a STUN or TURN server that does not serve."""

    def on_transport_state(self, transport: PeerTransport) -> None:
        """Handle a changed state of ICE or DTLS."""

    def wake(self) -> None:
        """Let those who wait for something look again, as a pair may be nominated."""

    def on_transport_early_peer(
        self, transport: PeerTransport, generation: str, *, peer: str
    ) -> bool:
        """Handle a check of a peer before its answer.

        Returns:
            Whether the transport is not to serve it, as that is for a fork.
        """

    def on_transport_early_media(self, transport: PeerTransport) -> None:
        """Prepare for media of a peer whose certificate is not verified yet."""

    def on_transport_restart_followed(self, transport: PeerTransport, generation: str) -> None:
        """Handle an ICE generation that the peer is in, though its answer did not say so."""

    def on_transport_rekey_completed(self, transport: PeerTransport, association: int) -> None:
        """Handle new keys in both directions, those of this association after the first."""

    def on_transport_rekey_failed(
        self, transport: PeerTransport, association: int, *, reason: str
    ) -> None:
        """Handle an abandoned association; the former association stays in use."""


class PeerTransport:
    """One ICE, DTLS and SRTP transport of a connection.

    `open` starts to gather candidates; the effects of descriptions start ICE and DTLS.

    Args:
        effect: The key of the transport and our ICE credentials.
        certificates: The certificates that DTLS associations show.
        configuration: ICE servers, ICE policy, interfaces and security choices.
        events: The connection.
        context: Security policy, trace and key log of this transport.
        rtcp_context: Those of RTCP on a port of its own; None where that is not accepted.
    """

    def __init__(
        self,
        effect: OpenTransport,
        certificates: CertificateStore,
        configuration: PeerConfiguration,
        events: PeerTransportEvents,
        *,
        context: TransportContext,
        rtcp_context: TransportContext | None = None,
    ) -> None:
        self.key = effect.key
        #: As far as the application was told, a moment after ICE knows it.
        self.gathering_state = IceGatheringState.NEW
        self._accepts_early_media = configuration.early_media is EarlyMedia.UNVERIFIED
        self._certificates = certificates
        self._configuration = configuration
        self._events = events
        self._tap = tap = context.tap
        #: Where a peer without ICE receives, as it described it last.
        self._peer_address: str | None = None
        #: The newest generation of which the application has a description.
        self.published_generation: str | None = None
        #: The transport as applications see it, once one has asked.
        self.seen_as: DtlsTransport | None = None
        self._generations = [effect.local.username_fragment]
        self._when_connected: dict[str, Callable[[], None]] = {}
        self._if_failed: list[Callable[[], None]] = []
        self._closing: asyncio.Task[None] | None = None
        self._judge = None if context.judge is None else JudgeOfTransport(context.judge)
        context = replace(context, judge=self._judge)
        self._rtcp_error: DtlsError | None = None
        self.secure = secure = SecureTransport(
            key=effect.key, certificate=certificates.newest, events=self, context=context
        )
        make_ice = functools.partial(self._make_ice, secure=secure, embedding=context.embedding)
        self.ice = IceGenerations(effect.local, make=make_ice, events=self, tap=tap)
        self.made_engine: RtpEngine | None = None
        self._handlers = PacketHandlers(
            on_rtp=lambda packet, arrival: self.engine.on_rtp(packet, arrival),
            on_rtcp=lambda packet: self.engine.on_rtcp(packet),
            on_data=self._on_data,
        )
        secure.attach(self.ice, self._handlers)
        self.data: DataTransport | None = None
        self._rtcp_closing: asyncio.Task[None] | None = None
        self.rtcp: RtcpTransport | None = None
        if rtcp_context is not None:
            self.rtcp = RtcpTransport(
                f"{effect.key}-rtcp",
                certificates,
                make=self._make_ice,
                on_rtcp=self._on_rtcp,
                on_mismatch=self._on_rtcp_mismatch,
                context=replace(rtcp_context, judge=self._judge),
            )

    def __repr__(self) -> str:
        return f"<PeerTransport {self.key} ice={self.ice.state} dtls={self.secure.state}>"

    @property
    def states(self) -> tuple[IceTransportState, DtlsTransportState]:
        """The states of ICE and of DTLS."""
        if self._rtcp_error is not None:
            return self.ice.state, DtlsTransportState.FAILED
        return self.ice.state, self.secure.state

    @property
    def error(self) -> TransportError | None:
        """The reason why ICE or DTLS failed, or None."""
        return self.ice.error or self.secure.error or self._rtcp_error

    @property
    def engine(self) -> RtpEngine:
        """Engine of RTP, made where it is first asked for, as data needs none."""
        if self.made_engine is None:
            from peer.rtp.engine.engine import RtpEngine

            to, of_all = self.secure, self.secure.send_rtp_all
            self.made_engine = engine = RtpEngine(to.send_rtp, to.send_rtcp, send_rtp_all=of_all)
            # A call of each packet less than by the functions that have brought it here.
            self._handlers.on_rtp, self._handlers.on_rtcp = engine.on_rtp, engine.on_rtcp
        return self.made_engine

    def gathered(self) -> dict[tuple[str, str], GatheredCandidates]:
        """Return our candidates so far, by the key of the transport and the ICE generation."""
        return {(self.key, g): self._gathered(g) for g in self._generations}

    def _gathered(self, generation: str) -> GatheredCandidates:
        candidates, complete = self.ice.gathered(generation)
        if self._configuration.ice is IcePolicy.REQUIRE:
            return GatheredCandidates(candidates, complete)
        peer = self._peer_address
        default = default_candidate(candidates, peer_address=peer)
        rtcp = None if default is None else DefaultDestination(default.address, default.port)
        if self.rtcp is not None:
            rtcp = self.rtcp.destination
        return GatheredCandidates(candidates, complete, rtcp, peer)

    async def open(self) -> None:
        """Bind the sockets and start to gather candidates.

        Raises:
            IceError: No socket could be bound.
        """
        await self.ice.gather()
        if self.rtcp is not None:
            await self.rtcp.open()

    def share_sockets(self, other: PeerTransport, *, peer: str | None) -> None:
        """Use the sockets of another transport, which has the same key and credentials.

        Args:
            other: The transport; either may be closed before the other.
            peer: Username fragment of the peer to serve; None for all that no other serves.
        """
        self.ice.share_sockets(other.ice, peer=peer)

    def report_gathering(self) -> None:
        """Report candidates from now on; those so far are in the description."""
        self.published_generation = self._generations[-1]
        self.gathering_state = self.ice.gathering_state

    def move(
        self,
        events: PeerTransportEvents,
        certificates: CertificateStore,
        tap: Tap | None,
        judge: PeerJudge | None,
    ) -> None:
        """Belong to another connection from now on: a fork that takes what began before its answer.

        Args:
            events: The connection.
            certificates: Its certificates.
            tap: Its trace.
            judge: Its judge of the peer's certificates; there is one where there was one before.
        """
        if self._judge is not None and judge is not None:
            self._judge.judged_by = judge
        self._events, self._certificates = events, certificates
        self._if_failed.clear()
        if self._tap is not None and tap is not None:
            self._tap.move(tap)

    @property
    def peer(self) -> PeerTrust:
        """Identity of the peer, and what says so beside signalling."""
        current, judge = self.secure.current, self._judge
        if judge is None or current is None:
            return UNKNOWN_PEER
        return judge.trust_in(current.peer_fingerprint)

    def knows_generation(self, generation: str | None) -> bool:
        """Tell whether an ICE generation is one of the newest of this transport."""
        return generation in self._generations

    async def open_generation(self, local: IceParameters) -> None:
        """Bind the sockets of another ICE generation beside those in use, for an ICE restart.

        Raises:
            IceError: No socket could be bound.
        """
        await self.ice.open(local)
        append_last(self._generations, local.username_fragment, most=_GENERATIONS)

    def use_configuration(self, configuration: PeerConfiguration) -> None:
        """Gather the candidates of later ICE generations by another configuration."""
        self._configuration = configuration

    def publish(self, generation: str) -> None:
        """Report candidates of a generation from now on: its description has been applied."""
        self.gathering_state = IceGatheringState.GATHERING
        self.published_generation = generation
        for failure in self.ice.server_failures_of(generation):
            self._events.on_transport_server_failure(self, failure)
        candidates, complete = self.ice.gathered(generation)
        for candidate in candidates:
            self._events.on_transport_candidate(self, generation, candidate)
        if complete:
            self._events.on_transport_candidate(self, generation, None)

    def end_gathering(self, generation: str | None) -> bool:
        """Note that the application was told of the last candidate of a generation.

        Returns:
            Whether that is the newest generation, so that gathering is complete.
        """
        if generation != self.published_generation:
            return False
        self.gathering_state = IceGatheringState.COMPLETE
        return True

    def drop_generation(self, generation: str) -> None:
        """Close a generation whose ICE restart does not take place."""
        self.ice.drop(generation)
        if generation == self.published_generation:
            self.published_generation = None
            self.gathering_state = IceGatheringState.COMPLETE

    def apply(self, effect: TransportEffect) -> None:
        """Carry out an effect that concerns this transport alone."""
        self._apply(effect)
        if self.rtcp is not None:
            if isinstance(effect, ConnectIce):
                # Whoever has ICE shares the port.
                self._drop_rtcp()
            else:
                self.rtcp.apply(effect)

    def _apply(self, effect: TransportEffect) -> None:
        match effect:
            case Listen():
                # RFC 5763 section 5: the offerer must "be prepared to receive a client_hello
                # before it receives the answer".
                self.secure.listen(
                    effect.association,
                    self._certificates[effect.fingerprints],
                    fresh_path=self._fresh_path(effect.generation),
                )
            case ConnectIce(if_followed=True):
                self.ice.start_if_followed(effect.generation, effect.remote, effect.role)
            case ConnectWithoutIce():
                self._connect_without_ice(effect)
            case ConnectIce():
                self.ice.start(
                    effect.generation,
                    effect.remote,
                    effect.role,
                    is_new_peer=effect.is_new_peer,
                    is_answerer=effect.is_answerer,
                )
            case ConnectDtls():
                self.secure.connect(
                    effect.association,
                    self._certificates[effect.fingerprints],
                    effect.role,
                    effect.remote_fingerprints,
                    peer_may_keep=effect.peer_may_keep,
                    is_answerer=effect.is_answerer,
                    fresh_path=self._fresh_path(effect.generation),
                )
            case SendUnencrypted():
                self.secure.send_unencrypted()
            case UseSdesKeys():
                self.secure.use_sdes_keys(effect.keys)
            case ExpectKeys():
                self.secure.expect_keys(expected=effect.expected)
            case DropAssociation():
                self.secure.drop(effect.association)
            case DropGeneration():
                self.drop_generation(effect.generation)
            case AddCandidates():
                self._add_candidates(effect)
            case _:
                assert_never(effect)

    def _connect_without_ice(self, effect: ConnectWithoutIce) -> None:
        self._peer_address = effect.peer.rtp.address
        if effect.peer.rtcp is None:
            self._drop_rtcp()
        elif self.rtcp is not None:
            self.engine.use_rtcp_sender(self.rtcp.secure.send_rtcp)
            self.rtcp.start(
                effect.peer.rtcp,
                is_client=effect.is_client,
                keeps_association=effect.keeps_association,
            )
        start_path(
            self.ice,
            self.secure,
            effect.generation,
            effect.peer.rtp,
            is_client=effect.is_client,
            keeps_association=effect.keeps_association,
            on_quiet=self._ask_for_life,
        )

    def _ask_for_life(self) -> None:
        """Send what a peer without ICE answers, where it has data channels: SCTP's heartbeat."""
        if self.data is not None and self.secure.state is DtlsTransportState.CONNECTED:
            self.data.send_heartbeat()

    def _drop_rtcp(self) -> None:
        """Close the port of RTCP, as it was agreed to share that of RTP."""
        rtcp, self.rtcp = self.rtcp, None
        if rtcp is not None:
            self._rtcp_closing = asyncio.get_running_loop().create_task(rtcp.close())

    def _on_rtcp(self, packet: bytes) -> None:
        """Take RTCP of a port of its own: all that comes of a peer whose media is on hold."""
        if self.ice.latching is not None:
            self.ice.latching.on_heard()
        self.engine.on_rtcp(packet)

    def _on_rtcp_mismatch(self) -> None:
        # RFC 5763 section 5: a mismatch tears the media session down, on either port.
        if self.rtcp is not None and self._closing is None:
            self._rtcp_error = self.rtcp.secure.error
            self._rtcp_closing = asyncio.get_running_loop().create_task(self.secure.close())
            self._events.on_transport_state(self)

    def _fresh_path(self, generation: str | None) -> MakeFreshPath | None:
        return None if generation is None else functools.partial(self.ice.path_of, generation)

    def _add_candidates(self, effect: AddCandidates) -> None:
        # ICE ignores candidates that it has.
        for candidate in effect.candidates:
            self.ice.add_remote_candidate(effect.generation, candidate)
        if effect.complete:
            self.ice.add_remote_candidate(effect.generation, None)

    def when_connected(self, subject: str, action: Callable[[], None]) -> None:
        """Run an action once DTLS is connected: now, where it is.

        Args:
            subject: Until then an action replaces an earlier one about the same subject.
            action: Run once.
        """
        if self.secure.state is DtlsTransportState.CONNECTED:
            action()
        else:
            self._when_connected[subject] = action

    def if_failed(self, action: Callable[[], None]) -> None:
        """Run an action if DTLS fails before it is connected, as for a wrong certificate."""
        self._if_failed.append(action)

    async def close(self) -> None:
        """Close the transport and its sockets, at any moment; safe to call twice."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
        # A caller that is cancelled does not leave sockets behind.
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        self._when_connected.clear()
        self._if_failed.clear()
        if self.made_engine is not None:
            self.made_engine.close()
        await self.secure.close()
        await self.ice.close()
        if self.rtcp is not None:
            await self.rtcp.close()
        if self._rtcp_closing is not None:
            await self._rtcp_closing
        self._show_change()

    def _show_change(self) -> None:
        if self.seen_as is not None:
            self.seen_as.on_change()

    def _make_ice(
        self,
        local: IceParameters,
        events: IceEvents,
        secure: SecureTransport,
        embedding: StunEmbedding | None = None,
    ) -> IceGeneration:
        tap = self._tap
        accepts_strangers = self._configuration.ice is IcePolicy.OPTIONAL
        return IceGeneration(
            local=local,
            servers=self._configuration.iceServers,
            policy=self._configuration.iceTransportPolicy,
            interfaces=self._configuration.interfaces,
            ports=self._configuration.one_port or self._configuration.port_range,
            ice_tcp=self._configuration.ice_tcp,
            remote_filter=self._configuration.remote_candidates,
            announced=AddressTranslation.of(self._configuration.announced_addresses),
            connect_timeout=self._configuration.connect_timeout,
            events=events,
            on_datagram=secure.receive,
            on_early_peer=lambda peer: self._events.on_transport_early_peer(
                self, local.username_fragment, peer=peer
            ),
            on_stranger=secure.receive_stranger if accepts_strangers else None,
            embedding=embedding,
            # Without a tap, a socket has no branch for tracing on any datagram.
            tap=tap if tap is not None and tap.wants_datagrams else None,
        )

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """Report a local candidate of the newest generation, for ICE."""
        if generation == self.published_generation:
            self._events.on_transport_candidate(self, generation, candidate)

    def on_server_failure(self, generation: str, failure: ServerFailure) -> None:
        """Report a STUN or TURN server that does not serve the newest generation, for ICE."""
        if generation == self.published_generation:
            self._events.on_transport_server_failure(self, failure)

    def on_followed(self, generation: str) -> None:
        """Report an ICE generation that carries data against the peer's answer, for ICE."""
        self._events.on_transport_restart_followed(self, generation)

    def on_path(self) -> None:
        """Let those who wait for a nominated pair look again, for ICE."""
        self._show_change()
        self._events.wake()

    def on_check(self) -> None:
        """Note a check of the peer, for ICE: it has our credentials, so it has our description."""
        self.secure.on_peer_check()

    def on_handshake_complete(self) -> None:
        """Accept early media, where the handshake is complete before the answer."""
        # Where the answer is known, the certificate is verified at once.
        if self._accepts_early_media and self.secure.role is None:
            self._events.on_transport_early_media(self)

    def _on_data(self, message: bytes) -> None:
        if self.data is not None:
            self.data.receive(message)

    def on_keys_switched(self, association: int) -> None:
        """Do nothing when the secure transport sends with new keys: nothing above depends on it."""

    def on_rekey_completed(self, association: int) -> None:
        """Report new keys in both directions."""
        self.ice.on_verified(latches=self.secure.uses_dtls)
        if self.data is not None:
            self.data.on_dtls_connected()
        self._events.on_transport_rekey_completed(self, association)

    def on_rekey_failed(self, association: int, reason: str, error: DtlsError | None) -> None:
        """Report an abandoned association; the former one stays in use."""
        self._events.on_transport_rekey_failed(self, association, reason=reason)

    def on_probe(self) -> None:
        """Send a small packet under the new keys, so that the peer authenticates them now."""
        if self.rtcp is not None:
            # On the port of RTP the peer takes no RTCP; the next packet of media is the probe.
            return
        if not self.secure.send_rtcp(self.engine.empty_report()) and self.data is not None:
            self.data.send_heartbeat()

    def on_state(self, state: IceTransportState | DtlsTransportState) -> None:
        """Handle a changed state of ICE or of the secure transport."""
        if self._tap is not None:
            self._tap.state(state)
        if isinstance(state, IceTransportState):
            self.secure.on_ice_state(state)
        elif state is DtlsTransportState.CONNECTED:
            self.ice.on_verified(latches=self.secure.uses_dtls)
            actions, self._when_connected = self._when_connected, {}
            self._if_failed.clear()
            for action in actions.values():
                action()
            if self.data is not None:
                self.data.on_dtls_connected()
        elif state is DtlsTransportState.FAILED:
            # RFC 5763 section 5: whoever shows another certificate than it signalled is not to send
            # to us any more, and learns of it by the consent that it does not get.
            self.ice.answer_checks(answer=not self.secure.has_mismatch)
            for action in self._if_failed:
                action()
        elif state is DtlsTransportState.CONNECTING:
            # Another association follows one that failed.
            self.ice.answer_checks(answer=True)
        self._events.on_transport_state(self)
