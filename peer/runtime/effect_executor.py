"""Carries out the effects of descriptions on transports, senders, receivers and data channels.

`prepare` binds sockets, may fail and is then undone by `discard`; `apply` cannot fail.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, assert_never

from peer.configuration import RtcpMuxPolicy
from peer.negotiation.effects import (
    AnnounceTrack,
    CloseData,
    CloseTransport,
    ConfigureRtp,
    ConnectData,
    CreateTransceiver,
    Effect,
    OpenGeneration,
    OpenTransport,
    Preparation,
    SendUnencrypted,
    StopTransceiver,
    TransportEffect,
    UseEncodings,
    UseSdesKeys,
)
from peer.runtime.key_log import on_secret
from peer.runtime.peer_transport import PeerTransport, PeerTransportEvents
from peer.states import DtlsTransportState
from peer.tasks import BackgroundTasks
from peer.transport.context import TransportContext
from peer.transport.ice.servers import parse_servers
from peer.transport.sctp.transport import DataTransport
from peer.transport.wire.stun_embedding import StunEmbedding
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from peer.configuration import PeerConfiguration
    from peer.ice import IceParameters
    from peer.identity.certificate import CertificateStore
    from peer.negotiation.early_media import EarlyReception
    from peer.negotiation.session import Session
    from peer.runtime.connection_tap import ConnectionTap
    from peer.runtime.transceiver_control import TransceiverControl
    from peer.states import MediaEncryption
    from peer.transceiver import RtpTransceiver
    from peer.transport.context import PeerJudge
    from peer.transport.sctp.transport import DataChannel

#: Longest wait for senders, receivers and data channels to end before their transports are closed,
#: in seconds (ours).
_STOP_TIMEOUT = 0.25


@dataclass(frozen=True, slots=True)
class PreparedSockets:
    """The sockets of one ICE generation, bound for a plan that is not committed yet.

    Args:
        transport: The transport of the sockets.
        local: Our ICE credentials of the generation.
        is_new: Whether the transport was created for this plan, which closes it on `undo`.
    """

    transport: PeerTransport
    local: IceParameters
    is_new: bool

    async def open(self) -> None:
        """Bind the sockets and start to gather candidates.

        Raises:
            IceError: No socket could be bound.
        """
        if self.is_new:
            await self.transport.open()
        else:
            await self.transport.open_generation(self.local)

    async def undo(self) -> None:
        """Close the sockets again, because the plan is not committed."""
        if self.is_new:
            await self.transport.close()
        else:
            self.transport.drop_generation(self.local.username_fragment)

    def publish(self) -> None:
        """Report the candidates of the sockets, because the description has been applied."""
        self.transport.publish(self.local.username_fragment)


class EffectExecutorEvents(PeerTransportEvents, Protocol):
    """The connection, as the effect executor sees it."""

    def add_transceiver(self, key: int) -> RtpTransceiver:
        """Create and add the transceiver that a remote offer asked for."""

    def on_channel(self, channel: DataChannel) -> None:
        """Handle a data channel that the peer opened."""

    def on_data_state(self) -> None:
        """Handle a changed state of SCTP."""


class EffectExecutor:
    """Carries out effects on the transports and media of one connection, found by their keys.

    Args:
        configuration: The configuration of the connection, for its transports.
        certificates: The certificates that transports show.
        events: The connection.
        tap: The trace of the connection, where it is traced.
        judge: Decides on the certificates that the peer shows, where more than its description is
            asked.

    Raises:
        ConfigurationError: The URL of a server cannot be used, or the key log not be written.
    """

    def __init__(
        self,
        configuration: PeerConfiguration,
        certificates: CertificateStore,
        events: EffectExecutorEvents,
        tap: ConnectionTap | None = None,
        *,
        judge: PeerJudge | None = None,
    ) -> None:
        self.transports: dict[str, PeerTransport] = {}
        self.transceivers: dict[int, TransceiverControl] = {}
        self.data: DataTransport | None = None
        self.certificates = certificates
        # A list that cannot be used is refused now, and not when an offer is applied.
        parse_servers(configuration.iceServers)
        self._on_secret = on_secret(configuration)
        self._configuration = configuration
        self._closing_tasks = BackgroundTasks()
        self._events = events
        self._tap = tap
        self._judge = judge

    def __repr__(self) -> str:
        media = f"{len(self.transceivers)} transceivers"
        data = "no data" if self.data is None else "data"
        return f"<EffectExecutor {list(self.transports.values())} {media} {data}>"

    @property
    def uses_dtls(self) -> bool:
        """Tell whether all transports have DTLS associations, so that there are keys to change."""
        return all(transport.secure.uses_dtls for transport in self.transports.values())

    def mids_that_became(
        self, encryption: MediaEncryption, effects: Iterable[Effect], session: Session
    ) -> tuple[str, ...]:
        """List the m-sections whose media these effects have made plain RTP, or SDES-SRTP."""
        keys = {e.key for e in effects if isinstance(e, SendUnencrypted | UseSdesKeys)}
        found = {key for key in keys if self.transports[key].secure.encryption is encryption}
        return tuple(mid for mid, key in session.routes.items() if key in found)

    def use_configuration(self, configuration: PeerConfiguration) -> None:
        """Gather by another configuration from now on, on the transports that there are as well."""
        self._configuration = configuration
        for transport in self.transports.values():
            transport.use_configuration(configuration)

    def data_transport(self) -> DataTransport:
        """Return the one SCTP transport, created when it is first needed."""
        if self.data is None:
            self.data = DataTransport(
                on_channel=self._events.on_channel, on_state=self._events.on_data_state
            )
        return self.data

    async def prepare(self, effects: Iterable[Preparation]) -> list[PreparedSockets]:
        """Bind the sockets of a plan, all or none.

        Raises:
            IceError: A socket cannot be bound.
        """
        prepared = [self._to_prepare(effect) for effect in effects]
        await _open_all(prepared)
        return prepared

    async def discard(self, prepared: Iterable[PreparedSockets]) -> None:
        """Close the sockets that `prepare` bound, for a plan that is not committed."""
        await _undo_all(prepared)

    def adopt(self, prepared: Iterable[PreparedSockets]) -> None:
        """Take over the transports of a plan that was committed."""
        for each in prepared:
            self.transports[each.transport.key] = each.transport

    def branch(
        self,
        transport: PeerTransport,
        effect: OpenTransport,
        *,
        peer: str | None,
        events: PeerTransportEvents | None = None,
    ) -> PeerTransport:
        """Make a transport on the sockets of another one, for another peer.

        Args:
            transport: The other transport, which may be another connection's.
            effect: The key and the ICE credentials of both.
            peer: Username fragment of the peer; None for all peers that no other serves.
            events: Told of it; the connection where None.
        """
        made = self._new_transport(effect, events or self._events)
        made.share_sockets(transport, peer=peer)
        if events is None:
            made.report_gathering()
        return made

    def adopt_transport(self, transport: PeerTransport) -> None:
        """Take over a transport that waited for the answer, or that a fork has been given."""
        tap = None if self._tap is None else self._tap.of_transport(transport.key)
        transport.move(self._events, self.certificates, tap, self._judge)
        transport.report_gathering()
        self.transports[transport.key] = transport

    def replace_transport(self, former: PeerTransport, following: PeerTransport) -> None:
        """Put another transport in the place of one, with the receivers of its early media."""
        self.transports[former.key] = following
        for control in self.transceivers.values():
            control.move_receiver(former.engine, following.engine)

    def close_soon(self, transport: PeerTransport) -> None:
        """Close a transport that belongs to nobody any more."""
        self._closing_tasks.spawn(transport.close(), f"close transport {transport.key}")

    def keep_certificates(self, session: Session) -> None:
        """Drop the certificates that the session does not name any more."""
        used = {None if session.rekey is None else session.rekey.fingerprints}
        for each in (session, session.stable or session):
            used.add(each.fingerprints)
            for transport in each.transports:
                for terms in (transport.association, *transport.fallbacks):
                    used.add(terms.local.fingerprints)
        self.certificates.keep(used)

    def receive_early(self, transport: PeerTransport, receptions: Iterable[EarlyReception]) -> None:
        """Start receivers for media of a peer that is not verified yet, as offered."""
        for reception in receptions:
            control = self.transceivers.get(reception.transceiver)
            if control and control.receive_early(transport.engine, reception.parameters):
                transport.if_failed(control.receiver.disown)

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out the effects of a committed plan."""
        for effect in effects:
            self._apply(effect)

    def end_senders(self) -> None:
        """Send no more media: the connection closes."""
        for control in self.transceivers.values():
            control.sender.end()

    async def close(self) -> None:
        """Stop senders, receivers and data channels, then close the transports."""
        for key in tuple(self.transceivers):
            self._stop_soon(key)
        self._close_data()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT):
                await self._closing_tasks.join()
        except TimeoutError:
            # A track that does not give up its frame, or a busy decoder, must not keep sockets.
            pass
        finally:
            await asyncio.gather(*(transport.close() for transport in self.transports.values()))
            await self._closing_tasks.close()

    def _close_transport(self, key: str) -> None:
        # A fork has none where its answerer bundled provisionally.
        if key in self.transports:
            self.close_soon(self.transports.pop(key))

    def _apply(self, effect: Effect) -> None:
        if isinstance(effect, TransportEffect):
            transport = self.transports[effect.key]
            was_plain = not transport.secure.uses_dtls
            transport.apply(effect)
            if was_plain and transport.secure.uses_dtls:
                self._verify_when_connected(transport)
            return
        match effect:
            case OpenTransport() | OpenGeneration():
                raise AssertionError("sockets are bound by prepare")
            case CloseTransport(key=key):
                self._close_transport(key)
            case CreateTransceiver(transceiver=key):
                self._events.add_transceiver(key)
            case UseEncodings():
                self._use_encodings(effect)
            case StopTransceiver(transceiver=key, leaves=leaves):
                self._stop_soon(key, leaves=leaves)
            case ConfigureRtp():
                self._configure_when_connected(self.transports[effect.transport], effect)
            case AnnounceTrack():
                """The connection fires `track` when everything else is in place."""
            case ConnectData(transport=key):
                self._connect_data(self.transports[key], effect)
            case CloseData():
                self._close_data()
            case _:
                assert_never(effect)

    def _close_data(self) -> None:
        if self.data is not None:
            self._closing_tasks.spawn(self.data.close(), "close data channels")

    def _use_encodings(self, effect: UseEncodings) -> None:
        control = self.transceivers.get(effect.transceiver)
        if control is not None:
            control.sender.use_encodings(effect.rids)

    def _to_prepare(self, effect: Preparation) -> PreparedSockets:
        if isinstance(effect, OpenGeneration):
            return PreparedSockets(self.transports[effect.key], effect.local, is_new=False)
        transport = self._new_transport(effect, self._events)
        return PreparedSockets(transport, effect.local, is_new=True)

    def _new_transport(self, effect: OpenTransport, events: PeerTransportEvents) -> PeerTransport:
        negotiates = self._configuration.rtcp_mux is RtcpMuxPolicy.NEGOTIATE
        return PeerTransport(
            effect,
            self.certificates,
            self._configuration,
            events,
            context=self._context(effect.key),
            rtcp_context=self._context(f"{effect.key}-rtcp") if negotiates else None,
        )

    def _context(self, key: str) -> TransportContext:
        return TransportContext(
            policy=self._configuration.security,
            tap=None if self._tap is None else self._tap.of_transport(key),
            on_secret=self._on_secret,
            judge=self._judge,
            embedding=StunEmbedding() if self._configuration.dtls_in_stun else None,
        )

    def _configure_when_connected(self, transport: PeerTransport, effect: ConfigureRtp) -> None:
        if effect.send is not None or effect.receive is not None:
            transport.secure.require_srtp()
        if (control := self.transceivers.get(effect.transceiver)) is not None:
            control.agree(*effect.agreed)
        transport.when_connected(
            f"transceiver {effect.transceiver}", lambda: self._configure(effect)
        )

    def _configure(self, effect: ConfigureRtp) -> None:
        transport = self.transports.get(effect.transport)
        control = self.transceivers.get(effect.transceiver)
        if transport is not None and control is not None:
            verified = transport.secure.uses_dtls
            if self._judge is not None:
                control.receiver.comes_from(lambda: transport.peer)
            control.configure(transport.engine, effect.send, effect.receive, verified=verified)

    def _verify_when_connected(self, transport: PeerTransport) -> None:
        """Mark media that was plain RTP as verified, once a handshake has shown whose it is."""
        for control in self.transceivers.values():
            if control.receiver.engine is transport.engine:
                subject = f"verification of {control.key}"
                transport.when_connected(subject, control.receiver.verify)

    def _connect_data(self, transport: PeerTransport, effect: ConnectData) -> None:
        data = self.data_transport()
        transport.data = data
        data.prepare(
            transport.secure.aiortc_dtls,
            remote_port=effect.remote_port,
            remote_max_message_size=effect.remote_max_message_size,
        )
        if effect.is_new_peer:
            # The DTLS association that serves is with the former one.
            data.on_new_peer()
        elif transport.secure.state is DtlsTransportState.CONNECTED:
            data.on_dtls_connected()

    def _stop_soon(self, key: int, *, leaves: bool = True) -> None:
        control = self.transceivers[key]
        self.stop_media(control)
        if leaves:
            del self.transceivers[key]

    def stop_media(self, control: TransceiverControl) -> asyncio.Task[None]:
        """Stop to send now, and to receive in a later turn: the end of the track can be heard."""
        control.sender.end()
        return self._closing_tasks.spawn(control.stop(), f"stop transceiver {control.key}")


async def _open_all(prepared: Collection[PreparedSockets]) -> None:
    """Bind all sockets or none.

    Raises:
        IceError: Some could not be bound; all are closed again.
    """
    try:
        results = await asyncio.gather(*(p.open() for p in prepared), return_exceptions=True)
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None:
            raise failure
    except BaseException:
        await _undo_all(prepared)
        raise


async def _undo_all(prepared: Iterable[PreparedSockets]) -> None:
    """Close all sockets, side by side, also where the caller is cancelled meanwhile."""
    await asyncio.shield(asyncio.gather(*(each.undo() for each in prepared)))
