"""Process of a subject of the RTP and recording benchmarks, as the load controls it."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.rtp_load import LoadEnd
    from benchmarks.rtp_subjects import Work

#: Cores of the subject and of the load, one for each.
SUBJECT_CORE, LOAD_CORE = 0, 1
#: Seconds until a subject has to answer a request (ours).
_TIMEOUT = 60.0
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Who:
    """Name and event loop of a subject.

    Args:
        name: Name of the library.
        loop: Name of its event loop.
    """

    name: str
    loop: str

    def __str__(self) -> str:
        return f"{self.name}, {self.loop}"


class SubjectError(Exception):
    """A subject's process has ended, or does not answer."""


class Process:
    """A subject in a process of its own, controlled by lines of JSON.

    Args:
        command: The program and its arguments.
    """

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    @property
    def pid(self) -> int:
        """The process's id; its programs replace each other, so that it is that of the subject."""
        assert self._process is not None
        return self._process.pid

    async def join(self, end: LoadEnd, how: str, **details: Any) -> None:
        """Connect the subject to an end of the load."""
        answer = await self.ask(how, offer=await end.offer(), **details)
        async with asyncio.timeout(_TIMEOUT):
            await end.accept(answer["answer"])

    async def read(self) -> tuple[int, float]:
        """Return the frames that came out so far, and the processor time in seconds."""
        answer = await self.ask("read")
        return answer["frames"], answer["processor"]

    async def ask(self, what: str, **details: Any) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            SubjectError: The process has ended.
        """
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": what, **details}).encode() + b"\n")
        async with asyncio.timeout(_TIMEOUT):
            line = await process.stdout.readline()
        if not line:
            raise SubjectError(f"{' '.join(self._command)}: it has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def subject_process(who: Who, work: Work) -> Process:
    """Create the process of an RTP subject, pinned to its core."""
    arguments = (who.name, work.value, who.loop, str(SUBJECT_CORE))
    return Process(sys.executable, "-m", "benchmarks.rtp_subject", *arguments)
