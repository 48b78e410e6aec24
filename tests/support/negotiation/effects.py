"""An effect executor without I/O, which remembers what is open, connected and configured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, assert_never

from peer.negotiation.effects import (
    AddCandidates,
    AnnounceTrack,
    CloseData,
    CloseTransport,
    ConfigureRtp,
    ConnectData,
    ConnectDtls,
    ConnectIce,
    ConnectWithoutIce,
    CreateTransceiver,
    DropAssociation,
    DropGeneration,
    Effect,
    ExpectKeys,
    Listen,
    OpenTransport,
    Preparation,
    SendUnencrypted,
    StopTransceiver,
    TransportEffect,
    UseEncodings,
    UseSdesKeys,
)
from peer.states import SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.ice import CandidateFields, IceParameters
    from peer.negotiation.session import Session, Transceiver, TransportState
    from peer.srtp_keys import SrtpMasterKeys

MediaEffect: TypeAlias = (
    CreateTransceiver
    | StopTransceiver
    | ConfigureRtp
    | UseEncodings
    | AnnounceTrack
    | ConnectData
    | CloseData
)


@dataclass
class Opened:
    """One transport: ICE generations by our username fragment, associations by their number.

    Attributes:
        generations: Our credentials; the newest is the last.
        paths: The effect that connected each generation.
        associations: The effect that each association waits or shakes hands by.
        candidates: Candidates of the peer, by generation.
        unencrypted: Whether media flows in clear, until an association is agreed on.
        keys: The keys of signalling that media flows under; None without.
        plain: The effect that last connected it to a peer without ICE.
    """

    generations: dict[str, IceParameters] = field(default_factory=dict)
    paths: dict[str, ConnectIce] = field(default_factory=dict)
    associations: dict[int, Listen | ConnectDtls] = field(default_factory=dict)
    candidates: dict[str, set[CandidateFields]] = field(default_factory=dict)
    unencrypted: bool = False
    keys: SrtpMasterKeys | None = None
    plain: ConnectWithoutIce | None = None

    @property
    def connected(self) -> bool:
        """True where there is a path, and an association to shake hands for."""
        effects = self.associations.values()
        agreed = any(isinstance(effect, ConnectDtls) for effect in effects)
        has_path = bool(self.paths) or self.plain is not None
        return has_path and (agreed or self.unencrypted or self.keys is not None)


class RecordedExecutor:
    """Remembers effects, and fails where one does not fit what is there."""

    def __init__(self) -> None:
        self.opened: dict[str, Opened] = {}
        self.transceivers: set[int] = set()
        self.rtp: dict[int, ConfigureRtp] = {}
        self.announced: list[int] = []
        self.data: ConnectData | None = None

    def adopt(self, transceiver: Transceiver) -> None:
        """Take note of a transceiver that the application made."""
        self.transceivers.add(transceiver.key)

    def prepare(self, effects: Iterable[Preparation]) -> None:
        """Open the transports and generations of a plan."""
        for effect in effects:
            if isinstance(effect, OpenTransport):
                assert effect.key not in self.opened
                self.opened[effect.key] = Opened()
            generations = self.opened[effect.key].generations
            assert effect.local.username_fragment not in generations
            generations[effect.local.username_fragment] = effect.local

    def discard(self, effects: Iterable[Preparation]) -> None:
        """Undo the effects of `prepare`."""
        for effect in effects:
            if isinstance(effect, OpenTransport):
                del self.opened[effect.key]
            else:
                del self.opened[effect.key].generations[effect.local.username_fragment]

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out what follows a commit."""
        for effect in effects:
            self._apply(effect)

    def check(self, session: Session) -> None:
        """Check that transports and media are as the session says."""
        assert set(self.opened) == {transport.key for transport in session.transports}
        for transport in session.transports:
            self._check_transport(self.opened[transport.key], transport)
        assert self.transceivers == {transceiver.key for transceiver in session.transceivers}
        if session.state is SignalingState.STABLE:
            self._check_media(session)

    def _check_transport(self, opened: Opened, transport: TransportState) -> None:
        newest = transport.local.username_fragment
        assert opened.generations[newest] == transport.local
        assert (newest in opened.paths) == (transport.remote_ice is not None)
        if transport.remote_ice is not None:
            assert opened.paths[newest].remote == transport.remote_ice
            assert opened.paths[newest].role is transport.ice_role
        if transport.without_ice is not None:
            assert opened.plain is not None
            assert opened.plain.peer == transport.without_ice
        if transport.sdes is not None:
            assert opened.keys == transport.sdes.keys
            assert not opened.associations
            return
        assert opened.unencrypted is not transport.uses_dtls
        if opened.unencrypted:
            return
        terms = (*transport.fallbacks, transport.association)
        # A retired association may still be there; one that was never in use may not.
        assert max(opened.associations) == transport.association.number
        for each in terms:
            effect = opened.associations[each.number]
            assert effect.fingerprints == each.local.fingerprints
            if isinstance(effect, Listen):
                assert not each.agreed
            else:
                assert effect.role is each.role
                assert each.remote is not None
                assert effect.remote_fingerprints == each.remote.fingerprints

    def _check_media(self, session: Session) -> None:
        for transceiver in session.transceivers:
            if transceiver.agreement is None or transceiver.stopping:
                continue
            effect, direction = self.rtp[transceiver.key], transceiver.current_direction
            assert direction is not None
            assert effect.transport == session.route(transceiver.mid or "")
            assert self.opened[effect.transport].connected
            assert (effect.send is not None) == direction.sends
            assert (effect.receive is not None) == direction.receives
        agreed = session.data is not None and session.data.remote_port is not None
        assert (self.data is not None) == agreed

    def _apply(self, effect: Effect) -> None:
        if isinstance(effect, Preparation):
            raise AssertionError("sockets are opened before the commit")
        if isinstance(effect, TransportEffect | CloseTransport):
            self._apply_to_transport(effect)
        else:
            self._apply_to_media(effect)

    def _apply_to_transport(self, effect: TransportEffect | CloseTransport) -> None:
        match effect:
            case Listen(key=key, association=number):
                assert number not in self.opened[key].associations
                self.opened[key].associations[number] = effect
            case ConnectIce(key=key, generation=generation):
                assert generation in self.opened[key].generations
                assert generation not in self.opened[key].paths
                self.opened[key].paths[generation] = effect
            case ConnectWithoutIce(key=key, generation=generation):
                assert generation in self.opened[key].generations
                assert generation not in self.opened[key].paths
                self.opened[key].plain = effect
            case ConnectDtls(key=key, association=number, fingerprints=fingerprints):
                listening = self.opened[key].associations.get(number)
                assert not isinstance(listening, ConnectDtls)
                assert listening is None or listening.fingerprints == fingerprints
                self.opened[key].unencrypted = False
                self.opened[key].keys = None
                self.opened[key].associations[number] = effect
            case SendUnencrypted(key=key):
                others = self.opened[key].associations.values()
                assert not any(isinstance(each, ConnectDtls) for each in others)
                self.opened[key].unencrypted = True
            case UseSdesKeys(key=key, keys=keys):
                assert self.opened[key].keys != keys
                self.opened[key].keys = keys
            case ExpectKeys(key=key):
                assert self.opened[key].unencrypted
            case DropAssociation(key=key, association=number):
                # The first association serves until there is another.
                assert len(self.opened[key].associations) > 1
                del self.opened[key].associations[number]
            case DropGeneration(key=key, generation=generation):
                path = self.opened[key].paths.pop(generation, None)
                # One that the peer may not take part in only waits for a sign that it does.
                assert path is None or path.if_followed
                del self.opened[key].generations[generation]
            case AddCandidates(key=key, generation=generation, candidates=candidates):
                assert generation in self.opened[key].paths
                self.opened[key].candidates.setdefault(generation, set()).update(candidates)
            case CloseTransport(key=key):
                del self.opened[key]
            case _:
                assert_never(effect)

    def _apply_to_media(self, effect: MediaEffect) -> None:
        match effect:
            case CreateTransceiver(transceiver=key):
                assert key not in self.transceivers
                self.transceivers.add(key)
            case StopTransceiver(transceiver=key, leaves=leaves):
                assert key in self.transceivers
                if leaves:
                    self.transceivers.remove(key)
                    self.rtp.pop(key, None)
            case ConfigureRtp(transceiver=key, transport=transport):
                assert key in self.transceivers
                assert transport in self.opened
                self.rtp[key] = effect
            case UseEncodings(transceiver=key):
                assert key in self.transceivers
            case AnnounceTrack(transceiver=key):
                assert key in self.transceivers
                self.announced.append(key)
            case ConnectData(transport=transport):
                # Once more only where the peer, or what it says of its end, is another.
                assert self.data is None or effect.is_new_peer or effect != self.data
                assert self.opened[transport].connected
                self.data = effect
            case CloseData():
                self.data = None
            case _:
                assert_never(effect)
