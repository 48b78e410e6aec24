"""Forks of one offer: several peers answer it, and each gets a connection (RFC 5763 section 6.3).

What a fork needs may begin before its answer: a check of a second peer opens a transport that
listens for a ClientHello of its own, so that the handshakes of several peers are not mixed up. It
waits here for the answer that names its peer.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from peer.bounded import append_last
from peer.errors import IceError, InvalidStateError
from peer.negotiation.effects import Listen, OpenTransport
from peer.states import SignalingState
from peer.tracing.events import ForkStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.ice import CandidateFields
    from peer.negotiation.session import Session
    from peer.runtime.effect_executor import EffectExecutor
    from peer.runtime.peer_transport import PeerTransport, PeerTransportEvents
    from peer.transport.ice.servers import ServerFailure


#: Closed forks whose peers are not served any more, should they still check (ours).
_MOST_CLOSED = 1024


class ForkHost(Protocol):
    """The connection that has made the offer, as its forks need it."""

    id: str
    executor: EffectExecutor

    @property
    def session(self) -> Session:
        """The session as it stands."""

    def on_fork(self, step: ForkStep, fork: str = "") -> None:
        """Take note of a step in the life of a fork."""


class Forks:
    """The forks of the offer of one connection, and the transports that wait for their answers.

    Args:
        host: The connection.
        most: Number of peers that are served at once, answered or not, beside the first.
    """

    def __init__(self, host: ForkHost, most: int) -> None:
        self._host = host
        self._most = most
        self._made = 0
        #: Names of the open forks by the username fragments of their peers.
        self._by_peer: dict[str, str] = {}
        #: Username fragments of the peers of closed forks, the latest last.
        self._closed: list[str] = []
        #: Whether it was told that a peer is not served, since a fork was closed.
        self._is_full = False
        #: By the key of the transport and the username fragment of the peer.
        self._early: dict[tuple[str, str], PeerTransport] = {}

    def __repr__(self) -> str:
        return f"<Forks {self.open} open, {len(self._early)} early transports>"

    @property
    def open(self) -> int:
        """Number of forks that are not closed."""
        return len(set(self._by_peer.values()))

    def next_name(self) -> str:
        """Give the name of the next fork, such as `pc-3/2`."""
        self._made += 1
        return f"{self._host.id}/{self._made}"

    def add(self, fork: str, peers: Mapping[str, str]) -> None:
        """Note a fork by its name, and the username fragments of its peer."""
        self._by_peer.update(dict.fromkeys(peers.values(), fork))
        self._host.on_fork(ForkStep.MADE, fork)

    def release(self, fork: str) -> None:
        """Forget a fork, as it is closed."""
        for peer in [peer for peer, name in self._by_peer.items() if name == fork]:
            append_last(self._closed, peer, most=_MOST_CLOSED)
        self._by_peer = {peer: name for peer, name in self._by_peer.items() if name != fork}
        self._is_full = False
        self._host.on_fork(ForkStep.CLOSED, fork)

    def check_state(self) -> None:
        """Raise an error where no answer can make a fork.

        Raises:
            InvalidStateError: No first offer of ours waits for an answer, or there are too many.
        """
        session = self._host.session
        if session.state is not SignalingState.HAVE_LOCAL_OFFER:
            raise InvalidStateError(
                f"an answer makes a fork in state 'have-local-offer', not {session.state.value!r}"
            )
        if session.stable_transports:
            raise InvalidStateError(
                "only the first offer of a connection can be forked (RFC 5763 section 6.3): this "
                "one is for the peer that answered before"
            )
        if self.open >= self._most:
            raise InvalidStateError(f"{self.open} forks are open, and max_forks is {self._most}")

    def check_peers(self, peers: Mapping[str, str]) -> None:
        """Raise an error where a peer has a fork already.

        Args:
            peers: Username fragments of the peer, by the key of the transport.

        Raises:
            InvalidStateError: It is the same answerer again.
        """
        for peer in peers.values():
            if peer in self._by_peer:
                raise InvalidStateError(
                    f"the peer with a=ice-ufrag:{peer} has the fork {self._by_peer[peer]}: "
                    "apply its next answer there, by setRemoteDescription"
                )

    def on_early_peer(self, transport: PeerTransport, generation: str, *, peer: str) -> bool:
        """Judge a peer that checks before its answer: one transport serves one such peer.

        The first has the transport of the offer, and each further one gets its own.

        Returns:
            Whether the transport is not to serve it.
        """
        session, key = self._host.session, transport.key
        state = session.transport(key)
        if (
            not self._most
            or session.state is not SignalingState.HAVE_LOCAL_OFFER
            or state is None
            or session.stable_transports
            or state.local.username_fragment != generation
            or self._host.executor.transports.get(key) is not transport
        ):
            return False
        if peer in self._closed or peer in self._by_peer:
            # RFC 7675 section 5.1: an answer would be consent to go on sending. A fork is found by
            # the port, but for TCP, which forks do not share.
            return True
        if transport.ice.peer_of(generation) is None:
            return False
        if (key, peer) not in self._early:
            self._open_early(transport, peer)
        return True

    def _open_early(self, transport: PeerTransport, peer: str) -> None:
        waiting = {each for _, each in self._early} - {peer}
        if len(waiting | set(self._by_peer)) < self._most:
            # Where sockets cannot be shared, the first peer alone is heard before an answer.
            with suppress(IceError):
                self._early[transport.key, peer] = self._branch(transport, peer, _Silent())
        elif not self._is_full:
            self._is_full = True
            self._host.on_fork(ForkStep.FULL)

    def give(self, executor: EffectExecutor, peers: Mapping[str, str]) -> None:
        """Give a fork its transports, on the sockets of ours.

        Args:
            executor: Of the fork, which has no transports yet.
            peers: Username fragments of its peer, by the keys of the transports.

        Raises:
            IceError: The sockets cannot be shared; nothing has changed.
        """
        for key, peer in peers.items():
            ours = self._host.executor.transports[key]
            early = self._early.pop((key, peer), None)
            if early is None and self._serves(ours, peer):
                # What the peer has begun goes on there; another one takes its place here.
                early = ours
                self._host.executor.replace_transport(ours, self._branch(ours, None))
                ours.ice.serve_peer(self._local(key), peer=peer)
            if early is not None:
                executor.adopt_transport(early)
            else:
                executor.adopt_transport(executor.branch(ours, self._opening(key), peer=peer))
                self._listen(executor.transports[key])
        # The answer has put in one transport what its peer began in several.
        for key, peer in [each for each in self._early if each[1] in peers.values()]:
            self._host.executor.close_soon(self._early.pop((key, peer)))

    def settle(self) -> None:
        """Choose our own transports for the answer that we have taken, and end the others."""
        executor = self._host.executor
        for state in self._host.session.transports:
            if state.remote_ice is None:
                continue
            key, peer = state.key, state.remote_ice.username_fragment
            ours = executor.transports.get(key)
            if ours is None:
                continue
            early = self._early.pop((key, peer), None)
            if early is not None:
                executor.adopt_transport(early)
            elif ours.ice.peer_of(self._local(key)) not in (None, peer):
                with suppress(IceError):
                    early = self._branch(ours, None)
            if early is not None:
                executor.replace_transport(ours, early)
                executor.close_soon(ours)
        self.close()

    def close(self) -> None:
        """Close the transports that wait for an answer."""
        early, self._early = self._early, {}
        for transport in early.values():
            self._host.executor.close_soon(transport)

    def _serves(self, transport: PeerTransport, peer: str) -> bool:
        return transport.ice.peer_of(self._local(transport.key)) == peer

    def _local(self, key: str) -> str:
        return self._opening(key).local.username_fragment

    def _opening(self, key: str) -> OpenTransport:
        state = self._host.session.transport(key)
        if state is None:
            raise AssertionError("a transport is in the session that it was opened for")
        return OpenTransport(key, state.local)

    def _branch(
        self,
        transport: PeerTransport,
        peer: str | None,
        events: PeerTransportEvents | None = None,
    ) -> PeerTransport:
        opening = self._opening(transport.key)
        made = self._host.executor.branch(transport, opening, peer=peer, events=events)
        self._listen(made)
        return made

    def _listen(self, transport: PeerTransport) -> None:
        state = self._host.session.transport(transport.key)
        if state is not None:
            terms = state.association
            transport.apply(Listen(transport.key, terms.number, terms.local.fingerprints))


class _Silent:
    """The connection of a transport whose answer has not come: nobody to tell anything yet."""

    def on_transport_candidate(
        self, transport: PeerTransport, generation: str, candidate: CandidateFields | None
    ) -> None:
        """Pass over a candidate: the connection that offered tells of them."""

    def on_transport_server_failure(self, transport: PeerTransport, failure: ServerFailure) -> None:
        """Pass over a server: the connection that offered tells of them."""

    def on_transport_state(self, transport: PeerTransport) -> None:
        """Pass over a state, which a fork reads when it takes the transport."""

    def wake(self) -> None:
        """Wake nobody, as nobody waits for this transport yet."""

    def on_transport_early_peer(
        self, transport: PeerTransport, generation: str, *, peer: str
    ) -> bool:
        """Keep every other peer away."""
        return True

    def on_transport_early_media(self, transport: PeerTransport) -> None:
        """Pass over media, which waits for the answer that names the peer."""

    def on_transport_restart_followed(self, transport: PeerTransport, generation: str) -> None:
        """Pass over a restart, which cannot come before an answer."""

    def on_transport_rekey_completed(self, transport: PeerTransport, association: int) -> None:
        """Pass over a rekey, which cannot come before an answer."""

    def on_transport_rekey_failed(
        self, transport: PeerTransport, association: int, *, reason: str
    ) -> None:
        """Pass over a rekey, which cannot come before an answer."""
