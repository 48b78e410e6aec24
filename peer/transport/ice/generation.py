"""Owns one ICE generation among those of its transport: its name, and when it may go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from peer.transport.ice.lineup import Heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.candidates import CandidateFields
    from peer.ice_parameters import IceParameters
    from peer.states import IceGatheringState, IceTransportState
    from peer.transport.ice.transport import IceEvents, IceTransport


class Succession(Protocol):
    """What a generation tells those that it is one of."""

    def on_candidate_of(self, generation: Generation, candidate: CandidateFields | None) -> None:
        """A local candidate; None when there will be no more."""

    def on_path_of(self, generation: Generation) -> None:
        """A check has succeeded, which may have moved its path, or nominated it."""

    def on_state_of(self, generation: Generation) -> None:
        """Its state has changed."""

    def on_datagram(self, datagram: bytes) -> None:
        """A datagram of the peer."""


class Generation:
    """One generation, a `Member` of a lineup. It is its `ice` that does the work.

    Args:
        local: Our username fragment, which names it, and password.
        make: Makes its `ice`.
        succession: Those that it is one of.

    Attributes:
        on_datagram: From its ICE: a datagram of the peer. Theirs, as it runs for every packet.
    """

    def __init__(
        self,
        local: IceParameters,
        make: Callable[[IceParameters, IceEvents], IceTransport],
        succession: Succession,
    ) -> None:
        self.name = local.username_fragment
        self._succession = succession
        self.on_datagram = succession.on_datagram
        self._received = 0
        self._departure: asyncio.TimerHandle | None = None
        self.ice = make(local, self)

    @property
    def state(self) -> IceTransportState:
        """Of its ICE."""
        return self.ice.state

    @property
    def nominated(self) -> bool:
        """Whether its pair is nominated."""
        return self.ice.nominated

    @property
    def heard(self) -> Heard:
        """Whether a datagram came since it was last looked at, or ever."""
        received = self.ice.counters.packets_received
        if received > self._received:
            return Heard.LATELY
        return Heard.ONCE if received else Heard.NEVER

    def leave_when_silent(self, seconds: float, leave: Callable[[Generation], None]) -> None:
        """Call `leave` once so many seconds have passed without a datagram."""
        self._stay()
        self._received = self.ice.counters.packets_received
        loop = asyncio.get_running_loop()
        self._departure = loop.call_later(seconds, self._look, seconds, leave)

    async def close(self) -> None:
        """End it."""
        self._stay()
        await self.ice.close()

    def _stay(self) -> None:
        if self._departure is not None:
            self._departure.cancel()

    def _look(self, seconds: float, leave: Callable[[Generation], None]) -> None:
        # A peer that has not left this generation yet goes on to be heard.
        if self.heard is Heard.LATELY:
            self.leave_when_silent(seconds, leave)
        else:
            leave(self)

    def on_candidate(self, candidate: CandidateFields | None) -> None:
        """From its ICE: a local candidate."""
        self._succession.on_candidate_of(self, candidate)

    def on_gathering_state(self, state: IceGatheringState) -> None:
        """From its ICE: its gathering state, which follows from `on_candidate`."""

    def on_path(self) -> None:
        """From its ICE: a check has succeeded."""
        self._succession.on_path_of(self)

    def on_state(self, state: IceTransportState) -> None:
        """From its ICE: its state, which it knows itself."""
        self._succession.on_state_of(self)
