"""Subjects of the benchmark of `peer.compat`: processor time of a set-up and of messages."""

from __future__ import annotations

import asyncio
import gc
from time import process_time
from typing import TYPE_CHECKING, Any, Self

import aiortc

import peer.compat as compat
from benchmarks.setup_subjects import TIMEOUT, StatelessSubject
from peer import PeerConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness import Subject

#: Trials of one subject in a round, of which the least counts (ours).
TRIES = 3
#: Messages of a trial, and how many are sent without a pause (ours).
MESSAGES, BURST = 300, 20
#: Seconds from a channel's `open` to its first message (ours).
_SETTLING = 0.1


class PlainSetUp(StatelessSubject):
    """Set-up of two connections of ours, each description with all of its candidates."""

    name = "handfast"

    async def measure(self) -> float:
        """Set up and close once, and return the milliseconds of processor time of both ends."""
        offerer, answerer = PeerConnection(), PeerConnection()
        opened = asyncio.Event()
        offerer.createDataChannel("benchmark").on("open", opened.set)
        start = process_time()
        await offerer.setLocalDescription(await offerer.createOffer())
        await offerer.gathering_complete()
        assert offerer.localDescription is not None
        await answerer.setRemoteDescription(offerer.localDescription)
        await answerer.setLocalDescription(await answerer.createAnswer())
        await answerer.gathering_complete()
        assert answerer.localDescription is not None
        await offerer.setRemoteDescription(answerer.localDescription)
        async with asyncio.timeout(TIMEOUT):
            await opened.wait()
        await asyncio.gather(offerer.close(), answerer.close())
        return (process_time() - start) * 1000


class NamedSetUp(StatelessSubject):
    """Set-up of two connections by the names of aiortc.

    Args:
        name: Name of the subject.
        library: The module with these names.
    """

    def __init__(self, name: str, library: Any) -> None:
        self.name = name
        self._library = library

    async def measure(self) -> float:
        """Set up and close once, and return the milliseconds of processor time of both ends."""
        without = self._library.RTCConfiguration(iceServers=[])
        offerer, answerer = (self._library.RTCPeerConnection(without) for _ in range(2))
        opened = asyncio.Event()
        offerer.createDataChannel("benchmark").on("open", opened.set)
        start = process_time()
        await offerer.setLocalDescription(await offerer.createOffer())
        await answerer.setRemoteDescription(offerer.localDescription)
        await answerer.setLocalDescription(await answerer.createAnswer())
        await offerer.setRemoteDescription(answerer.localDescription)
        async with asyncio.timeout(TIMEOUT):
            await opened.wait()
        await asyncio.gather(offerer.close(), answerer.close())
        return (process_time() - start) * 1000


class Quietest:
    """Takes the least processor time of some tries, as what the machine adds is never less than 0.

    Garbage of the subject before is collected first, so that no other subject pays for it.

    Args:
        subject: Is measured.
        tries: Times in each round.
    """

    def __init__(self, subject: Subject, tries: int) -> None:
        self.name = subject.name
        self._subject = subject
        self._tries = tries

    async def __aenter__(self) -> Self:
        await self._subject.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._subject.__aexit__(*error)

    async def measure(self) -> float:
        """Measure several times, and return the least."""
        times = []
        for _ in range(self._tries):
            gc.collect()
            times.append(await self._subject.measure())
        return min(times)


class Messages(StatelessSubject):
    """Messages over one data channel of two connections, by the names of aiortc or by ours.

    Args:
        name: Name of the subject.
        make: Makes a connection.
    """

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self.name = name
        self._ends = make, make

    async def measure(self) -> float:
        """Send them, and return the milliseconds of processor time of both ends."""
        caller, callee = (make() for make in self._ends)
        loop = asyncio.get_running_loop()
        opened, done, received = asyncio.Event(), loop.create_future(), 0

        def arrived(*_: object) -> None:
            nonlocal received
            received += 1
            if received == MESSAGES:
                done.set_result(None)

        sending = caller.createDataChannel("benchmark", negotiated=True, id=0)
        callee.createDataChannel("benchmark", negotiated=True, id=0).on("message", arrived)
        sending.on("open", opened.set)
        async with asyncio.timeout(TIMEOUT):
            await _exchange(caller, callee)
            await opened.wait()
            # What of the set-up comes after `open` is no part of this.
            await asyncio.sleep(_SETTLING)
            start = process_time()
            for number in range(MESSAGES):
                sending.send("a message of the usual length, such as people write")
                if number % BURST == 0:
                    await asyncio.sleep(0)
            await done
        spent = (process_time() - start) * 1000
        await asyncio.gather(caller.close(), callee.close())
        return spent


async def _exchange(caller: Any, callee: Any) -> None:
    """Exchange an offer and an answer, each with all candidates."""
    for one, other in ((caller, callee), (callee, caller)):
        await one.setLocalDescription()
        if isinstance(one, PeerConnection):
            await one.gathering_complete()
        await other.setRemoteDescription(one.localDescription)


def messages() -> list[Quietest]:
    """Make the subjects of messages, that of `peer.compat` first."""
    without = compat.RTCConfiguration(iceServers=[])
    return [
        Quietest(Messages("peer.compat", lambda: compat.RTCPeerConnection(without)), TRIES),
        Quietest(Messages("handfast", PeerConnection), TRIES),
        Quietest(Messages("aiortc", lambda: aiortc.RTCPeerConnection(without)), TRIES),
    ]


def set_ups() -> list[Quietest]:
    """Make the subjects of set-ups, that of `peer.compat` first."""
    subjects = (NamedSetUp("peer.compat", compat), PlainSetUp(), NamedSetUp("aiortc", aiortc))
    return [Quietest(each, TRIES) for each in subjects]
