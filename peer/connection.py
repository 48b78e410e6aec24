"""Gives applications `PeerConnection`, the interface of W3C webrtc-pc section 4.4.

An offer that leaves: `createOffer` -> `negotiation.offer_answer` -> `setLocalDescription` ->
`runtime.core` (plan, prepare, commit, apply). An offer that arrives: `setRemoteDescription`, then
the same.
"""

from __future__ import annotations

import asyncio
import inspect
import uuid
from typing import TYPE_CHECKING, Self

from peer.configuration import PeerConfiguration
from peer.configuration.peer_configuration import checked_configuration
from peer.connection_events import ConnectionEvents
from peer.connection_media import ConnectionMedia
from peer.descriptions import check_description
from peer.ice import check_candidate
from peer.negotiation.session import Side
from peer.priority import Priority
from peer.runtime.core import ConnectionCore
from peer.runtime.forgotten import forget, where_made
from peer.runtime.fork import fork
from peer.runtime.reconfiguration import reconfigure
from peer.runtime.security import SecuritySummary, summarize
from peer.runtime.statistics import StatsReport, collect, collect_of_track
from peer.states import (
    ConnectionState,
    IceConnectionState,
    IceGatheringState,
    SignalingState,
)

if TYPE_CHECKING:
    from types import TracebackType

    from peer.descriptions import SessionDescription
    from peer.errors import TransportError
    from peer.ice import IceCandidate
    from peer.identity.certificate import Certificate
    from peer.negotiation.session import GatheredCandidates
    from peer.rekey.result import RekeyResult
    from peer.rtp.tracks import MediaStreamTrack
    from peer.times import Seconds
    from peer.tracing.events import Direction, TraceSink
    from peer.transport.sctp.transport import DataChannel
    from peer.transports import SctpTransport
    from peer.trust import Phrase


#: Configuration of a connection that is given none; it is frozen, so that all share it.
_DEFAULTS = PeerConfiguration()


class PeerConnection(ConnectionEvents, ConnectionMedia):
    """A connection to one peer, and an asynchronous context manager that closes it.

    Events are subscribed to with `on`: `track` (TrackEvent), `datachannel` (DataChannelEvent),
    `icecandidate` (IceCandidateEvent), `icecandidateerror` (IceCandidateErrorEvent),
    `negotiationneeded`, `signalingstatechange`, `icegatheringstatechange`,
    `iceconnectionstatechange`, `connectionstatechange`, and of our own `rekeyed` and `rekeyfailed`
    (RekeyedEvent), `unencrypted` (UnencryptedEvent), `sdeskeys` (SdesKeysEvent), `peercertificate`
    (PeerCertificateEvent), `phrase` (PhraseEvent) and `phrasemessage` (PhraseMessageEvent).

    Hold the object for as long as the connection is to live: one that nothing refers to any more is
    closed, with a `ResourceWarning` and a warning in the log that name where it was made. A handler
    that refers to it holds it as well.

    Args:
        configuration: The choices of the application; None for the defaults.

    Raises:
        ConfigurationError: A value of the configuration cannot be used.
    """

    def __init__(self, configuration: PeerConfiguration | None = None) -> None:
        self._configuration = checked_configuration(configuration) or _DEFAULTS
        self._origin = where_made(self, inspect.currentframe())
        self._core = ConnectionCore(self._configuration)
        # One MediaStream for all tracks that are added without one, so that a browser plays
        # audio and video of a peer in sync.
        self._stream = str(uuid.uuid4())

    def __del__(self) -> None:
        # The constructor may have failed. Read by `__dict__`, CPython 3.11 leaks it.
        try:
            core = self._core
        except AttributeError:
            return
        forget(core, self._origin)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def id(self) -> str:
        """Name of the connection in this process's log and traces, such as `pc-3`."""
        return self._core.id

    @property
    def signalingState(self) -> SignalingState:
        """The state of the offer/answer exchange."""
        return self._core.signaling_state

    @property
    def connectionState(self) -> ConnectionState:
        """The state of ICE and DTLS over all transports."""
        return self._core.states.connection

    @property
    def iceConnectionState(self) -> IceConnectionState:
        """The state of ICE over all transports."""
        return self._core.states.ice

    @property
    def iceGatheringState(self) -> IceGatheringState:
        """The state of candidate gathering over all transports."""
        return self._core.states.gathering

    @property
    def localDescription(self) -> SessionDescription | None:
        """Our pending description, else our current one, with the candidates gathered so far."""
        return self.pendingLocalDescription or self.currentLocalDescription

    @property
    def remoteDescription(self) -> SessionDescription | None:
        """The peer's pending description, else its current one."""
        return self.pendingRemoteDescription or self.currentRemoteDescription

    @property
    def currentLocalDescription(self) -> SessionDescription | None:
        """Our half of the last exchange that was completed."""
        return self._described(Side.LOCAL, pending=False)

    @property
    def pendingLocalDescription(self) -> SessionDescription | None:
        """Our half of the exchange under way."""
        return self._described(Side.LOCAL, pending=True)

    @property
    def currentRemoteDescription(self) -> SessionDescription | None:
        """The peer's half of the last exchange that was completed."""
        return self._described(Side.REMOTE, pending=False)

    @property
    def pendingRemoteDescription(self) -> SessionDescription | None:
        """The peer's half of the exchange under way."""
        return self._described(Side.REMOTE, pending=True)

    @property
    def canTrickleIceCandidates(self) -> bool | None:
        """Tell whether the peer accepts trickled candidates; None before its description."""
        return self._core.offer_answer.peer_trickles

    @property
    def sctp(self) -> SctpTransport | None:
        """The transport of data channels; None until a description has an m-section for it."""
        return self._core.transports.sctp

    @property
    def error(self) -> TransportError | None:
        """The reason why the connection failed, or None where it has not."""
        failed = self.connectionState is ConnectionState.FAILED
        return self._core.failure if failed else None

    @property
    def security(self) -> SecuritySummary:
        """The present protection of each transport, and whether the peer is verified."""
        return summarize(self._core.executor)

    async def createOffer(self, *, iceRestart: bool = False) -> SessionDescription:
        """Create an offer of all transceivers and data channels; nothing changes yet.

        Args:
            iceRestart: Offer new ICE credentials, as after `restartIce`.

        Raises:
            InvalidStateError: The peer's offer waits for an answer, or the connection is closed.
        """
        async with self._core.chain.operation():
            created = self._core.offer_answer.create_offer(ice_restart=iceRestart)
            # webrtc-pc section 4.4.1.2: a queued task ends it, so that what is called next waits.
            await asyncio.sleep(0)
            return self._core.identity.signed(created)

    async def createAnswer(self) -> SessionDescription:
        """Create an answer to the peer's offer; nothing changes yet.

        Raises:
            InvalidStateError: There is no offer to answer, or the connection is closed.
        """
        async with self._core.chain.operation():
            created = self._core.offer_answer.create_answer()
            await asyncio.sleep(0)
            return self._core.identity.signed(created)

    async def setLocalDescription(self, description: SessionDescription | None = None) -> None:
        """Apply our description, and start to gather candidates for it.

        Args:
            description: The result of createOffer or createAnswer, a rollback, or None for the
                offer or answer that the signalling state asks for.

        Raises:
            InvalidStateError: The description does not fit the signalling state.
            InvalidModificationError: The description was changed, or is stale.
            IceError: No socket could be bound. In each case nothing has changed.
        """
        check_description(description, "setLocalDescription")
        await self._core.apply_description(Side.LOCAL, description)

    async def setRemoteDescription(self, description: SessionDescription) -> None:
        """Apply the peer's description. An offer rolls our own pending offer back.

        Raises:
            InvalidStateError: The description does not fit the signalling state.
            DescriptionError: The description cannot be accepted; the error says what and where. In
                each case nothing has changed.
        """
        check_description(description, "setRemoteDescription")
        await self._core.apply_description(Side.REMOTE, description)

    async def fork(
        self, answer: SessionDescription, *, trace: TraceSink | None = None
    ) -> PeerConnection:
        """Make another connection of one more answer to our first offer (RFC 5763 section 6.3).

        An offer that a SIP proxy, or a room, has passed to several devices may get several answers.
        Each fork has keys, transceivers, receivers and data channels of its own, sends the same
        tracks, and shares the sockets that the offer named. This connection stays in
        `have-local-offer`: more answers may come, and it may take one itself by
        `setRemoteDescription`. Close the forks that you do not keep, and this connection: each
        lives on without the others. `track` and `datachannel` events of a fork wait for their first
        handler.

        Args:
            answer: An answer, or a provisional one, whose final answer the fork takes by
                `setRemoteDescription`.
            trace: A sink for the events of the fork. That of the configuration takes those of this
                connection alone.

        Raises:
            InvalidStateError: No first offer waits for an answer, this peer has a fork already, or
                `max_forks` are open.
            DescriptionError: The answer cannot be accepted; the error says what and where.
            IceError: The event loop cannot watch sockets. In each case nothing has changed.
        """
        check_description(answer, "fork")
        core, configuration = await fork(self._core, self._configuration, answer, trace)
        made = PeerConnection.__new__(PeerConnection)
        parts = (configuration, core, self._origin, self._stream)
        made._configuration, made._core, made._origin, made._stream = parts  # noqa: SLF001 - as said
        return made

    @property
    def inherited_channels(self) -> tuple[DataChannel, ...]:
        """The channels that a fork has in place of those made before the offer, in their order."""
        return self._core.inherited_channels

    def note_signaling(self, *, protected: bool) -> None:
        """Note whether nobody else can read or change the descriptions from now on.

        Keys of SDES (`PeerConfiguration.sdes`) are refused in descriptions where somebody can. A
        `Phone` of `signaling.sip` calls this by its transport.

        Args:
            protected: True for TLS to a server that is trusted, for example.
        """
        self._core.offer_answer.signaling_is_protected = protected

    async def addIceCandidate(self, candidate: IceCandidate | None = None) -> None:
        """Add a candidate of the peer; None means that no more will come.

        Raises:
            InvalidStateError: There is no remote description yet, or the connection is closed.
            CandidateError: The candidate is malformed, or belongs to no m-section. Nothing has
                changed.
        """
        check_candidate(candidate)
        await self._core.add_candidate(candidate)

    def restartIce(self) -> None:
        """Restart ICE with the next offer (RFC 8445 section 9); fires `negotiationneeded`.

        The present path carries media until a new one is found. A restart revives a connection
        that is `disconnected` or `failed`, where both ends still have the keys.

        Raises:
            InvalidStateError: The connection is closed.
        """
        self._core.restart_ice()

    async def rekey(
        self, certificate: Certificate | None = None, *, keep_path: bool = False
    ) -> RekeyResult:
        """Change the keys of all transports while media flows (RFC 5763 section 6.8).

        Fires `negotiationneeded`, and returns when both directions use the new keys, or when it is
        known that they will not. ICE restarts in the same exchange (RFC 8842 section 6), so that no
        late packet under the old keys comes by the new path. Calls while a rekey is under way join
        it.

        Args:
            certificate: The certificate to show from now on. None means a fresh one, or the one
                that was configured.
            keep_path: Restart no ICE: the handshake runs on the path in use. A peer that tells
                associations apart by path alone may take packets of one for the other's; one of
                ours does not.

        Returns:
            The outcome: whether the keys have changed and, where they have not, why.

        Raises:
            InvalidStateError: The connection is not connected.
        """
        return await self._core.rekeys.rekey(certificate, keep_path=keep_path)

    async def phrase(self) -> Phrase:
        """Wait for the phrase of the certificates in use, for two people to compare.

        It is the same at both ends unless somebody is in the middle (RFC 5763 section 8.5), and a
        new one after each rekey. Both ends need `Trust(phrase=True)`, and signalling that carries
        `phrasemessage` events to the peer's `add_phrase_message`; a `Negotiator` does.

        Raises:
            InvalidStateError: The configuration asks for no phrase, or the connection is closed.
            PhraseError: The peer takes no part, or somebody looks for a phrase that agrees.
        """
        identity = self._core.identity
        await self._core.wait_for(lambda: identity.phrase is not None)
        found = identity.phrase
        if found is None:
            raise AssertionError("the phrase is known")
        return found

    def name_ends(self, *, local: str, remote: str) -> None:
        """Name both ends, where signalling knows them for each call, as SIP does.

        Our descriptions are signed for `remote` where the `Signer` has no destination, the peer's
        have to be signed by it, and for `local` where the `Verifier` has no audience.

        Args:
            local: Our URI.
            remote: The peer's.

        Raises:
            ConfigurationError: Our `Signer` signs as somebody else than `local`.
        """
        self._core.identity.name_ends(local=local, remote=remote)

    def add_phrase_message(self, message: str) -> None:
        """Take what the peer's `phrasemessage` event has.

        Raises:
            InvalidStateError: The configuration asks for no phrase.
            PhraseError: It is malformed, or somebody looks for a phrase that agrees: the connection
                goes on, and `phrase` raises the same.
        """
        self._core.identity.receive_phrase_message(message)

    async def confirm_phrase(self, phrase: Phrase) -> None:
        """Say that two people have compared the phrase, and it agrees; the peer is remembered so.

        Args:
            phrase: What they have compared: a rekey may have made another one meanwhile.

        Raises:
            InvalidStateError: There is no phrase yet, or the configuration asks for none.
            PhraseError: There is another one now: nothing is confirmed, and that is to be compared.
            TrustStoreError: The peer cannot be remembered.
        """
        await self._core.identity.confirm_phrase(phrase)

    def createDataChannel(
        self,
        label: str,
        *,
        ordered: bool = True,
        maxPacketLifeTime: int | None = None,
        maxRetransmits: int | None = None,
        protocol: str = "",
        negotiated: bool = False,
        id: int | None = None,  # noqa: A002 - W3C name
        priority: Priority | str = Priority.LOW,
    ) -> DataChannel:
        """Create a data channel, which opens once the connection is there.

        Args:
            label: A name for the application, at most 65,535 bytes.
            ordered: Whether messages arrive in order.
            maxPacketLifeTime: Milliseconds after which a message is abandoned.
            maxRetransmits: Retransmissions after which a message is abandoned.
            protocol: The name of a subprotocol.
            negotiated: Whether both ends create the channel, with the same `id`.
            id: 0 to 65,534; None to have one chosen, which needs the DTLS roles to be agreed.
            priority: `"very-low"`, `"low"`, `"medium"` or `"high"`; told to the peer.

        Raises:
            LocalError: The arguments contradict each other, or the connection is closed.
        """
        core = self._core
        core.check_open()
        channel = core.executor.data_transport().createDataChannel(
            label,
            ordered=ordered,
            maxPacketLifeTime=maxPacketLifeTime,
            maxRetransmits=maxRetransmits,
            protocol=protocol,
            negotiated=negotiated,
            id=id,
            priority=priority,
        )
        core.offer_answer.request_data()
        core.check_negotiation()
        return channel

    async def getStats(self, selector: MediaStreamTrack | None = None) -> StatsReport:
        """Collect statistics by id, as frozen values with the names of W3C webrtc-stats.

        Args:
            selector: A track that is sent or received: its streams alone, and what they refer to.

        Raises:
            InvalidAccessError: The track is not sent or received here, or it is several times.
        """
        if selector is None:
            return await collect(self._core)
        return await collect_of_track(self._core, selector)

    def getConfiguration(self) -> PeerConfiguration:
        """Return the configuration, as it was given or set last."""
        return self._configuration

    def setConfiguration(self, configuration: PeerConfiguration) -> None:
        """Use other ICE servers or credentials, or another policy, for what is gathered next.

        What is in use stays: an ICE restart gathers anew. A changed `iceTransportPolicy` makes the
        next offer restart ICE. `dataclasses.replace(pc.getConfiguration(), iceServers=...)` makes
        the argument.

        Args:
            configuration: The whole configuration, all else as it was; `iceCandidatePoolSize` may
                differ before the first local description.

        Raises:
            InvalidStateError: The connection is closed.
            InvalidModificationError: A value differs that cannot change; the error names it.
            ConfigurationError: The URL of a server cannot be used. In each case nothing has
                changed.
        """
        chosen = checked_configuration(configuration) or _DEFAULTS
        reconfigure(self._core, self._configuration, chosen)
        self._configuration = chosen

    def trace_message(
        self,
        direction: Direction,
        *,
        protocol: str,
        summary: str,
        text: str = "",
        section: str = "",
        age: Seconds = 0.0,
    ) -> None:
        """Add a message of the protocol that carries the descriptions to the trace.

        Args:
            direction: Whether it went out or came in.
            protocol: Its name, such as `SIP`.
            summary: What a ladder calls it, such as `183 Session Progress`.
            text: Further lines of it, without descriptions and credentials.
            section: The section that defines it.
            age: Seconds since it was sent or came, before this connection was there.
        """
        if (tap := self._core.tap) is not None:
            tap.message(
                direction,
                protocol=protocol,
                summary=summary,
                text=text,
                section=section,
                age=age,
            )

    async def connected(self) -> None:
        """Wait until media and data can flow: the state is `connected`.

        Raises:
            TransportError: The connection failed; the error says why.
            InvalidStateError: The connection was closed.
        """
        await self._core.wait_for(
            lambda: self.connectionState is ConnectionState.CONNECTED, unless_failed=True
        )

    async def gathering_complete(self) -> None:
        """Wait until `localDescription` has all candidates, for signalling without trickle ICE.

        Raises:
            InvalidStateError: The connection was closed.
        """
        await self._core.wait_for(lambda: self._core.gathering_complete)

    async def close(self) -> None:
        """Close the connection, its tasks and its sockets, at any moment; safe to call twice."""
        await self._core.close()

    def _described(self, side: Side, *, pending: bool) -> SessionDescription | None:
        transports = self._core.executor.transports
        gathered: dict[tuple[str, str], GatheredCandidates] = {}
        for transport in transports.values():
            gathered.update(transport.gathered())
        found = self._core.offer_answer.described(side, pending=pending, gathered=gathered)
        if found is None or side is Side.REMOTE:
            return found
        return self._core.identity.signed(found)

    def __repr__(self) -> str:
        return f"<PeerConnection {self.id} {self.connectionState} signaling={self.signalingState}>"
