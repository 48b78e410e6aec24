"""Owns a world that only remembers: what is open, connected and configured, by the effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from peer.negotiation.effects import (
    AddCandidates,
    AnnounceTrack,
    CloseData,
    CloseTransport,
    ConfigureRtp,
    ConnectData,
    ConnectTransport,
    CreateTransceiver,
    Effect,
    OpenTransport,
    StopTransceiver,
)
from peer.states import SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.candidates import CandidateFields
    from peer.negotiation.session import Session, Transceiver


class RecordedWorld:
    """Carries effects out, and fails where one does not fit what is there."""

    def __init__(self) -> None:
        self.opened: dict[str, OpenTransport] = {}
        self.connected: dict[str, ConnectTransport] = {}
        self.candidates: dict[str, set[CandidateFields]] = {}
        self.transceivers: set[int] = set()
        self.rtp: dict[int, ConfigureRtp] = {}
        self.announced: list[int] = []
        self.data: ConnectData | None = None

    def adopt(self, transceiver: Transceiver) -> None:
        """The application made a transceiver."""
        self.transceivers.add(transceiver.key)

    def prepare(self, effects: Iterable[OpenTransport]) -> None:
        """Open the transports of a plan."""
        for effect in effects:
            assert effect.key not in self.opened
            self.opened[effect.key] = effect

    def apply(self, effects: Iterable[Effect]) -> None:
        """Carry out what follows a commit."""
        for effect in effects:
            self._apply(effect)

    def check(self, session: Session) -> None:
        """The world is as the session says."""
        assert set(self.opened) == {transport.key for transport in session.transports}
        for transport in session.transports:
            assert self.opened[transport.key].local == transport.local
            assert (transport.key in self.connected) == (transport.remote is not None)
            if transport.remote is not None:
                effect = self.connected[transport.key]
                assert effect.ice == transport.remote.ice
                assert effect.role is transport.role
        assert self.transceivers == {transceiver.key for transceiver in session.transceivers}
        if session.state is SignalingState.STABLE:
            self._check_media(session)

    def _check_media(self, session: Session) -> None:
        for transceiver in session.transceivers:
            if transceiver.agreement is None or transceiver.stopping:
                continue
            effect, direction = self.rtp[transceiver.key], transceiver.current_direction
            assert direction is not None
            assert effect.transport == session.route(transceiver.mid or "")
            assert effect.transport in self.connected
            assert (effect.send is not None) == direction.sends
            assert (effect.receive is not None) == direction.receives
        agreed = session.data is not None and session.data.remote_port is not None
        assert (self.data is not None) == agreed

    def _apply(self, effect: Effect) -> None:
        match effect:
            case OpenTransport():
                raise AssertionError("transports are opened before the commit")
            case ConnectTransport(key=key):
                assert key in self.opened
                assert key not in self.connected
                self.connected[key] = effect
            case AddCandidates(key=key, candidates=candidates):
                assert key in self.connected
                self.candidates.setdefault(key, set()).update(candidates)
            case CloseTransport(key=key):
                del self.opened[key]
                self.connected.pop(key, None)
            case CreateTransceiver(transceiver=key):
                assert key not in self.transceivers
                self.transceivers.add(key)
            case StopTransceiver(transceiver=key):
                self.transceivers.remove(key)
                self.rtp.pop(key, None)
            case ConfigureRtp(transceiver=key, transport=transport):
                assert key in self.transceivers
                assert transport in self.opened
                self.rtp[key] = effect
            case AnnounceTrack(transceiver=key):
                assert key in self.transceivers
                self.announced.append(key)
            case ConnectData(transport=transport):
                assert self.data is None
                assert transport in self.connected
                self.data = effect
            case CloseData():
                self.data = None
            case _:
                assert_never(effect)
