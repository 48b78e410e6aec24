"""Process of one subject of the RTP benchmark, controlled by lines of JSON.

Usage: `python -m benchmarks.rtp_subject SUBJECT WORK LOOP CORE`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import uvloop

from benchmarks.rtp_subjects import SUBJECTS, Subject, Work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
#: Most bytes of a request, which may hold a description.
_LONGEST = 1 << 20


async def serve(answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """Serve requests from standard input until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(_LONGEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request: dict[str, Any] = json.loads(line)
        print(json.dumps(await answer(request)), flush=True)


async def _answer(subject: Subject, request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "source":
            return {"answer": await subject.source(request["offer"])}
        case "sink":
            return {"answer": await subject.sink(request["offer"], request["room"])}
        case _:
            return {"frames": subject.frames, "processor": time.process_time()}


def main(name: str, work: str, loop: str, core: str) -> None:
    """Run the process from the command line."""
    os.sched_setaffinity(0, {int(core)})
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(serve(partial(_answer, SUBJECTS[name](Work(work)))))
    # Threads of aiortc may still run.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
