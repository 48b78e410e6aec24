"""Process that opens data channels of one stack, leaves them idle, and tells what they hold.

Usage: `python -m benchmarks.idle_subject STACK PAIRS`. It prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.setup_subjects import Aiortc, Handfast
from peer import PeerConnection

#: Seconds after the last set-up for what a connection does once (ours).
_REST = 2.0
#: Collections, of which the fastest counts (ours).
_COLLECTIONS = 5


async def _pair(stack: str) -> tuple[Any, Any]:
    if stack == Handfast.name:
        ours = PeerConnection(), PeerConnection()
        await Handfast().connect(*ours)
        return ours
    theirs = Aiortc.connection(), Aiortc.connection()
    await Aiortc().connect(*theirs)
    return theirs


def _resident() -> int:
    """Read the resident memory of this process, in KB (proc_pid_status(5))."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def _collection() -> float:
    """Time a full collection, in milliseconds."""
    taken = []
    for _ in range(_COLLECTIONS):
        start = time.thread_time()
        gc.collect()
        taken.append(1000 * (time.thread_time() - start))
    return min(taken)


async def main(stack: str, pairs: int) -> None:
    """Open the pairs, and print what each end holds."""
    # What the first of all loads or fills is nobody's.
    kept = [await _pair(stack) for _ in range(3)]
    gc.collect()
    resident, objects = _resident(), len(gc.get_objects())
    kept += [await _pair(stack) for _ in range(pairs)]
    await asyncio.sleep(_REST)
    collection = _collection()
    ends = 2 * pairs
    told = {
        "kilobytes": (_resident() - resident) / ends,
        "objects": (len(gc.get_objects()) - objects) / ends,
        "collection": collection,
    }
    print(json.dumps(told), flush=True)
    await asyncio.gather(*(end.close() for pair in kept for end in pair))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
