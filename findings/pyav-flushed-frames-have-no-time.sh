#!/bin/sh
# PyAV 18.1.0 (FFmpeg 8.1): a video decoder that holds pictures back gives them on decode(None), with
# a pts and without a time base, so that `time` is None: whoever orders by time loses the last
# pictures of a file. Those that came with a packet have both; demux() and decode() of a container
# have both for all.
# Output seen:
#   with packets: 8 frames, time base 1/30
#   with None: 2 frames, time base None
#   of the container: 10 frames, time base 1/15360
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 numpy
seen=$("$folder/venv/bin/python" - "$folder/clip.mp4" <<'PYTHON'
import sys
from fractions import Fraction

import av
import numpy

encoder = av.CodecContext.create("libx264", "w")
encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
encoder.time_base = Fraction(1, 30)
encoder.options = {"preset": "medium", "bf": "2"}
packets = []
for number in range(10):
    frame = av.VideoFrame.from_ndarray(numpy.full((64, 64, 3), 20 * number, numpy.uint8), "rgb24")
    frame.pts, frame.time_base = number, Fraction(1, 30)
    packets += encoder.encode(frame)
packets += encoder.encode(None)

decoder = av.CodecContext.create("h264", "r")
decoder.thread_count = 1
came = [frame for packet in packets for frame in decoder.decode(packet)]
held = decoder.decode(None)
for name, frames in (("packets", came), ("None", held)):
    bases = {str(frame.time_base) for frame in frames}
    print(f"with {name}: {len(frames)} frames, time base {', '.join(sorted(bases))}")

with av.open(sys.argv[1], "w") as file:
    stream = file.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    for number in range(10):
        frame = av.VideoFrame.from_ndarray(numpy.full((64, 64, 3), 20 * number, numpy.uint8), "rgb24")
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
with av.open(sys.argv[1]) as file:
    frames = list(file.decode(video=0))
bases = {str(frame.time_base) for frame in frames}
print(f"of the container: {len(frames)} frames, time base {', '.join(sorted(bases))}")
PYTHON
)
echo "$seen"
[ "$seen" = "with packets: 8 frames, time base 1/30
with None: 2 frames, time base None
of the container: 10 frames, time base 1/15360" ]
