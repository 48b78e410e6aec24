"""The path to a peer without ICE: where it is, how it moves, and when it ends (RFC 5763 6.7.2).

Nothing has shown that the peer is at the address of its description, and a NAT may give it another
one. Gateways *latch*: they send to wherever packets come from, and so to whoever sends some. Here a
DTLS handshake alone moves the path, as it cannot be repeated from elsewhere: packets and records
can. Until a ClientHello has shown by its cookie that it comes from where it says (RFC 6347 section
4.2.1), its sender is answered with less than it sent, and nothing is kept of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
from socket import SOCK_DGRAM
from typing import TYPE_CHECKING, Final, Protocol

from aioice import stun

from peer.bounded import append_last
from peer.errors import IceError
from peer.ice import CandidateFields, DefaultDestination, default_candidate
from peer.transport.ice.consent import ConsentState
from peer.transport.wire.dtls_records import ContentType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.configuration.candidate_filter import CandidateFilter
    from peer.times import MonotonicTime
    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.adapters.ice_socket import Address, IceSocket
    from peer.transport.ice.datagrams import IceDatagrams
    from peer.transport.ice.timing import IceTiming
    from peer.transport.interfaces import StrangerPath

#: Datagrams of unknown senders kept until the answer says that the peer has no ICE (ours): the
#: ClientHello of an answerer may overtake its answer (RFC 5763 section 5).
MAX_EARLY: Final = 4
#: Answers to STUN requests from the address that the peer has signalled, each of which may be
#: larger than the request (ours): RFC 5763 section 6.7.2 has a peer send a single one.
_MAX_ANSWERS: Final = 8


class LatchingEvents(Protocol):
    """Receives the events of a `LatchingPath`."""

    def on_usable(self) -> None:
        """Take note that the address of the peer is known."""

    def on_path(self) -> None:
        """Take note that the path is another one."""

    def on_silence(self, state: ConsentState) -> None:
        """Take the state of the peer: heard, silent, or so long that sending must stop."""

    def on_unreachable(self, error: IceError) -> None:
        """Take note that the address of the peer cannot be used."""


class EarlyStrangers:
    """Keeps the last few handshake records of unknown senders until the answer is here."""

    def __init__(self) -> None:
        self._kept: list[tuple[bytes, Address, IceSocket]] = []

    def on_stranger(self, data: bytes, source: Address, socket: IceSocket) -> None:
        """Keep a handshake record; called by a socket."""
        if data[0] == ContentType.HANDSHAKE:
            append_last(self._kept, (data, source, socket), most=MAX_EARLY)

    def pop_all(self) -> list[tuple[bytes, Address, IceSocket]]:
        """Take what was kept, the oldest first."""
        kept, self._kept = self._kept, []
        return kept


class LatchingPath:
    """Path of one `IceGeneration` to a peer without ICE.

    Args:
        agent: Holds the sockets; its checks are halted.
        datagrams: Counts what is sent.
        local_candidate: Gives the default candidate of ours, as announced, and the address of its
            socket.
        remote_filter: Decides whether an address of the peer may be sent to.
        receive: Takes a datagram of the peer; True where it has authenticated.
        on_stranger: Takes a datagram of an unknown sender, and the way back to it.
        events: Told of the path, of silence and of addresses that cannot be used.
        timing: `consent_expiry` bounds the time without an authenticated packet.

    Attributes:
        signalled: The address of the peer's description; None before its name is resolved.
        remote: The address that media is sent to; None before there is one.
        on_quiet: Called while the peer is quiet, but not yet silent, to ask it for a sign of life.
    """

    def __init__(
        self,
        agent: IceAgent,
        datagrams: IceDatagrams,
        *,
        local_candidate: Callable[[IceSocket], CandidateFields | None],
        remote_filter: CandidateFilter,
        receive: Callable[[bytes], bool],
        on_stranger: Callable[[bytes, StrangerPath], None],
        events: LatchingEvents,
        timing: IceTiming,
    ) -> None:
        self.signalled: Address | None = None
        self.remote: Address | None = None
        self.on_quiet: Callable[[], None] | None = None
        self._agent = agent
        self._datagrams = datagrams
        self._local_candidate = local_candidate
        self._filter = remote_filter
        self._receive = receive
        self._on_stranger = on_stranger
        self._events = events
        self._timing = timing
        self._socket: IceSocket | None = None
        self._is_client = False
        self._is_latched = False
        self._has_moved = False
        self._held = False
        self._ended = False
        self._answers_left = _MAX_ANSWERS
        #: The destination whose name led to `signalled`.
        self._looked_up: DefaultDestination | None = None
        self._heard_at: MonotonicTime = 0.0
        self._reported = ConsentState.FRESH
        self._timer: asyncio.TimerHandle | None = None
        self._clock = asyncio.get_running_loop().time
        agent.on_datagram = self._on_datagram
        for socket in agent.sockets:
            socket.on_stranger = self._stranger
            socket.on_request = self._on_request

    def __repr__(self) -> str:
        how = "held" if self._held else "latched" if self._is_latched else "signalled"
        return f"<LatchingPath {how} {self.remote}>"

    @property
    def pair(self) -> tuple[CandidateFields, CandidateFields] | None:
        """Our default candidate, and the peer's address as a candidate.

        Its type is `host` where the peer has signalled it, `prflx` where a handshake showed it.
        """
        local = None if self._socket is None else self._local_candidate(self._socket)
        if local is None or self.remote is None:
            return None
        host, port = self.remote
        kind = "host" if self.remote == self.signalled else "prflx"
        return local, CandidateFields("0", 1, "udp", 1, host, port, kind)

    @property
    def sends(self) -> bool:
        """True where something may be sent: there is an address, and no hold or end."""
        return self._agent.path is not None

    def take(
        self,
        destination: DefaultDestination,
        *,
        is_client: bool,
        on_moved: Callable[[LatchingPath], None],
    ) -> bool:
        """Take the address of the peer's description.

        Args:
            destination: Where the peer receives.
            is_client: We send the ClientHello, there and nowhere else.
            on_moved: Called where a path that was in use has another address now, and we are the
                client: we have to begin anew there, as nothing but a handshake may move media (RFC
                5763 section 6.6 has changed transport parameters begin a new association, too). As
                server we wait for the peer.

        Returns:
            False where it is a name, for `look_up`.
        """
        if destination == self._looked_up and self.signalled is not None:
            address = self.signalled
        elif _is_address(destination.address):
            address = destination.address, destination.port
        else:
            return False
        self._use(destination, address, is_client=is_client, on_moved=on_moved)
        return True

    async def look_up(
        self,
        destination: DefaultDestination,
        *,
        is_client: bool,
        on_moved: Callable[[LatchingPath], None],
    ) -> None:
        """Look up the name of a destination, once, and take its address; see `take`."""
        host, port = destination.address, destination.port
        refusal = self._filter.refusal(host, port)
        found: list[str] = []
        if refusal is None:
            try:
                loop = asyncio.get_running_loop()
                entries = await loop.getaddrinfo(host, port, type=SOCK_DGRAM)
                found = [str(entry[4][0]) for entry in entries]
            except OSError as error:
                refusal = f"its name leads nowhere ({error.strerror})"
        families = {":" in socket.local_candidate.host for socket in self._agent.sockets}
        usable = [address for address in found if (":" in address) in families]
        if self._ended:
            return
        if not usable:
            refusal = refusal or "it has no address of an IP version that we have"
            self._events.on_unreachable(_unreachable(destination, refusal))
            return
        self._looked_up = destination
        self._use(destination, (usable[0], port), is_client=is_client, on_moved=on_moved)

    def _use(
        self,
        destination: DefaultDestination,
        address: Address,
        *,
        is_client: bool,
        on_moved: Callable[[LatchingPath], None],
    ) -> None:
        before, was_held = self.signalled, self._held
        self._is_client = is_client
        self._held = destination.is_hold
        if was_held:
            self._heard_at = self._clock()
        if self._held:
            # RFC 3264 section 8.4: neither RTP nor RTCP is to be sent.
            self._agent.path = None
            return
        refusal = self._filter.refusal(*address)
        socket = self._socket or self._default_socket(address[0])
        if refusal is not None or socket is None:
            refusal = refusal or "none of our sockets has its IP version"
            self._events.on_unreachable(_unreachable(destination, refusal))
            return
        self._socket, self.signalled = socket, address
        moved = before not in (None, address) and self._is_latched
        self._has_moved = self._has_moved or moved
        self._go_on()
        if not is_client and (moved or not self._is_latched):
            self._open_pinhole(socket, address)
        self._events.on_usable()
        if moved and is_client:
            on_moved(self)

    def flush(self, early: Sequence[tuple[bytes, Address, IceSocket]]) -> None:
        """Take what unknown senders sent before it was known that the peer has no ICE."""
        for data, source, socket in early:
            self._stranger(data, source, socket)

    def to_signalled(self) -> AddressedPath | None:
        """Make a path to the address of the peer's description, for a handshake of ours.

        Returns:
            None where the path in use is right: a handshake has shown it since that address is
            known, or there is no address yet.
        """
        if self.signalled is None or self._socket is None:
            return None
        if self._is_latched and not self._has_moved:
            return None
        path = AddressedPath(self, self._socket, self.signalled)
        path.accept()
        return path

    def on_verified(self, *, latches: bool = True) -> None:
        """Count the peer's silence from now on: a handshake has just shown it to be there.

        Args:
            latches: False for plain RTP, which has no handshake, and moves with descriptions alone.
        """
        self._is_latched = latches
        self._heard_at = self._clock()
        self._look()

    def on_heard(self) -> None:
        """End the silence of the peer: it was heard, authenticated, on its port of RTCP."""
        self._heard_at = self._clock()

    def close(self) -> None:
        """Stop the timer, and take nothing more from unknown senders."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()

    # Of AddressedPath

    def send(self, datagrams: Sequence[bytes], socket: IceSocket, remote: Address) -> int:
        """Send on a path of its own, unless sending is halted; return how many were sent."""
        halted = self._held or self._ended
        sent = 0 if halted else socket.transmit_all(datagrams, remote)
        counters = self._datagrams
        counters.packets_sent += sent
        counters.bytes_sent += sum(map(len, datagrams[:sent]))
        counters.packets_unsent += len(datagrams) - sent
        return sent

    def accept(self, socket: IceSocket, source: Address) -> None:
        """Take datagrams of this source: it has shown that it is where it says."""
        socket.allow_source(source)
        if not self._is_latched:
            # Nothing but the handshake uses the path before that is complete.
            self._move(socket, source)

    def latch(self, socket: IceSocket, remote: Address) -> None:
        """Send all to where a completed handshake came from, and take nothing from elsewhere."""
        self._is_latched = True
        self._has_moved = False
        self._move(socket, remote)
        self.on_verified()

    def _move(self, socket: IceSocket, remote: Address) -> None:
        before, self._socket, self.remote = (self._socket, self.remote), socket, remote
        if before[0] is not None and before[1] not in (None, remote):
            before[0].refuse_source(before[1])
        socket.allow_source(remote)
        self._go_on()
        if before[1] != remote:
            self._events.on_path()

    def _go_on(self) -> None:
        """Send to the address that the path has, unless it is held or over."""
        if self._held or self._ended or self._socket is None:
            return
        goes_where_signalled = self._is_client and not self._is_latched
        if goes_where_signalled and self.signalled not in (None, self.remote):
            self._move(self._socket, self.signalled)
        elif self.remote is not None:
            self._agent.path = (self._socket, self.remote)

    def _on_datagram(self, data: bytes) -> None:
        if self._receive(data):
            self._heard_at = self._clock()

    def _stranger(self, data: bytes, source: Address, socket: IceSocket) -> None:
        if not self._ended and not self._held:
            self._on_stranger(data, AddressedPath(self, socket, source))

    # Silence

    def _look(self) -> None:
        """Report what the silence of the peer means, and look again when it may mean more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._ended:
            return
        now, expiry = self._clock(), self._timing.consent_expiry
        if self._held:
            self._heard_at = now
        silent = now - self._heard_at
        # RTCP alone may come as seldom as each 7.5 s (RFC 3550 section 6.2), and of a data channel
        # nothing at all for 30 s (RFC 9260 section 16), unless it is asked.
        quiet, warning = expiry / 3, expiry / 2
        if silent >= expiry:
            state = ConsentState.EXPIRED
            self._ended = True
        else:
            state = ConsentState.SILENT if silent >= warning else ConsentState.FRESH
        if state is not self._reported:
            self._reported = state
            self._events.on_silence(state)
        if not self._ended:
            if silent >= quiet and self.on_quiet is not None:
                self.on_quiet()
            # While it is silent, a packet is noticed within a second.
            wait = min(1.0, expiry - silent) if silent >= quiet else quiet - silent
            self._timer = asyncio.get_running_loop().call_later(max(wait, 0.01), self._look)

    # STUN without credentials

    def _open_pinhole(self, socket: IceSocket, remote: Address) -> None:
        """Send the one check of RFC 5763 section 6.7.2, whose answer nobody waits for."""
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        socket.send_stun(request, remote)

    def _on_request(
        self, message: stun.Message, source: Address, socket: IceSocket, size: int
    ) -> None:
        """Answer a binding request, with no more octets than it had unless it is the peer's."""
        if message.message_method != stun.Method.BINDING or self._ended or self._held:
            return
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=message.transaction_id,
        )
        response.attributes["XOR-MAPPED-ADDRESS"] = source
        if len(bytes(response)) > size:
            if source != self.signalled or self._answers_left == 0:
                return
            self._answers_left -= 1
        socket.send_stun(response, source)

    def _default_socket(self, remote: str) -> IceSocket | None:
        """Find the socket of our default candidate, which the peer was told (RFC 3264 5.1)."""
        sockets = {
            socket: candidate
            for socket in self._agent.sockets
            if (":" in socket.local_candidate.host) == (":" in remote)
            and (candidate := self._local_candidate(socket)) is not None
        }
        default = default_candidate(sockets.values())
        return next((s for s, candidate in sockets.items() if candidate is default), None)


class AddressedPath:
    """Way to one address, for one DTLS association (`StrangerPath`).

    Args:
        owner: The path of the transport.
        socket: The socket that it goes by.
        remote: The address at its end.
    """

    def __init__(self, owner: LatchingPath, socket: IceSocket, remote: Address) -> None:
        self.remote = remote
        self._owner = owner
        self._socket = socket

    def __repr__(self) -> str:
        return f"<AddressedPath {self.remote}>"

    @property
    def is_signalled(self) -> bool:
        """True where the peer's description names this address."""
        return self.remote == self._owner.signalled

    def send(self, datagram: bytes) -> bool:
        """Send a datagram there; False where sending is halted, or there is no room."""
        return self._owner.send((datagram,), self._socket, self.remote) == 1

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """Send several in their order; return how many were sent."""
        return self._owner.send(datagrams, self._socket, self.remote)

    def accept(self) -> None:
        """Take datagrams from there from now on."""
        self._owner.accept(self._socket, self.remote)

    def refuse(self) -> None:
        """Take no more datagrams from there, unless that is where media goes."""
        if self.remote != self._owner.remote:
            self._socket.refuse_source(self.remote)

    def latch(self) -> None:
        """Send all that goes to the peer there."""
        self._owner.latch(self._socket, self.remote)


def _unreachable(destination: DefaultDestination, reason: str) -> IceError:
    return IceError(f"nothing is sent to {destination}, where the peer receives: {reason}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
