#!/bin/sh
# FFmpeg 8.1 in PyAV 18.1.0, seen 2026-11: a muxer with a VP8 or VP9 stream from which nothing has come
# yet (a camera that is off, a peer whose first key frame is late) writes no sound at all, for as long
# as that lasts; all of it waits in memory, and `max_interleave_delta`, `flush_packets` and `live`
# change nothing. With AV1 or H.264 in its place sound comes after ten seconds, or after what
# `max_interleave_delta` says. So a live WebM of two people, one of them muted, is empty.
# Output seen, octets written after 10, 20 ... 60 seconds of sound:
#   libvpx: the header only, all the time
#   libvpx-vp9: the header only, all the time
#   libvpx, max_interleave_delta of 1 s: the header only, all the time
#   libsvtav1: the header only at 10 s, more each time after that
#   libsvtav1, max_interleave_delta of 1 s: more each time
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
seen=$(SVT_LOG=0 timeout 200 "$folder/venv/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy

tone = numpy.sin(numpy.arange(960) * 2 * numpy.pi * 500 / 48_000) * 10_000


class Written:
    octets = 0

    def write(self, data):
        self.octets += len(data)
        return len(data)


def written(video, options):
    file = Written()
    output = av.open(file, "w", format="webm", options={"live": "1", "flush_packets": "1"} | options)
    picture = output.add_stream(video, rate=30)
    picture.width, picture.height, picture.pix_fmt = 320, 192, "yuv420p"
    sound = output.add_stream("libopus", rate=48_000, layout="mono")
    seen = []
    for i in range(60 * 50):
        frame = av.AudioFrame.from_ndarray(tone.astype(numpy.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * i, Fraction(1, 48_000)
        output.mux(sound.encode(frame))
        if i % 500 == 499:
            seen.append(file.octets)
    return seen


def words(seen):
    grows = [later > earlier for earlier, later in zip(seen, seen[1:])]
    header = seen[0] < 2000
    match header, all(grows), any(grows):
        case True, False, False:
            return "the header only, all the time"
        case True, True, _:
            return "the header only at 10 s, more each time after that"
        case False, True, _:
            return "more each time"
    return str(seen)


for name, options in (
    ("libvpx", {}),
    ("libvpx-vp9", {}),
    ("libvpx", {"max_interleave_delta": "1000000"}),
    ("libsvtav1", {}),
    ("libsvtav1", {"max_interleave_delta": "1000000"}),
):
    suffix = ", max_interleave_delta of 1 s" if options else ""
    print(f"{name}{suffix}: {words(written(name, options))}")
PYTHON
)
echo "$seen"
if [ "$seen" != "libvpx: the header only, all the time
libvpx-vp9: the header only, all the time
libvpx, max_interleave_delta of 1 s: the header only, all the time
libsvtav1: the header only at 10 s, more each time after that
libsvtav1, max_interleave_delta of 1 s: more each time" ]; then
    echo "Changed: the muxer waits otherwise than it did for a stream that is silent." >&2
    exit 1
fi
