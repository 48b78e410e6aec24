"""Benchmark of an offer taken and answered, without a network: processor time by its m-sections.

Usage: `python -m benchmarks.descriptions [ROUNDS]`. Exits with 1 where the target is missed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar, Self

from aiortc import RTCPeerConnection, RTCSessionDescription

from benchmarks.harness import Series, Subject, compare, run_rounds
from benchmarks.targets import Target, judge
from peer import PeerConnection, SdpType, SessionDescription

if TYPE_CHECKING:
    from rich.console import Console

#: Rounds by default, and most rounds (ours).
ROUNDS = 5
MOST_ROUNDS = 1000
#: M-sections of the offers, the last for ours alone; `SdpLimits` takes up to 1,024.
FEW, MANY, MOST = 3, 100, 1000
#: Target: processor time for each of MOST m-sections by that for each of MANY (ours): more sections
#: may not make each one dearer.
TARGET = 1.5
#: Target: processor time of a second offer and answer with MANY m-sections by aiortc's (ours).
SECOND_TARGET = 1.2
#: Seconds after the first exchange in which the ends connect (ours).
_REST = 1.0

_HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
_SECTION = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Wqwu\r\n"
    "a=ice-pwd:AR5y5riVzuDX39PPqba3Qt5c\r\na=setup:actpass\r\n"
    f"a=fingerprint:sha-256 {':'.join(['4F'] * 32)}\r\na=sendrecv\r\na=rtcp-mux\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
)


def offer(sections: int) -> str:
    """Write an offer of so many bundled audio m-sections."""
    group = f"a=group:BUNDLE {' '.join(map(str, range(sections)))}\r\n"
    # As much as the limit of 256 KiB has room for: what is the same for all stands once.
    transport = "".join(
        line
        for line in _SECTION.splitlines(keepends=True)
        if line.startswith(("a=ice", "a=setup", "a=fingerprint"))
    )
    section = "".join(line for line in _SECTION.splitlines(keepends=True) if line not in transport)
    media = "".join(f"{section}a=mid:{i}\r\n" for i in range(sections))
    return _HEAD + group + transport + media


class _Answerer:
    """What both stacks have in common: an offer to take and answer, without sockets."""

    stack: ClassVar[str]

    def __init__(self, sections: int) -> None:
        self.name = f"{self.stack}, {sections} m-sections"
        self._offer = offer(sections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class Handfast(_Answerer):
    """Ours: setRemoteDescription and createAnswer."""

    stack = "handfast"

    async def measure(self) -> float:
        """Take the offer and make the answer; return milliseconds of processor time."""
        async with PeerConnection() as pc:
            start = time.process_time()
            await pc.setRemoteDescription(SessionDescription(self._offer, SdpType.OFFER))
            await pc.createAnswer()
            return (time.process_time() - start) * 1000


class Aiortc(_Answerer):
    """The same of aiortc."""

    stack = "aiortc"

    async def measure(self) -> float:
        """Take the offer and make the answer; return milliseconds of processor time."""
        pc = RTCPeerConnection()
        start = time.process_time()
        await pc.setRemoteDescription(RTCSessionDescription(self._offer, "offer"))
        await pc.createAnswer()
        taken = (time.process_time() - start) * 1000
        await pc.close()
        return taken


class _Second:
    """A second offer and answer of two ends on the loopback, all m-sections of sound."""

    stack: ClassVar[str]

    def __init__(self, sections: int) -> None:
        self.name = f"{self.stack}, {sections} m-sections again"
        self._sections = sections

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def _connection(self) -> Any:
        raise NotImplementedError

    async def measure(self) -> float:
        """Exchange twice; return milliseconds of processor time of the second exchange."""
        caller, callee = self._connection(), self._connection()
        for _ in range(self._sections):
            caller.addTransceiver("audio")
        await _exchange(caller, callee)
        await asyncio.sleep(_REST)
        start = time.process_time()
        await _exchange(caller, callee)
        taken = (time.process_time() - start) * 1000
        await asyncio.gather(caller.close(), callee.close())
        return taken


class HandfastAgain(_Second):
    """Ours."""

    stack = "handfast"

    def _connection(self) -> PeerConnection:
        return PeerConnection()


class AiortcAgain(_Second):
    """aiortc's."""

    stack = "aiortc"

    def _connection(self) -> RTCPeerConnection:
        return RTCPeerConnection()


async def _exchange(caller: Any, callee: Any) -> None:
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await caller.setRemoteDescription(callee.localDescription)


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    subjects: list[Subject] = [Handfast(FEW), Aiortc(FEW), Handfast(MANY), Aiortc(MANY)]
    subjects.append(Handfast(MOST))
    report = await compare("an offer taken and answered", subjects, warm_up=1, rounds=rounds)
    report.publish("descriptions", console)
    again = await compare(
        "a second offer and answer",
        [HandfastAgain(MANY), AiortcAgain(MANY)],
        warm_up=1,
        rounds=rounds,
    )
    again.publish("descriptions-again", console)
    by_name = {each.name: each for each in report.series}
    many = _of_one(by_name[Handfast(MANY).name], MANY)
    most = _of_one(by_name[Handfast(MOST).name], MOST)
    second = again.ratios_to(AiortcAgain(MANY).name)
    targets = (
        Target(f"each of {MOST} m-sections / each of {MANY}", [most / many], TARGET),
        Target(f"second offer of {MANY} m-sections, ours / aiortc's", second, SECOND_TARGET),
    )
    return judge("descriptions", targets, console)


def _of_one(series: Series, sections: int) -> float:
    return min(series.milliseconds) / sections


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))
