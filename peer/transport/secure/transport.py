"""The secure transport of one BUNDLE group: DTLS, SRTP and data over one ICE path."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, assert_never

from peer.bounded import append_last
from peer.errors import DtlsError, InvalidStateError
from peer.states import DtlsRole, DtlsTransportState, IceTransportState, MediaEncryption
from peer.transport.adapters.dtls import AiortcDtlsTransport
from peer.transport.context import DEFAULT_CONTEXT
from peer.transport.dtls import reasons
from peer.transport.dtls.association import DtlsAssociation
from peer.transport.dtls.counters import DROPS, Counters, ReceiveResult
from peer.transport.dtls.early_packets import MAX_EARLY_PACKETS
from peer.transport.dtls.new_client import COOKIE_SIZE, MAX_RANDOMS, NewClient, NewClientGate
from peer.transport.dtls.record_filter import (
    begins_with_client_hello,
    hello_verify_request,
    parse_client_hello,
)
from peer.transport.secure.coordinator import RekeyCoordinator
from peer.transport.secure.sdes import SdesMedia
from peer.transport.secure.sending import SendKeySelector
from peer.transport.secure.slots import AssociationSlot, FollowingPath
from peer.transport.secure.stats import SecureTransportStats
from peer.transport.secure.strangers import StrangerGate, StrangerVerdict
from peer.transport.secure.unencrypted import UnencryptedMedia
from peer.transport.wire.demux import associations_for, classify
from peer.wake_up import WakeUp

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.identity.fingerprints import Fingerprint
    from peer.srtp_keys import SrtpMasterKeys
    from peer.transport.context import TransportContext
    from peer.transport.interfaces import (
        DatagramPath,
        MakeFreshPath,
        MakeOwnPath,
        PacketHandlers,
        SecureEvents,
        StrangerPath,
    )

_PATH_UP = frozenset({IceTransportState.CONNECTED, IceTransportState.COMPLETED})

#: Packets that the next association of a rekey may buffer (ours): the peer is known by then, and an
#: answer that announces a new certificate may be slower than the handshake.
_MAX_EARLY_PACKETS_OF_NEXT = 1024

# Looked up for every packet, and an Enum takes its time.
_PAYLOAD = ReceiveResult.PAYLOAD


class SecureTransport:
    """DTLS, SRTP and DTLS application data above one path, or media without DTLS where agreed on.

    Datagrams come by `receive`, states of the path by `on_ice_state`; packets and events go to the
    owner, all by plain calls. The state is that of the first association until it is connected,
    and stays `connected` while another one follows: see `RekeyCoordinator`.

    Args:
        key: Names this transport in statistics.
        certificate: Our certificate until `listen` or `connect` name one.
        events: Told of states and rekeys.
        context: Policy, clock, trace and key log, for every association.

    Attributes:
        aiortc_dtls: Stands for this transport towards aiortc's SCTP.
        closed: Whether `close` was called.
        ice: Carries the datagrams; None before `attach`.
    """

    def __init__(
        self,
        *,
        key: str,
        certificate: Certificate,
        events: SecureEvents,
        context: TransportContext = DEFAULT_CONTEXT,
    ) -> None:
        self.key = key
        self.ice: DatagramPath | None = None
        self.closed = False
        self._certificate = certificate
        self._events = events
        self._context = context
        self._handlers: PacketHandlers | None = None
        self._needs_srtp = self._path_up = False
        self._counters = Counters()
        self._key_selector = SendKeySelector(self._counters)
        self._associations = RekeyCoordinator(
            events=events,
            key_selector=self._key_selector,
            context=context,
            on_state=self._on_state,
        )
        self._without_dtls: UnencryptedMedia | SdesMedia | None = None
        self._new_clients: NewClientGate | None = None
        self._strangers: StrangerGate | None = None
        self._make_own_path: MakeOwnPath | None = None
        self._former_clients: list[bytes] = []
        self._outcome_known = WakeUp()
        self.aiortc_dtls = AiortcDtlsTransport(self, certificate)

    def __repr__(self) -> str:
        return f"<SecureTransport {self.key!r} {self.state.value} {self.current!r}>"

    def attach(self, path: DatagramPath, handlers: PacketHandlers) -> None:
        """Set the path below and the receivers of packets above; once, before any association.

        They are not arguments of the constructor because each takes a function of this transport
        at its own construction: the path `receive`, and an RTP engine `send_rtp`.

        Args:
            path: Carries the datagrams; `IceGenerations` in a connection.
            handlers: Take the decrypted packets.

        Raises:
            InvalidStateError: They are set already.
        """
        if self._handlers is not None:
            raise InvalidStateError("the path of the secure transport is set already")
        self.ice, self._handlers = path, handlers

    @property
    def state(self) -> DtlsTransportState:
        """`new` before there is any association; `connected` through every change of keys.

        Without DTLS it is `connected` with the first path.
        """
        if self.closed:
            return DtlsTransportState.CLOSED
        if self._without_dtls is not None:
            return self._without_dtls.state
        return self._associations.state

    @property
    def encryption(self) -> MediaEncryption:
        """Protection of the media, which is DTLS-SRTP until something else is agreed on."""
        match self._without_dtls:
            case None:
                return MediaEncryption.DTLS_SRTP
            case SdesMedia():
                return MediaEncryption.SDES_SRTP
            case UnencryptedMedia():
                return MediaEncryption.NONE

    @property
    def uses_dtls(self) -> bool:
        """True unless media is plain RTP, or its keys are those of signalling."""
        return self._without_dtls is None

    @property
    def error(self) -> DtlsError | None:
        """Error for which the state is `failed`, or None."""
        media = self._without_dtls
        return self._associations.error if media is None else media.error

    @property
    def role(self) -> DtlsRole | None:
        """Our role in the association that we send with; None before the answer is known."""
        slot = self._associations.current
        return slot.association.role if slot is not None and slot.answered else None

    @property
    def verified(self) -> bool:
        """True where the certificate that the peer has shown is the one that it signalled."""
        return self.current is not None and self.current.verified

    @property
    def has_mismatch(self) -> bool:
        """True where the peer has shown another certificate than the one that it signalled."""
        return self.current is not None and self.current.has_mismatch

    @property
    def current(self) -> DtlsAssociation | None:
        """Association that we send with; None before `listen` or `connect`."""
        slot = self._associations.current
        return None if slot is None else slot.association

    def listen(
        self, association: int, certificate: Certificate, *, fresh_path: MakeFreshPath | None = None
    ) -> None:
        """Be ready for a ClientHello before the answer (RFC 5763 section 5).

        Args:
            association: Its number; another than before means a new association (section 6.6).
            certificate: Our certificate in it.
            fresh_path: Makes the path of the ICE restart that it begins with, for a call once that
                path is up; None for the path in use.
        """
        is_new = self._associations.find(association) is None and not self._associations.is_past(
            association
        )
        if is_new and not self.closed:
            slot = self._make_slot(association, certificate, DtlsRole.SERVER, fresh_path)
            self._associations.admit(slot)

    def connect(
        self,
        association: int,
        certificate: Certificate,
        role: DtlsRole,
        remote_fingerprints: Sequence[Fingerprint],
        *,
        peer_may_keep: bool = False,
        is_answerer: bool = False,
        fresh_path: MakeFreshPath | None = None,
    ) -> None:
        """Run an association as the answer says: in this role, with a peer of these fingerprints.

        A listening association is kept where we are the server, as its handshake may be complete
        by now. A client sends its ClientHello once the path is up. Further calls verify the
        association against the latest fingerprints.

        Args:
            association: As in `listen`.
            certificate: As in `listen`.
            role: Our role; the client sends the ClientHello.
            remote_fingerprints: Fingerprints that the peer announced.
            peer_may_keep: The peer may keep its association and never take part in this one.
            is_answerer: The peer may not have our answer yet, which a first association waits for.
            fresh_path: As in `listen`.

        Raises:
            InvalidStateError: The transport is closed, the association runs in the other role, or
                another one has taken its place.
        """
        if self.closed:
            raise InvalidStateError("the secure transport is closed")
        if self._associations.is_past(association):
            raise InvalidStateError(f"another association has followed association {association}")
        former, self._without_dtls = self._without_dtls, None
        slot = self._associations.find(association)
        if slot is not None and slot.association.role is not role:
            if slot.answered:
                raise InvalidStateError(
                    f"the association runs as {slot.association.role}, not as {role}"
                )
            self._associations.discard(slot)
            slot = None
        if slot is None:
            slot = self._make_slot(association, certificate, role, fresh_path)
            self._associations.admit(slot)
        elif fresh_path is None:
            # The peer does not restart ICE with it.
            slot.release_path()
            slot.fresh_path = None
        self._associations.answer(
            slot, remote_fingerprints, peer_may_keep=peer_may_keep, is_answerer=is_answerer
        )
        if isinstance(former, SdesMedia):
            former.close()
        elif former is not None and role is DtlsRole.SERVER:
            # RFC 5763 section 5: the client may begin before its answer is here.
            for datagram in former.early_handshake:
                slot.association.receive(datagram)

    def send_unencrypted(self) -> None:
        """Let RTP and RTCP flow in clear, as offer and answer agree (RFC 8643 section 3.3).

        A peer that has begun a handshake has keys, so somebody has taken them out of its answer:
        the transport fails.
        """
        current = self.current
        if self.closed or self._without_dtls is not None:
            return
        if current is not None and current.has_begun:
            current.fail(reasons.downgraded())
            return
        path, handlers = self._attached()
        self._without_dtls = UnencryptedMedia(
            path, handlers, self._counters, self._context.clock, self._on_unexpected_keys
        )
        self._associations.give_way(self._without_dtls)
        if self._context.tap is not None:
            self._context.tap.media_unencrypted()
        self._start_without_dtls()

    def use_sdes_keys(self, keys: SrtpMasterKeys) -> None:
        """Let SRTP and SRTCP flow under keys of signalling, as offer and answer agree (RFC 4568).

        Args:
            keys: The keys; a direction whose key is the same as before goes on as it is.
        """
        if self.closed:
            return
        if isinstance(self._without_dtls, SdesMedia):
            self._without_dtls.use(keys)
        else:
            path, handlers = self._attached()
            self._without_dtls = SdesMedia(
                path, handlers, self._counters, self._context.clock, keys
            )
            self._associations.give_way(self._without_dtls)
        if self._context.tap is not None:
            self._context.tap.sdes_keys(keys.ours.suite)
        self._start_without_dtls()

    def expect_keys(self, *, expected: bool) -> None:
        """Note whether a handshake of the peer may come where media is plain RTP.

        It may while an offer with keys waits for its answer. Else it is of a peer from whose
        answer somebody has taken the keys.
        """
        if isinstance(self._without_dtls, UnencryptedMedia):
            self._without_dtls.expect_keys(expected=expected)

    def drop(self, association: int) -> None:
        """Give up an association, as the descriptions have gone back to the one before.

        An association that is complete stays, as the peer may be using it; so does the only one.
        """
        self._associations.drop(association)

    def require_srtp(self) -> None:
        """Refuse a peer without an SRTP profile in common, as media is to flow."""
        self._needs_srtp = True
        for slot in self._associations.all:
            slot.association.require_srtp()

    def on_ice_state(self, state: IceTransportState) -> None:
        """Note the state of the path, whose interruptions and restarts the associations outlive."""
        self._path_up = state in _PATH_UP
        self._associations.on_path(up=self._path_up)
        self._start_without_dtls()

    def on_peer_check(self) -> None:
        """Note an ICE check of the peer, which shows that it has our description."""
        self._associations.on_peer_check()

    def receive(self, datagram: bytes) -> bool:
        """Take a datagram from an address that has shown to be the peer's; never raises.

        Returns:
            True where it has authenticated under the keys of an association.
        """
        counters = self._counters
        counters.packets_received += 1
        counters.bytes_received += len(datagram)
        only = self._associations.only
        result = self._offer(datagram) if only is None else only.receive(datagram)
        if result is not _PAYLOAD:
            drop = DROPS.get(result)
            if drop is not None:
                counters.count_drop(drop, datagram, self._context.tap)
            if result is ReceiveResult.NEW_CLIENT or self.state is DtlsTransportState.CLOSED:
                self._receive_client_hello(datagram)
            return False
        return True

    def receive_stranger(self, datagram: bytes, path: StrangerPath) -> None:
        """Take a datagram of an unknown sender, where the peer has no ICE; never raises.

        Args:
            datagram: Anything but STUN.
            path: The way back to its sender.
        """
        hello = parse_client_hello(datagram) if begins_with_client_hello(datagram) else None
        listening = self._associations.listening
        slot = listening or self._associations.restartable
        if hello is None or slot is None or self.closed:
            return
        gate = self._strangers = self._strangers or StrangerGate()
        now = asyncio.get_running_loop().time()
        has_turn = path.is_signalled or listening is None
        match gate.judge(hello, path.remote, now, has_turn=has_turn):
            case StrangerVerdict.IGNORE:
                return
            case StrangerVerdict.VERIFY:
                cookie = gate.cookies.cookie(hello, path.remote)
                path.send(hello_verify_request(datagram, cookie=cookie))
            case StrangerVerdict.ACCEPT if slot is listening:
                path.accept()
                slot.follow(path)
                slot.association.receive_verified_hello(datagram)
            case StrangerVerdict.ACCEPT:
                if self._gate(slot).judge_verified(hello, now) is NewClient.ACCEPT:
                    path.accept()
                    self._restart(slot, DtlsRole.SERVER, path).receive_verified_hello(datagram)
            case never:
                assert_never(never)

    def use_paths_of_their_own(self, make: MakeOwnPath) -> None:
        """Give each further association a path of its own, as the peer has no ICE.

        As server each then takes no ClientHello without a cookie.

        Args:
            make: Makes the path of an association in which we have a role; None where there is
                none yet, and the path in use serves.
        """
        self._make_own_path = make

    def begin_anew(self, path: StrangerPath) -> None:
        """Begin DTLS anew as client, at another address of a peer without ICE.

        The association in use serves until the new one is complete, and on where the peer does not
        take part: only a handshake moves media.
        """
        slot = self._associations.in_use_as_client
        if slot is not None and not self.closed:
            self._restart(slot, DtlsRole.CLIENT, path)

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send an RTP packet; False and counted where that is not possible now."""
        return self._key_selector.sender.send_rtp(packet)

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Protect and send several RTP packets in their order; return how many were sent."""
        return self._key_selector.sender.send_rtp_all(packets)

    def send_rtcp(self, packet: bytes) -> bool:
        """Protect and send an RTCP packet; False and counted where that is not possible now."""
        return self._key_selector.sender.send_rtcp(packet)

    def send_data(self, message: bytes) -> bool:
        """Encrypt and send one SCTP packet; False and counted where that is not possible now."""
        return self._key_selector.sender.send_data(message)

    async def connected(self) -> None:
        """Wait until packets can flow.

        Raises:
            DtlsError: The handshake or the verification failed, or either side closed.
        """
        await self._outcome_known.wait()
        if self.state is not DtlsTransportState.CONNECTED:
            raise self.error or DtlsError("the secure transport was closed")

    async def close(self) -> None:
        """Send close_notify and drop all keys; at any moment, any number of times."""
        before = self.state
        self.closed = True
        if isinstance(self._without_dtls, SdesMedia):
            self._without_dtls.close()
        self._associations.close()
        self._outcome_known.set()
        if before is not DtlsTransportState.CLOSED:
            self._events.on_state(DtlsTransportState.CLOSED)

    def stats(self) -> SecureTransportStats:
        """Take the statistics of this moment."""
        media = self._without_dtls
        slot = self._associations.current
        current = None if slot is None else slot.association
        certificate = self._certificate if slot is None else slot.certificate
        return SecureTransportStats(
            state=self.state,
            encryption=self.encryption,
            association=0 if current is None else current.number,
            role=self.role,
            version=None if current is None else current.version,
            cipher=None if current is None else current.cipher,
            srtp_profile=None if current is None else current.srtp_profile,
            crypto_suite=media.suite if isinstance(media, SdesMedia) else None,
            local_fingerprint=certificate.fingerprint(),
            remote_fingerprint=None if current is None else current.peer_fingerprint,
            local_chain=certificate.der_chain,
            remote_chain=() if current is None else current.peer_chain_der,
            **asdict(self._counters),
        )

    def _receive_client_hello(self, datagram: bytes) -> None:
        """Answer a peer that begins DTLS anew on the path that it has (RFC 6347 section 4.2.8)."""
        slot, hello = self._associations.restartable, parse_client_hello(datagram)
        if self.closed or self.ice is None or slot is None or hello is None:
            return
        gate = self._gate(slot)
        cookie = gate.cookie
        match gate.judge(hello, asyncio.get_running_loop().time()):
            case NewClient.IGNORE:
                return
            case NewClient.VERIFY:
                self.ice.send(hello_verify_request(datagram, cookie=cookie))
            case NewClient.ACCEPT:
                self._restart(slot, DtlsRole.SERVER, cookie=cookie).receive(datagram)
            case never:
                assert_never(never)

    def _gate(self, slot: AssociationSlot) -> NewClientGate:
        gate = self._new_clients = self._new_clients or NewClientGate()
        for random in (*self._former_clients, slot.association.client_random):
            gate.remember(random)
        return gate

    def _restart(
        self,
        slot: AssociationSlot,
        role: DtlsRole,
        path: StrangerPath | None = None,
        *,
        cookie: bytes | None = None,
    ) -> DtlsAssociation:
        """Begin an association beside the one that serves, without a description."""
        if self._context.tap is not None:
            self._context.tap.association_restarted()
        following = self._make_slot(slot.number, slot.certificate, role, own=path, cookie=cookie)
        self._associations.admit_restart(following)
        return following.association

    def _make_slot(
        self,
        number: int,
        certificate: Certificate,
        role: DtlsRole,
        fresh_path: MakeFreshPath | None = None,
        *,
        own: StrangerPath | None = None,
        cookie: bytes | None = None,
    ) -> AssociationSlot:
        path, handlers = self._attached()
        if self._make_own_path is not None:
            own = own or self._make_own_path(role)
            # RFC 6347 section 4.2.1: nothing else shows that a peer without ICE is where it says.
            cookie = cookie or secrets.token_bytes(COOKIE_SIZE)
        followed = FollowingPath(path, own) if self._make_own_path is not None else None
        is_first = self._associations.current is None
        if self.current is not None:
            append_last(self._former_clients, self.current.client_random, most=MAX_RANDOMS)
        slot = AssociationSlot(
            certificate,
            self._associations,
            fresh_path,
            make=lambda slot: DtlsAssociation(
                certificate=certificate,
                role=role,
                path=slot.fresh_path or followed or path,
                handlers=handlers,
                events=slot,
                context=self._context,
                number=number,
                counters=self._counters,
                cookie=cookie,
                round_trip_time=lambda: path.round_trip_time,
                max_early_packets=MAX_EARLY_PACKETS if is_first else _MAX_EARLY_PACKETS_OF_NEXT,
            ),
        )
        slot.own_path = followed
        if self._needs_srtp:
            slot.association.require_srtp()
        return slot

    def _attached(self) -> tuple[DatagramPath, PacketHandlers]:
        if self.ice is None or self._handlers is None:
            raise InvalidStateError("the secure transport has no path yet")
        return self.ice, self._handlers

    def _on_unexpected_keys(self) -> None:
        """Fail, as a peer that was said to have no keys begins a handshake."""
        media = self._without_dtls
        if not isinstance(media, UnencryptedMedia) or media.error is not None:
            return
        media.error = reasons.downgraded()
        self._key_selector.close()
        self._on_state(DtlsTransportState.FAILED)

    def _start_without_dtls(self) -> None:
        """Send what needs no handshake from the first moment on that there is a path."""
        media = self._without_dtls
        if media is not None and self._path_up and media.state is DtlsTransportState.NEW:
            media.is_up = True
            self._key_selector.use(media)
            self._on_state(DtlsTransportState.CONNECTED)

    def _offer(self, datagram: bytes) -> ReceiveResult:
        """Offer a datagram to each association that it may belong to, until one takes it."""
        first_refusal = ReceiveResult.UNEXPECTED
        for slot in associations_for(datagram, classify(datagram), self._associations.all):
            result = slot.association.receive(datagram)
            match result:
                case ReceiveResult.PAYLOAD:
                    self._associations.on_authenticated(slot)
                    return result
                case ReceiveResult.HANDSHAKE:
                    self._associations.on_handshake_datagram(slot)
                    return result
                case ReceiveResult.BUFFERED:
                    return result
                case _ if first_refusal is ReceiveResult.UNEXPECTED:
                    first_refusal = result
                case _:
                    continue
        return first_refusal

    def _on_state(self, state: DtlsTransportState) -> None:
        if self.closed:
            return
        if state in (DtlsTransportState.NEW, DtlsTransportState.CONNECTING):
            self._outcome_known.clear()
        else:
            self._outcome_known.set()
        if state is not DtlsTransportState.NEW:
            self._events.on_state(state)
