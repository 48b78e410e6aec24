"""ICE generation among those of its transport: its name, its activity, and its retirement."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from peer.transport.ice.generation_set import ReceiveActivity

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.ice import CandidateFields, IceParameters
    from peer.states import IceTransportState
    from peer.times import Seconds
    from peer.transport.ice.transport import IceEvents, IceTransport


class GenerationListener(Protocol):
    """Receives the events of each generation of one transport."""

    def on_generation_candidate(
        self, generation: Generation, candidate: CandidateFields | None
    ) -> None:
        """Take a local candidate of a generation; None when there will be no more."""

    def on_generation_path(self, generation: Generation) -> None:
        """Take note of a successful check, which may have moved the path, or nominated it."""

    def on_generation_state(self, generation: Generation) -> None:
        """Take note that the state of a generation has changed."""


class Generation:
    """IceTransport of one generation, with the name and activity that a `GenerationSet` needs.

    Args:
        local: Our username fragment, which names the generation, and password.
        make: Makes its IceTransport.
        listener: Told of its events.
    """

    def __init__(
        self,
        local: IceParameters,
        make: Callable[[IceParameters, IceEvents], IceTransport],
        listener: GenerationListener,
    ) -> None:
        self.username_fragment = local.username_fragment
        self._listener = listener
        #: Datagrams received when the activity was last looked at.
        self._received = 0
        self._silence_timer: asyncio.TimerHandle | None = None
        self.ice = make(local, self)

    def __repr__(self) -> str:
        return f"<Generation {self.username_fragment} {self.state}>"

    @property
    def state(self) -> IceTransportState:
        """State of its IceTransport."""
        return self.ice.state

    @property
    def nominated(self) -> bool:
        """True once its selected pair is nominated."""
        return self.ice.nominated

    @property
    def activity(self) -> ReceiveActivity:
        """Recency of the peer's datagrams: since the silence timer was last set, or ever."""
        received = self.ice.counters.packets_received
        if received > self._received:
            return ReceiveActivity.RECENT
        return ReceiveActivity.EARLIER if received else ReceiveActivity.NEVER

    def call_when_silent(self, seconds: Seconds, on_silence: Callable[[Generation], None]) -> None:
        """Call `on_silence` once so many seconds have passed without a datagram."""
        self._cancel_silence_timer()
        self._received = self.ice.counters.packets_received
        loop = asyncio.get_running_loop()
        self._silence_timer = loop.call_later(seconds, self._check_silence, seconds, on_silence)

    async def close(self) -> None:
        """Close the IceTransport and its sockets."""
        self._cancel_silence_timer()
        await self.ice.close()

    def _cancel_silence_timer(self) -> None:
        if self._silence_timer is not None:
            self._silence_timer.cancel()

    def _check_silence(self, seconds: Seconds, on_silence: Callable[[Generation], None]) -> None:
        # A peer that has not left this generation yet still sends here.
        if self.activity is ReceiveActivity.RECENT:
            self.call_when_silent(seconds, on_silence)
        else:
            on_silence(self)

    def on_candidate(self, candidate: CandidateFields | None) -> None:
        """Pass on a local candidate of the IceTransport."""
        self._listener.on_generation_candidate(self, candidate)

    def on_path(self) -> None:
        """Pass on a successful check of the IceTransport."""
        self._listener.on_generation_path(self)

    def on_state(self, state: IceTransportState) -> None:
        """Pass on a new state of the IceTransport, which `state` tells."""
        self._listener.on_generation_state(self)
