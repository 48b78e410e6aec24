"""Owns one running transport: ICE, the secure transport above it, and the RTP engine above that.

The way of a datagram: `IceGenerations` (checked sources only) -> `on_datagram` -> `SecureTransport`
-> `on_rtp`, `on_rtcp` -> `RtpEngine`, or `on_data` -> SCTP. An ICE restart changes the generation
below, a rekey the association in the middle; neither is noticed above.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol, assert_never

from peer.negotiation.effects import (
    AddCandidates,
    ConnectDtls,
    ConnectIce,
    DropAssociation,
    DropGeneration,
    Listen,
)
from peer.negotiation.session import GatheredCandidates
from peer.rtp.engine.engine import RtpEngine
from peer.security_policy import EarlyMedia
from peer.states import DtlsTransportState, IceGatheringState, IceTransportState
from peer.transport.ice.generations import IceGenerations
from peer.transport.ice.transport import IceTransport
from peer.transport.secure.transport import SecureTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.candidates import CandidateFields
    from peer.configuration import PeerConfiguration
    from peer.errors import DtlsError, TransportError
    from peer.ice_parameters import IceParameters
    from peer.identity.certificate_store import CertificateStore
    from peer.negotiation.effects import OpenTransport, TransportEffect
    from peer.transport.dtls.connection import OnSecret
    from peer.transport.ice.transport import IceEvents
    from peer.transport.sctp.transport import DataTransport
    from peer.transport.tap import Tap


_GENERATIONS = 4


class PeerTransportEvents(Protocol):
    """What a running transport tells the connection."""

    def on_transport_candidate(
        self, transport: PeerTransport, generation: str, candidate: CandidateFields | None
    ) -> None:
        """A local candidate was found; None when there will be no more."""

    def on_transport_state(self, transport: PeerTransport) -> None:
        """Some state of the transport has changed."""

    def on_transport_early(self, transport: PeerTransport) -> None:
        """Media may come from now on, of a peer that is not verified yet."""

    def on_transport_replaced(self, transport: PeerTransport, association: int) -> None:
        """Both directions use the keys of this association, which is not the first."""

    def on_transport_kept(self, transport: PeerTransport, association: int, reason: str) -> None:
        """This association was given up for the one before it."""


class PeerTransport:
    """One transport in the world. Made by `open`, it gathers; `connect_ice` makes it carry.

    Args:
        effect: Its name and our ICE credentials.
        certificates: The certificates that associations show.
        configuration: Servers, policy and interfaces.
        events: Who is told.
        on_secret: Told of the session keys, where these are to be logged.
        tap: Told of what happens, where the connection is traced.
    """

    def __init__(
        self,
        effect: OpenTransport,
        certificates: CertificateStore,
        configuration: PeerConfiguration,
        events: PeerTransportEvents,
        *,
        on_secret: OnSecret | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.key = effect.key
        #: Of what the application was told, a moment after ICE knows it.
        self.gathering_state = IceGatheringState.NEW
        self._takes_early_media = configuration.early_media is EarlyMedia.UNVERIFIED
        self._certificates = certificates
        self._configuration = configuration
        self._events = events
        self._tap = tap
        self._newest: str | None = None
        # The descriptions in force name two at most.
        self._generations = deque([effect.local.username_fragment], maxlen=_GENERATIONS)
        self._waiting: dict[str, Callable[[], None]] = {}
        self._if_failed: list[Callable[[], None]] = []
        self._closing: asyncio.Task[None] | None = None
        self.ice = IceGenerations(effect.local, make=self._make_generation, events=self, tap=tap)
        self.secure = SecureTransport(
            key=effect.key,
            ice=self.ice,
            certificate=certificates.newest,
            events=self,
            policy=configuration.security,
            on_secret=on_secret,
            tap=tap,
        )
        secure = self.secure
        self.engine = RtpEngine(secure.send_rtp, secure.send_rtcp, send_rtp_all=secure.send_rtp_all)
        # From the secure transport, for every packet: no call of ours lies in between.
        self.on_rtp = self.engine.on_rtp
        self.on_rtcp = self.engine.on_rtcp
        self.data: DataTransport | None = None

    @property
    def states(self) -> tuple[IceTransportState, DtlsTransportState]:
        """Of the path and of the secure transport."""
        return self.ice.state, self.secure.state

    @property
    def error(self) -> TransportError | None:
        """Why it failed, or None."""
        return self.ice.error or self.secure.error

    def gathered(self) -> dict[tuple[str, str], GatheredCandidates]:
        """Our candidates so far, by our key and their generation."""
        return {(self.key, g): GatheredCandidates(*self.ice.gathered(g)) for g in self._generations}

    async def open(self) -> None:
        """Bind the sockets and start to gather.

        Raises:
            IceError: No socket could be bound.
        """
        await self.ice.gather()

    async def open_generation(self, local: IceParameters) -> None:
        """Bind other sockets beside those in use, for an ICE restart.

        Raises:
            IceError: No socket could be bound.
        """
        await self.ice.open(local)
        self._generations.append(local.username_fragment)

    def publish(self, generation: str) -> None:
        """The description that names these credentials is in force: tell of the candidates."""
        self.gathering_state = IceGatheringState.GATHERING
        self._newest = generation
        candidates, complete = self.ice.gathered(generation)
        for candidate in candidates:
            self._events.on_transport_candidate(self, generation, candidate)
        if complete:
            self._events.on_transport_candidate(self, generation, None)

    def told_all(self, generation: str | None) -> bool:
        """The application was told that no more candidates of a generation will come.

        Returns:
            Whether that is the newest one, so that gathering is over.
        """
        if generation != self._newest:
            return False
        self.gathering_state = IceGatheringState.COMPLETE
        return True

    def drop_generation(self, generation: str) -> None:
        """The ICE restart does not take place."""
        self.ice.drop(generation)
        if generation == self._newest:
            self._newest = None
            self.gathering_state = IceGatheringState.COMPLETE

    def apply(self, effect: TransportEffect) -> None:
        """Carry out what concerns this transport alone."""
        match effect:
            case Listen():
                # RFC 5763 section 5: the offerer must "be prepared to receive a client_hello
                # before it receives the answer".
                self.secure.listen(effect.association, self._certificates[effect.fingerprints])
            case ConnectIce():
                self.ice.start(effect.generation, effect.remote, effect.role)
            case ConnectDtls():
                self.secure.connect(
                    effect.association,
                    self._certificates[effect.fingerprints],
                    effect.role,
                    effect.remote_fingerprints,
                    peer_may_keep=effect.peer_may_keep,
                )
            case DropAssociation():
                self.secure.drop(effect.association)
            case DropGeneration():
                self.drop_generation(effect.generation)
            case AddCandidates():
                self._add_candidates(effect)
            case _:
                assert_never(effect)

    def _add_candidates(self, effect: AddCandidates) -> None:
        # ICE ignores those that it has.
        for candidate in effect.candidates:
            self.ice.add_remote_candidate(effect.generation, candidate)
        if effect.complete:
            self.ice.add_remote_candidate(effect.generation, None)

    def when_connected(self, subject: str, action: Callable[[], None]) -> None:
        """Do something as soon as packets can flow: at once where they can.

        Until then an action takes the place of an earlier one about the same subject.
        """
        if self.secure.state is DtlsTransportState.CONNECTED:
            action()
        else:
            self._waiting[subject] = action

    def if_failed(self, action: Callable[[], None]) -> None:
        """Do something if the peer turns out not to be the one that signalled."""
        self._if_failed.append(action)

    async def close(self) -> None:
        """End it, at any moment; any number of times."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
        # A caller that is cancelled does not leave sockets behind.
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        self._waiting.clear()
        self._if_failed.clear()
        self.engine.close()
        await self.secure.close()
        await self.ice.close()

    def _make_generation(self, local: IceParameters, events: IceEvents) -> IceTransport:
        return IceTransport(
            local=local,
            servers=self._configuration.iceServers,
            policy=self._configuration.iceTransportPolicy,
            interfaces=self._configuration.interfaces,
            events=events,
            on_datagram=self.on_datagram,
            tap=self._tap,
        )

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """From ICE: a local candidate."""
        if generation == self._newest:
            self._events.on_transport_candidate(self, generation, candidate)

    def on_datagram(self, datagram: bytes) -> None:
        """From ICE: a datagram of the peer."""
        self.secure.receive(datagram)

    def on_handshake_complete(self) -> None:
        """From the secure transport: the keys are there."""
        # Where the answer is known, it is verified in the same breath.
        if self._takes_early_media and self.secure.role is None:
            self._events.on_transport_early(self)

    def on_data(self, message: bytes) -> None:
        """From the secure transport: an SCTP packet."""
        if self.data is not None:
            self.data.receive(message)

    def on_switched(self, association: int) -> None:
        """From the secure transport: we send with other keys, which nothing above depends on."""

    def on_replaced(self, association: int) -> None:
        """From the secure transport: both directions use the new keys."""
        self._events.on_transport_replaced(self, association)

    def on_kept(self, association: int, reason: str, error: DtlsError | None) -> None:
        """From the secure transport: the former association goes on."""
        self._events.on_transport_kept(self, association, reason)

    def on_probe(self) -> None:
        """From the secure transport: the peer is to hear something under the new keys, now."""
        if not self.secure.send_rtcp(self.engine.empty_report()) and self.data is not None:
            self.data.probe()

    def on_state(self, state: IceTransportState | DtlsTransportState) -> None:
        """From ICE or from the secure transport: its state has changed."""
        if self._tap is not None:
            self._tap.state(state)
        if isinstance(state, IceTransportState):
            self.secure.on_ice_state(state)
        elif state is DtlsTransportState.CONNECTED:
            waiting, self._waiting = self._waiting, {}
            self._if_failed.clear()
            for action in waiting.values():
                action()
        elif state is DtlsTransportState.FAILED:
            for action in self._if_failed:
                action()
        self._events.on_transport_state(self)
