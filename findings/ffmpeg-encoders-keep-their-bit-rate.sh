#!/bin/sh
# PyAV 18.1.0 (FFmpeg 8.1), seen 2026-11: setting `bit_rate` of an encoder that is open raises nothing,
# reads back as set, and changes nothing for VP8, VP9 and AV1: the packets are those of an encoder
# that was left alone. libx264 follows, but only where it was opened with `maxrate` and `bufsize`, and
# only downwards. So congestion control that sets `bit_rate` seems to work, and does not: the
# encoder has to be opened anew, or be given timestamps that run slower or faster.
# Output seen, bits of the second half of a film, as a part of those without the change:
#   libvpx, lowered to a quarter: 1.00, raised to four times: 1.00
#   libvpx-vp9, lowered to a quarter: 1.00, raised to four times: 1.00
#   libsvtav1, lowered to a quarter: 1.00, raised to four times: 1.00
#   libx264, lowered to a quarter: 1.00, raised to four times: 1.00
#   libx264 with maxrate and bufsize, lowered to a quarter: less than half, raised to four times: 1.00
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
seen=$(SVT_LOG=0 timeout 300 "$folder/venv/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy

RATE, WIDTH, HEIGHT, COUNT = 1_000_000, 320, 180, 120
wall = numpy.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH + 3 * COUNT, 3), dtype=numpy.uint8)
FILM = [
    av.VideoFrame.from_ndarray(
        numpy.ascontiguousarray(wall[:, 3 * i : 3 * i + WIDTH]), format="rgb24"
    ).reformat(format="yuv420p")
    for i in range(COUNT)
]


def second_half(library, options, bit_rate):
    encoder = av.CodecContext.create(library, "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 30), 30
    encoder.bit_rate, encoder.options, encoder.thread_count = RATE, options, 1
    sizes = []
    for i, frame in enumerate(FILM):
        if i == COUNT // 2 and bit_rate is not None:
            encoder.bit_rate = bit_rate
            assert encoder.bit_rate == bit_rate
        frame.pts, frame.time_base = i, Fraction(1, 30)
        sizes.append(sum(packet.size for packet in encoder.encode(frame)))
    return sum(sizes[COUNT // 2 :])


def part(library, options, bit_rate):
    ratio = second_half(library, options, bit_rate) / second_half(library, options, None)
    return "less than half" if ratio < 0.5 else f"{ratio:.2f}"


vpx = {"deadline": "realtime", "lag-in-frames": "0"}
x264 = {"preset": "ultrafast", "tune": "zerolatency"}
for name, options in {
    "libvpx": vpx | {"cpu-used": "-6"},
    "libvpx-vp9": vpx | {"cpu-used": "8"},
    "libsvtav1": {"preset": "12", "svtav1-params": "pred-struct=1:rc=2:lookahead=0"},
    "libx264": x264,
    "libx264 with maxrate and bufsize": x264 | {"maxrate": str(RATE), "bufsize": str(RATE)},
}.items():
    library = name.split()[0]
    lowered, raised = (part(library, options, rate) for rate in (RATE // 4, RATE * 4))
    print(f"{name}, lowered to a quarter: {lowered}, raised to four times: {raised}")
PYTHON
)
echo "$seen"
if [ "$seen" != "libvpx, lowered to a quarter: 1.00, raised to four times: 1.00
libvpx-vp9, lowered to a quarter: 1.00, raised to four times: 1.00
libsvtav1, lowered to a quarter: 1.00, raised to four times: 1.00
libx264, lowered to a quarter: 1.00, raised to four times: 1.00
libx264 with maxrate and bufsize, lowered to a quarter: less than half, raised to four times: 1.00" ]; then
    echo "Changed: an encoder follows its bit_rate otherwise than it did." >&2
    exit 1
fi
