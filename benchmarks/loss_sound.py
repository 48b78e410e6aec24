"""Benchmark of lost sound: samples concealed by ours, aiortc's and Chromium's receiver.

Usage: `python -m benchmarks.loss_sound [--docs] [--seed N] [--seconds N] [--loss N]`. Our sender
speaks to each receiver over a link that loses the same packets, and as many of retransmissions and
of RTCP; with `--docs` the table in docs/MEDIA.md is written anew. Exits with 1 where ours conceals
more than Chromium at 10% loss, sent as Opus with FEC or as RED.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from benchmarks.harness import ARTIFACTS
from benchmarks.loss_link import CALM, DELAY, Impairment, LossyLink
from benchmarks.loss_receivers import RECEIVERS, ChromiumReceiver, OurReceiver, SoundReceiver
from media.pace import Pace
from peer import PeerConfiguration, PeerConnection, SdpType, SessionDescription

if TYPE_CHECKING:
    from collections.abc import Sequence

LOSSES = (0.01, 0.05, 0.1, 0.2)
#: Loss at which less is to be concealed by ours than by Chromium.
_JUDGED = 0.1
#: What is sent, by its name in the table, with the codecs that make it so.
FORMS = {"Opus with FEC": ("audio/opus",), "RED": ("audio/red", "audio/opus")}
HEADINGS = (
    "loss", "sent as", *(make.name for make in RECEIVERS),
    "stretched by Chromium", "waits in ours", "in Chromium",
)  # fmt: skip
#: Seconds before anything counts (ours).
_WARM_UP = 4.0
_TIMEOUT = 20.0
_RATE, _SAMPLES = 48_000, 960
_DOCUMENT = Path(__file__).parents[1] / "docs" / "MEDIA.md"
_BEGIN, _END = "<!-- benchmarks.loss_sound -->\n", "<!-- end of sound -->\n"


class Voice(MediaStreamTrack):
    """Speaks as far as Opus can tell: a pitch and a level that change, some noise, and pauses."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace(_SAMPLES / _RATE)
        self._noise = np.random.default_rng(1)

    async def recv(self) -> AudioFrame:
        """Wait until the next 20 ms are due, and return them."""
        if self.readyState != "live":
            raise MediaStreamError
        number = await self._pace.next()
        at = np.arange(number * _SAMPLES, (number + 1) * _SAMPLES) / _RATE
        turns = 170 * at + 3 * np.sin(4 * at)
        level = 8_000 * np.clip(np.sin(9 * at) + np.sin(2.3 * at), 0.0, 1.0)
        wave = sum(np.sin(2 * np.pi * k * turns) / k for k in range(1, 8))
        samples = level * wave / 2 + self._noise.normal(0, 60, _SAMPLES)
        frame = AudioFrame.from_ndarray(
            samples.astype(np.int16)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = _RATE, number * _SAMPLES
        return frame


class SameLosses(LossyLink):
    """Loses the same packets of media for each subject, counted from the impairment on.

    What is sent again has a fate of its own; RTCP, which receivers send at times of their own, is
    lost as often.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed
        self._first: int | None = None
        self._times: Counter[int] = Counter()

    def impair(self, trouble: Impairment) -> None:
        """Apply an impairment from the next packet on."""
        super().impair(trouble)
        self._first = None
        self._times.clear()

    def _fate(self, data: bytes, chance: random.Random) -> float | None:
        if not 128 <= data[0] <= 191:
            return DELAY
        if 192 <= data[1] <= 223:
            return None if chance.random() < self._trouble.loss else DELAY
        number = int.from_bytes(data[2:4], "big")
        if self._first is None:
            self._first = number
        place = (number - self._first) & 0xFFFF
        again = self._times[place]
        self._times[place] += 1
        drawn = random.Random(f"{self._seed} {place} {again}" if again else f"{self._seed} {place}")
        return None if drawn.random() < self._trouble.loss else DELAY


@dataclass(frozen=True, slots=True)
class Row:
    """What one receiver made of a loss.

    Args:
        loss: Share of the packets that were lost.
        form: What was sent, as of `FORMS`.
        receiver: Its name.
        concealed: Share of the samples that it concealed.
        stretched: Share of the samples that it put in or took out.
        waited: Seconds that sound waited in its jitter buffer, on average.
    """

    loss: float
    form: str
    receiver: str
    concealed: float
    stretched: float = 0.0
    waited: float = 0.0


async def measure(
    make: type[SoundReceiver], form: str, loss: float, *, seed: int, seconds: float
) -> Row:
    """Run one call over a lossy link, and return the share of samples concealed meanwhile."""
    voice = Voice()
    sender = PeerConnection(PeerConfiguration(interfaces=("127.0.0.1",)))
    with SameLosses(seed) as link:
        async with sender, make() as receiver:
            sender.addTrack(voice)
            sender.getTransceivers()[0].setCodecPreferences(FORMS[form])
            await sender.setLocalDescription()
            offer = sender.localDescription
            assert offer is not None
            answer = link.rerouted(await receiver.answer(link.rerouted(offer.sdp)))
            await sender.setRemoteDescription(SessionDescription(answer, SdpType.ANSWER))
            async with asyncio.timeout(_TIMEOUT):
                await sender.connected()
            await asyncio.sleep(_WARM_UP)
            before = await receiver.heard()
            link.impair(Impairment(loss=loss))
            await asyncio.sleep(seconds)
            link.impair(CALM)
            # What was sent last has come by then.
            await asyncio.sleep(0.5)
            after = await receiver.heard()
        voice.stop()
    samples = seconds * _RATE
    return Row(
        loss,
        form,
        make.name,
        (after.concealed - before.concealed) / samples,
        (after.stretched - before.stretched) / samples,
        (after.waited - before.waited) / max(1, after.emitted - before.emitted),
    )


def markdown(rows: Sequence[Row]) -> str:
    """Format the rows as Markdown for docs/MEDIA.md, one line for each loss and form."""
    lines = [HEADINGS, ("---", "---", *("---:" for _ in HEADINGS[2:]))]
    found = {(row.loss, row.form, row.receiver): row for row in rows}
    for loss, form in dict.fromkeys((row.loss, row.form) for row in rows):
        shares = [found[loss, form, make.name].concealed for make in RECEIVERS]
        shares.append(found[loss, form, ChromiumReceiver.name].stretched)
        waits = [found[loss, form, make.name].waited for make in (OurReceiver, ChromiumReceiver)]
        cells = [
            *(f"{100 * share:.2f}%" for share in shares),
            *(f"{1e3 * w:.0f} ms" for w in waits),
        ]
        lines.append((f"{100 * loss:.0f}%", form, *cells))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _write_document(rows: Sequence[Row]) -> None:
    text = _DOCUMENT.read_text()
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    _DOCUMENT.write_text(f"{head}{_BEGIN}{markdown(rows)}{_END}{tail}")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loss_sound")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--loss", type=float, action="append", help="such as 0.1; all by default")
    parser.add_argument("--docs", action="store_true", help="write the table to docs/MEDIA.md")
    chosen = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    rows = []
    for loss in chosen.loss or LOSSES:
        for form in FORMS:
            for make in RECEIVERS:
                run = measure(make, form, loss, seed=chosen.seed, seconds=chosen.seconds)
                rows.append(asyncio.run(run))
    sys.stdout.write(markdown(rows))
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "loss_sound.json").write_text(json.dumps([asdict(row) for row in rows], indent=2))
    if chosen.docs:
        _write_document(rows)
    judged = {(row.form, row.receiver): row.concealed for row in rows if row.loss == _JUDGED}
    ours, theirs = OurReceiver.name, ChromiumReceiver.name
    return int(any(judged[form, ours] > judged[form, theirs] for form, _ in judged))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
