"""One offer that rings at several members of a room, with a connection for each that answers.

RFC 5763 section 6.3: each answerer has keys of its own, over the sockets that the offer named.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Self, assert_never

from peer.errors import PeerError, RemoteError
from peer.printable import printable
from peer.tracing.events import Direction
from signaling.errors import ErrorCode, NegotiationError, SignalingError
from signaling.messages import (
    MAX_REASON,
    Answer,
    Candidate,
    Error,
    Invite,
    Offer,
    PhraseMessage,
    ProvisionalAnswer,
    description,
)
from signaling.ringing_device import DeviceState, RingingDevice, shown_device
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from peer import PeerConnection
    from peer.tracing import TraceSink
    from signaling.negotiator import CandidateEvent
    from signaling.peer_channel import PeerChannel

_logger = logging.getLogger(__name__)

#: Most candidates of ours that are told to each device (ours).
_MOST_CANDIDATES: Final = 128


class Ringing:
    """Members of a room that one offer rings at, each with a connection from its answer on.

    ::

        async with room.ring(pc) as ringing:
            device = await ringing.accepted()
            await ringing.keep(device)
        await device.run()

    At the end of the block each device that was not kept is told so, and the connection that made
    the offer is closed; those that were kept live on.

    Args:
        connection: Makes its first offer here, of the tracks and channels that were added to it.
        channels: The channels to the members.
        trace: Makes the sink for the trace of the connection to one; None for none.
    """

    def __init__(
        self,
        connection: PeerConnection,
        channels: Sequence[PeerChannel],
        *,
        trace: Callable[[PeerChannel], TraceSink] | None = None,
    ) -> None:
        self.devices: Final = tuple(RingingDevice(channel) for channel in channels)
        self._pc = connection
        self._trace = trace
        self._candidates: list[Candidate] = []
        self._new: deque[RingingDevice] = deque()
        self._accepted: deque[RingingDevice] = deque()
        self._kept: tuple[RingingDevice, ...] | None = None
        self._tasks: dict[RingingDevice, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        states = " ".join(device.state for device in self.devices)
        return f"<Ringing {self._pc.id} {states}>"

    async def __aenter__(self) -> Self:
        self._pc.on("icecandidate", self._on_candidate)
        try:
            await self._pc.setLocalDescription()
        except BaseException:
            await self._pc.close()
            raise
        for device in self.devices:
            self._tasks[device] = asyncio.create_task(self._call(device), name="ringing")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.keep(*(() if self._kept is None or error is not None else self._kept))
        finally:
            await _cancel(self._tasks.values())
            await self._pc.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RingingDevice:
        """Wait for the next device that answers, early or not; ends when none can any more."""
        while not self._new:
            if self._is_over(lambda device: device.has_answered):
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._new.popleft()

    async def accepted(self) -> RingingDevice:
        """Wait for the next device whose user accepts.

        Raises:
            NegotiationError: None can any more; the error says why each has ended.
        """
        while not self._accepted:
            if self._is_over(lambda device: device.state is DeviceState.ACCEPTED):
                ends = [f"{shown_device(each)}: {printable(each.reason)}" for each in self.devices]
                raise NegotiationError(f"nobody accepts: {'; '.join(ends) or 'nobody rings'}")
            self._changed.clear()
            await self._changed.wait()
        return self._accepted.popleft()

    async def keep(self, *devices: RingingDevice) -> None:
        """Keep some devices, and end the calls of all others, which are told so."""
        self._kept = devices
        reason = "answered elsewhere" if devices else "the call was given up"
        dropped = [device for device in self.devices if device not in devices]
        await _cancel(self._tasks[device] for device in dropped if device in self._tasks)
        await asyncio.gather(*(device.close(reason) for device in dropped))
        self._changed.set()

    def _is_over(self, is_done: Callable[[RingingDevice], bool]) -> bool:
        ended = DeviceState.ENDED
        return self._kept is not None or all(
            device.state is ended or is_done(device) for device in self.devices
        )

    def _on_candidate(self, event: CandidateEvent) -> None:
        if len(self._candidates) < _MOST_CANDIDATES:
            self._candidates.append(Candidate.of(event.candidate))
            for device in self.devices:
                device.has_candidates.set()

    async def _call(self, device: RingingDevice) -> None:
        reason = "it hung up"
        try:
            await self._send_offer(device)
            await first_of(
                self._until_accepted(device), self._send_candidates(device), device.watch()
            )
            if device.state is DeviceState.ACCEPTED:
                await first_of(device.negotiate(), device.watch())
            if device.channel.ended is not None:
                reason = device.channel.ended.reason
        except (PeerError, SignalingError) as error:
            reason = str(error)
        await device.close(reason)
        self._changed.set()

    async def _send_offer(self, device: RingingDevice) -> None:
        offer = self._pc.localDescription
        assert offer is not None
        await device.channel.send(description(offer))

    async def _send_candidates(self, device: RingingDevice) -> None:
        sent = 0
        while True:
            device.has_candidates.clear()
            while sent < len(self._candidates):
                await device.channel.send(self._candidates[sent])
                sent += 1
            await device.has_candidates.wait()

    async def _until_accepted(self, device: RingingDevice) -> None:
        async for message in device.channel:
            match message:
                case Answer() | ProvisionalAnswer():
                    await self._take_answer(device, message)
                    if device.state is DeviceState.ACCEPTED:
                        return
                case Candidate() if device.has_answered:
                    await device.add_candidates(message)
                case Candidate():
                    device.keep_candidate(message)
                case Offer():
                    await self._take_offer(device)
                case Error():
                    _logger.warning(
                        "ring: %s: %s: %s",
                        shown_device(device),
                        message.code,
                        printable(message.reason),
                    )
                    if message.code is ErrorCode.BAD_DESCRIPTION:
                        raise NegotiationError(f"it refused the offer: {message.reason}")
                case Invite() | PhraseMessage():
                    # The offer is what an invitation asks for; a phrase is of two people.
                    pass
                case _:
                    assert_never(message)

    async def _take_answer(
        self, device: RingingDevice, message: Answer | ProvisionalAnswer
    ) -> None:
        answer = message.session_description
        try:
            if device.has_answered:
                await device.connection.setRemoteDescription(answer)
            else:
                trace = None if self._trace is None else self._trace(device.channel)
                device.take(await self._pc.fork(answer, trace=trace))
                _logger.info("ring: %s answers %s", shown_device(device), device.connection.id)
                self._new.append(device)
        except RemoteError as error:
            reason = str(error)[:MAX_REASON]
            await device.channel.send(Error(code=ErrorCode.BAD_DESCRIPTION, reason=reason))
            if isinstance(message, Answer):
                raise
            _logger.warning("ring: an early answer of %s: %s", shown_device(device), error)
            return
        device.tell_trace(Direction.IN, summary=f"{answer.type} of {shown_device(device)}")
        if isinstance(message, Answer):
            device.state = DeviceState.ACCEPTED
            self._accepted.append(device)
        else:
            device.state = DeviceState.EARLY
        self._changed.set()
        await device.add_candidates()

    async def _take_offer(self, device: RingingDevice) -> None:
        """Resolve glare with a device, for which alone the offer cannot be taken back.

        A device that gives way answers it. One that does not has passed it over: its own call is
        ended, and it is called anew.
        """
        if device.has_answered:
            reason = "an offer where it has answered ours provisionally"
            await device.channel.send(Error(code=ErrorCode.UNEXPECTED, reason=reason))
        elif device.channel.polite:
            device.count_crossing()
            _logger.info("ring: %s called at the same time", shown_device(device))
            await device.channel.hang_up("called at the same time")
            await self._send_offer(device)


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = tuple(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
