"""Benchmark of simulcast: processor time of three layers beside that of three senders.

Usage: `python -m benchmarks.simulcast [ROUNDS]`. Exits with 1 where a target is missed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.harness import ARTIFACTS, run_rounds
from benchmarks.targets import Target, judge
from media import SyntheticVideoTrack
from peer import PeerConnection, RtpEncodingParameters
from peer.rtp.outbound.stats import OutboundRtpStats
from signaling import Negotiator, channel_pair

if TYPE_CHECKING:
    from rich.console import Console

#: Rounds by default, and most rounds (ours).
ROUNDS, MOST_ROUNDS = 3, 50
#: Seconds that are measured once all layers are sent (ours).
SECONDS = 8.0
#: Target: processor time of three layers by that of three senders (ours).
MOST = 1.25
#: Layers of 1280 by 720 pixels: RID, divisor of both sides, highest bitrate in bits/s.
LAYERS = (("q", 4.0, 100_000), ("h", 2.0, 300_000), ("f", 1.0, 800_000))
_SUBJECTS = ("simulcast", "senders")
#: Seconds between two looks whether all layers are sent (ours).
_LOOK = 0.2


async def _measure(subject: str) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.simulcast", "subject", subject),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    return float(told)


async def subject(name: str) -> float:
    """Send a picture in three sizes; returns the processor time of a second of it, in ms."""
    here, there = channel_pair()
    async with PeerConnection() as camera, PeerConnection() as viewer, asyncio.TaskGroup() as tasks:
        track = SyntheticVideoTrack(width=1280, height=720)
        encodings = [
            RtpEncodingParameters(rid=rid, scaleResolutionDownBy=by, maxBitrate=most)
            for rid, by, most in LAYERS
        ]
        if name == "simulcast":
            camera.addTransceiver(track, "sendonly", sendEncodings=encodings)
        else:
            for encoding in encodings:
                camera.addTransceiver(track, "sendonly", sendEncodings=[encoding])
        tasks.create_task(Negotiator(camera, here, polite=False).run())
        tasks.create_task(Negotiator(viewer, there, polite=True).run())
        await viewer.connected()
        while not await _all_sent(camera):  # noqa: ASYNC110 - statistics have no event
            await asyncio.sleep(_LOOK)
        before, begun = time.process_time(), time.monotonic()
        await asyncio.sleep(SECONDS)
        spent = (time.process_time() - before) / (time.monotonic() - begun)
        await asyncio.gather(camera.close(), viewer.close())
    return 1000 * spent


async def _all_sent(camera: PeerConnection) -> bool:
    report = (await camera.getStats()).values()
    sent = [each for each in report if isinstance(each, OutboundRtpStats)]
    begun = [each for each in sent if each.framesSent > SECONDS]
    return len(begun) == len(LAYERS)


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    found: dict[str, list[float]] = {name: [] for name in _SUBJECTS}
    for _ in range(rounds):
        for name in _SUBJECTS:
            found[name].append(await _measure(name))
    table = Table(title=f"1280x720 in three sizes, both ends, {rounds} rounds of {SECONDS:.0f} s")
    for heading in ("subject", "processor time of a second"):
        table.add_column(heading, justify="right")
    for name, each in found.items():
        table.add_row(name, f"{median(each):.0f} ms")
    console.print(table)
    ratios = [ours / theirs for ours, theirs in zip(*found.values(), strict=True)]
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "bench-simulcast.json").write_text(json.dumps(found, indent=2))
    return judge("simulcast", [Target("three encodings / three senders", ratios, MOST)], console)


if __name__ == "__main__":
    if sys.argv[1:2] == ["subject"]:
        print(asyncio.run(subject(sys.argv[2])))
    else:
        sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))
