"""Benchmark of a conference: keys for each participant, beside decoding and encoding for each.

Usage: `python -m benchmarks.conference [ROUNDS]`. Exits with 1 where the target is missed. It needs
two cores: the server has one for itself, and the participants run on the other.

RFC 5763 section 6.9 gives every participant keys of its own, and holds the effort of encrypting
each packet again to be small beside what else a conference server does, such as its codecs.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import cycle, islice
from statistics import median
from typing import TYPE_CHECKING

import av
from pylibsrtp import Policy, Session
from rich.table import Table

from benchmarks.conference_server import Mode
from benchmarks.harness import ARTIFACTS, run_rounds
from benchmarks.rtp_load import LoadEnd, Stream
from benchmarks.rtp_process import LOAD_CORE, SUBJECT_CORE, Process
from benchmarks.rtp_streams import AUDIO, SOUNDS, opus_encoder, sounds
from benchmarks.targets import Target, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from benchmarks.rtp_streams import Payloads

#: Rounds by default, and most rounds (ours).
ROUNDS, MOST_ROUNDS = 5, 100
#: Participants of the conference, all of whom speak (ours).
PARTICIPANTS = 8
#: Seconds of speech before a measurement and in it (ours).
_WARM_UP, _SECONDS = 2, 6
#: Target: decrypting a packet and encrypting it again for another, by decoding and encoding its
#: frame (ours; "small" in RFC 5763 section 6.9).
TARGET = 0.1


@dataclass(frozen=True, slots=True)
class Steps:
    """Processor time of each step for one frame of 20 ms of Opus, in microseconds."""

    unprotect: float
    protect: float
    decode: float
    encode: float

    @property
    def share(self) -> float:
        """What encryption costs by what a codec costs, for a frame that goes to one other."""
        return (self.unprotect + self.protect) / (self.decode + self.encode)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of a conference has cost.

    Args:
        milliseconds: Processor time of the server for each participant and second.
        packets: Packets that came to the participants.
        expected: Packets that should have come.
    """

    milliseconds: float
    packets: int
    expected: int


async def hold(mode: Mode, clip: Sequence[Payloads]) -> Round:
    """Hold a conference of which all participants speak."""
    heard = PARTICIPANTS - 1 if mode is Mode.RELAY else 1
    server = Process(
        *(sys.executable, "-m", "benchmarks.conference_server", mode.value, str(SUBJECT_CORE))
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        speakers = [LoadEnd([AUDIO], sends=True) for _ in range(PARTICIPANTS)]
        listeners = [LoadEnd([AUDIO] * heard, sends=False) for _ in range(PARTICIPANTS)]
        for end in (*speakers, *listeners):
            stack.push_async_callback(end.close)
        for speaker in speakers:
            await server.join(speaker, "source")
        for number, listener in enumerate(listeners):
            await server.join(listener, "sink", participant=number)
        frames = cycle(clip)
        await _speak(speakers, islice(frames, _WARM_UP * SOUNDS), first=0)
        before = sum(listener.packets for listener in listeners)
        _, processor = await server.read()
        await _speak(speakers, islice(frames, _SECONDS * SOUNDS), first=_WARM_UP * SOUNDS)
        _, processor_after = await server.read()
        return Round(
            milliseconds=1000 * (processor_after - processor) / PARTICIPANTS / _SECONDS,
            packets=sum(listener.packets for listener in listeners) - before,
            expected=PARTICIPANTS * heard * SOUNDS * _SECONDS,
        )


async def _speak(speakers: Sequence[LoadEnd], frames: islice[Payloads], *, first: int) -> None:
    start = time.perf_counter()
    for number, payloads in enumerate(frames):
        timestamp = (first + number) * (AUDIO.clock_rate // SOUNDS)
        for speaker in speakers:
            (stream,) = speaker.streams
            for packet in stream.packets(payloads, timestamp):
                speaker.send(packet)
        await asyncio.sleep(max(0.0, start + (number + 1) / SOUNDS - time.perf_counter()))


def steps(clip: Sequence[Payloads]) -> Steps:
    """Measure what a server does with a frame, without the rest of it."""
    stream = Stream(ssrc=1, payload_type=AUDIO.payload_type)
    plain = [each for n, payloads in enumerate(clip) for each in stream.packets(payloads, 960 * n)]
    key = os.urandom(44)
    profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    outbound, inbound = (
        Session(Policy(key=key, ssrc_type=kind, srtp_profile=profile))
        for kind in (Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_INBOUND)
    )
    secret: list[bytes] = []
    protect = _time(lambda: secret.extend(map(outbound.protect, plain)))
    unprotect = _time(lambda: [inbound.unprotect(packet) for packet in secret])
    decoder, encoder = av.CodecContext.create("libopus", "r"), opus_encoder()
    assert isinstance(decoder, av.AudioCodecContext)
    decoded: list[list[av.AudioFrame]] = []
    packets = [av.Packet(payload) for payloads in clip for payload in payloads]
    decode = _time(lambda: decoded.extend(map(decoder.decode, packets)))
    heard = [frame for frames in decoded for frame in frames]
    for number, frame in enumerate(heard):
        frame.pts, frame.time_base = number * frame.samples, Fraction(1, AUDIO.clock_rate)
    encode = _time(lambda: [encoder.encode(frame) for frame in heard])
    microseconds = [1e6 * each / len(clip) for each in (unprotect, protect, decode, encode)]
    return Steps(*microseconds)


def _time(step: Callable[[], object]) -> float:
    start = time.thread_time()
    step()
    return time.thread_time() - start


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    os.sched_setaffinity(0, {LOAD_CORE})
    clip = sounds()
    alone = [steps(clip) for _ in range(max(3, rounds))]
    held: dict[Mode, list[Round]] = {mode: [] for mode in Mode}
    for _ in range(rounds):
        for mode in Mode:
            held[mode].append(await hold(mode, clip))
    console.print(_of_steps(alone))
    console.print(_of_conferences(held))
    ratios = [
        relayed.milliseconds / mixed.milliseconds
        for relayed, mixed in zip(held[Mode.RELAY], held[Mode.MIX], strict=True)
    ]
    console.print(
        f"relayed with keys for each / mixed: {median(ratios):.2f} ({min(ratios):.2f} to "
        f"{max(ratios):.2f})"
    )
    ARTIFACTS.mkdir(exist_ok=True)
    numbers = {
        "steps": [asdict(each) for each in alone],
        **{mode.value: [asdict(each) for each in found] for mode, found in held.items()},
    }
    (ARTIFACTS / "bench-conference.json").write_text(json.dumps(numbers, indent=2))
    shares = [each.share for each in alone]
    target = Target("decrypting and encrypting / decoding and encoding", shares, TARGET)
    return judge("conference", [target], console)


def _of_steps(alone: Sequence[Steps]) -> Table:
    table = Table(title="processor time for one frame of 20 ms of Opus, stereo, alone")
    table.add_column("step")
    for heading in ("median", "spread"):
        table.add_column(heading, justify="right")
    for name in ("unprotect", "protect", "decode", "encode"):
        taken = [getattr(each, name) for each in alone]
        table.add_row(name, f"{median(taken):.1f} µs", f"{min(taken):.1f} to {max(taken):.1f}")
    return table


def _of_conferences(held: dict[Mode, list[Round]]) -> Table:
    table = Table(title=f"a conference of {PARTICIPANTS}, who all speak, in 1 s, for each of them")
    table.add_column("server")
    for heading in ("processor time", "spread", "packets that came"):
        table.add_column(heading, justify="right")
    names = {Mode.RELAY: "relays, with keys for each", Mode.MIX: "decodes, mixes and encodes"}
    for mode, rounds in held.items():
        taken = [each.milliseconds for each in rounds]
        came = sum(each.packets for each in rounds) / sum(each.expected for each in rounds)
        table.add_row(
            names[mode],
            f"{median(taken):.1f} ms",
            f"{min(taken):.1f} to {max(taken):.1f}",
            f"{100 * came:.1f}%",
        )
    return table


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))
