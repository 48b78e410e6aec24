"""Owns one running transport: ICE, the secure transport above it, and the RTP engine above that.

The way of a datagram: `IceTransport` (checked sources only) -> `on_datagram` -> `SecureTransport`
-> `on_rtp`, `on_rtcp` -> `RtpEngine`, or `on_data` -> SCTP.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from peer.negotiation.session import GatheredCandidates
from peer.rtp.engine import RtpEngine
from peer.security_policy import EarlyMedia
from peer.states import DtlsTransportState, IceGatheringState, IceTransportState
from peer.transport.ice.transport import IceTransport
from peer.transport.secure import SecureTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from peer.candidates import CandidateFields
    from peer.configuration import PeerConfiguration
    from peer.errors import TransportError
    from peer.identity.certificate import Certificate
    from peer.negotiation.effects import AddCandidates, ConnectTransport, OpenTransport
    from peer.transport.dtls.connection import OnSecret
    from peer.transport.sctp.transport import DataTransport
    from peer.transport.tap import Tap


class BundleEvents(Protocol):
    """What a running transport tells the connection."""

    def on_bundle_candidate(self, bundle: Bundle, candidate: CandidateFields | None) -> None:
        """A local candidate was found; None when there will be no more."""

    def on_bundle_state(self) -> None:
        """Some state of the transport has changed."""

    def on_bundle_early(self, bundle: Bundle) -> None:
        """Media may come from now on, of a peer that is not verified yet."""


class Bundle:
    """One transport in the world. Made by `open`, it gathers; `connect` makes it carry.

    Args:
        effect: Its name and our ICE credentials.
        certificate: What we show.
        configuration: Servers, policy and interfaces.
        events: Who is told.
        on_secret: Told of the session keys, where these are to be logged.
        tap: Told of what happens, where the connection is traced.
    """

    def __init__(
        self,
        effect: OpenTransport,
        certificate: Certificate,
        configuration: PeerConfiguration,
        events: BundleEvents,
        *,
        on_secret: OnSecret | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.key = effect.key
        #: Of what the application was told, a moment after ICE knows it.
        self.gathering_state = IceGatheringState.NEW
        self._listens = effect.listens
        self._takes_early_media = configuration.early_media is EarlyMedia.UNVERIFIED
        self._events = events
        self._tap = tap
        self._waiting: dict[str, Callable[[], None]] = {}
        self._if_failed: list[Callable[[], None]] = []
        self._closing: asyncio.Task[None] | None = None
        self.engine = RtpEngine()
        self.ice = IceTransport(
            local=effect.local,
            servers=configuration.iceServers,
            policy=configuration.iceTransportPolicy,
            interfaces=configuration.interfaces,
            events=self,
            tap=tap,
        )
        self.secure = SecureTransport(
            key=effect.key,
            ice=self.ice,
            certificate=certificate,
            events=self,
            registry=self.engine,
            policy=configuration.security,
            on_secret=on_secret,
            tap=tap,
        )
        self.data: DataTransport | None = None

    @property
    def gathered(self) -> GatheredCandidates:
        """Our candidates so far."""
        complete = self.ice.gathering_state is IceGatheringState.COMPLETE
        return GatheredCandidates(self.ice.local_candidates, complete)

    @property
    def states(self) -> tuple[IceTransportState, DtlsTransportState]:
        """Of the path and of the secure transport."""
        return self.ice.state, self.secure.state

    @property
    def error(self) -> TransportError | None:
        """Why it failed, or None."""
        return self.ice.error or self.secure.error

    async def open(self) -> None:
        """Bind the sockets and start to gather.

        Raises:
            IceError: No socket could be bound.
        """
        # RFC 5763 section 5: the offerer must "be prepared to receive a client_hello before it
        # receives the answer". An answerer knows its role before anything can arrive.
        if self._listens:
            self.secure.listen()
        await self.ice.gather()

    def publish(self) -> None:
        """The description that names this transport is in force: tell of its candidates."""
        self.gathering_state = IceGatheringState.GATHERING
        for candidate in self.ice.local_candidates:
            self._events.on_bundle_candidate(self, candidate)
        if self.ice.gathering_state is IceGatheringState.COMPLETE:
            self._events.on_bundle_candidate(self, None)

    def connect(self, effect: ConnectTransport) -> None:
        """Check the paths and shake hands."""
        self.secure.start(effect.role, effect.fingerprints)
        self.ice.start(effect.ice, effect.ice_role)

    def add_candidates(self, effect: AddCandidates) -> None:
        """Hand the peer's candidates to ICE, which ignores those that it has."""
        for candidate in effect.candidates:
            self.ice.add_remote_candidate(candidate)
        if effect.complete:
            self.ice.add_remote_candidate(None)

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
        await self.engine.close()
        await self.secure.close()
        await self.ice.close()

    def on_candidate(self, candidate: CandidateFields | None) -> None:
        """From ICE: a local candidate."""
        if self.gathering_state is not IceGatheringState.NEW:
            self._events.on_bundle_candidate(self, candidate)

    def on_gathering_state(self, state: IceGatheringState) -> None:
        """From ICE: its state, which follows from `on_candidate`."""

    def on_datagram(self, datagram: bytes) -> None:
        """From ICE: a datagram of the peer."""
        self.secure.receive(datagram)

    def on_handshake_complete(self) -> None:
        """From the secure transport: the keys are there."""
        # Where the answer is known, it is verified in the same breath.
        if self._takes_early_media and self.secure.role is None:
            self._events.on_bundle_early(self)

    def on_rtp(self, packet: bytes, arrival_ms: int) -> None:
        """From the secure transport: a decrypted RTP packet."""
        self.engine.on_rtp(packet, arrival_ms)

    def on_rtcp(self, packet: bytes) -> None:
        """From the secure transport: a decrypted RTCP packet."""
        self.engine.on_rtcp(packet)

    def on_data(self, message: bytes) -> None:
        """From the secure transport: an SCTP packet."""
        if self.data is not None:
            self.data.receive(message)

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
        self._events.on_bundle_state()


async def close_bundles(bundles: Iterable[Bundle]) -> None:
    """End them side by side."""
    await asyncio.gather(*(bundle.close() for bundle in bundles))


async def open_bundles(bundles: Collection[Bundle]) -> None:
    """Open all or none.

    Raises:
        IceError: One could not be opened; all are closed again.
    """
    try:
        results = await asyncio.gather(*(b.open() for b in bundles), return_exceptions=True)
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None:
            raise failure
    except BaseException:
        await close_bundles(bundles)
        raise
