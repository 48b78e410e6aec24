#!/bin/sh
# FFmpeg 8.1 (libswresample) in PyAV 18.1.0, seen 2026-11: AudioResampler from one channel to two takes
# 3 dB off, and back to one channel does not give them back. A call that passes a voice through a
# mixer, an encoder of stereo and a decoder of mono is heard at half its power each time it goes round;
# levels by RFC 6464 differ by 3 between both ends. Opus, which maps mono to stereo itself, takes
# nothing off: a receiver that decodes a mono stream as stereo hears it at full level.
# Output seen:
#   mono to stereo: -3.0 dB
#   mono to stereo to mono: -3.0 dB
#   the same, three times round: -9.0 dB
#   mono packet of Opus, decoded as stereo: 0.0 dB
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
seen=$(timeout 60 "$folder/venv/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy

RATE = 48_000
tone = numpy.sin(numpy.arange(RATE) * 2 * numpy.pi * 500 / RATE) * 10_000


def frame_of(samples, pts=0):
    frame = av.AudioFrame.from_ndarray(
        samples.astype(numpy.int16)[None], format="s16", layout="mono"
    )
    frame.sample_rate, frame.pts, frame.time_base = RATE, pts, Fraction(1, RATE)
    return frame


def converted(frame, layout):
    (result,) = av.AudioResampler("s16", layout, RATE).resample(frame)
    return result


def level(samples):
    power = numpy.mean(samples.astype(float) ** 2) / numpy.mean(tone**2)
    return f"{10 * numpy.log10(power) + 0.0:.1f} dB"


mono = frame_of(tone)
print("mono to stereo:", level(converted(mono, "stereo").to_ndarray()))
print("mono to stereo to mono:", level(converted(converted(mono, "stereo"), "mono").to_ndarray()))
for _ in range(3):
    mono = converted(converted(mono, "stereo"), "mono")
print("the same, three times round:", level(mono.to_ndarray()))

encoder = av.CodecContext.create("libopus", "w")
encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
encoder.bit_rate = 96_000
decoder = av.CodecContext.create("libopus", "r")
decoder.sample_rate, decoder.layout = RATE, "stereo"
heard = []
for i in range(50):
    for packet in encoder.encode(frame_of(tone[960 * i : 960 * (i + 1)], 960 * i)):
        heard += [f.to_ndarray() for f in decoder.decode(av.Packet(bytes(packet)))]
decibels = float(level(numpy.concatenate(heard[10:], axis=1)).split()[0])
print("mono packet of Opus, decoded as stereo:", f"{abs(round(decibels)):.1f} dB")
PYTHON
)
echo "$seen"
if [ "$seen" != "mono to stereo: -3.0 dB
mono to stereo to mono: -3.0 dB
the same, three times round: -9.0 dB
mono packet of Opus, decoded as stereo: 0.0 dB" ]; then
    echo "Changed: the resampler changes levels otherwise than it did." >&2
    exit 1
fi
