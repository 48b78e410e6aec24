#!/bin/sh
# FFmpeg 8.1 in PyAV 18.1.0, seen 2026-11: the length of an AAC file (ADTS), which says none, is the file's
# size divided by the bit rate of its first frames, and comes without a mark that it is a guess. A song
# of 60 s that begins with ten seconds of silence "lasts" half an hour, one that ends in silence 12 s;
# whoever loops by it, or draws a bar, plays silence or cuts the song. Packets, counted, say it exactly.
# Output seen:
#   silence first: more than 25 minutes by the container, 60 s by its packets
#   silence last: less than 15 s by the container, 60 s by its packets
#   the same sound in MP4: 60 s by the container
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
seen=$(timeout 120 "$folder/venv/bin/python" - <<'PYTHON'
import io
from fractions import Fraction

import av
import numpy

RATE, SECONDS = 44_100, 60
noise = numpy.random.default_rng(0).normal(0, 0.3, RATE).astype(numpy.float32)[None]


def song(format_, is_loud):
    file = io.BytesIO()
    with av.open(file, "w", format=format_) as output:
        sound = output.add_stream("aac", rate=RATE, layout="mono")
        sound.bit_rate = 128_000
        for second in range(SECONDS):
            frame = av.AudioFrame.from_ndarray(noise * is_loud(second), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, second * RATE
            frame.time_base = Fraction(1, RATE)
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    file.seek(0)
    return file


def by_packets(file):
    file.seek(0)
    with av.open(file) as container:
        length = sum(p.duration * p.time_base for p in container.demux(audio=0) if p.size)
    return f"{round(float(length))} s"


def by_container(file):
    with av.open(file) as container:
        return container.duration / av.time_base


first = song("adts", lambda second: second >= 10)
guess = by_container(first)
words = "more than 25 minutes" if guess > 25 * 60 else f"{guess:.0f} s"
print(f"silence first: {words} by the container, {by_packets(first)} by its packets")
last = song("adts", lambda second: second < 10)
guess = by_container(last)
words = "less than 15 s" if guess < 15 else f"{guess:.0f} s"
print(f"silence last: {words} by the container, {by_packets(last)} by its packets")
mp4 = song("mp4", lambda second: second >= 10)
print(f"the same sound in MP4: {by_container(mp4):.0f} s by the container")
PYTHON
)
echo "$seen"
if [ "$seen" != "silence first: more than 25 minutes by the container, 60 s by its packets
silence last: less than 15 s by the container, 60 s by its packets
the same sound in MP4: 60 s by the container" ]; then
    echo "Changed: the length of ADTS is guessed otherwise than it was." >&2
    exit 1
fi
