#!/bin/sh
# SVT-AV1 in PyAV 18.1.0 on Linux, seen 2026-11: opening the encoder as root puts the *calling* thread
# under SCHED_FIFO with priority 99, the highest there is, and leaves it there when the encoder is
# gone. Each thread that it starts later inherits that, an executor's and another encoder's too. In a
# container whose program runs as root, one AV1 encoder thus comes before sockets and sound of all other
# processes. We found no option against it: keep the policy and set it back after the first frame.
# Needs root (with CAP_SYS_NICE): exits with 2 where there is none.
# Output seen:
#   before: SCHED_OTHER 0
#   encoder open: SCHED_FIFO 99
#   encoder gone: SCHED_FIFO 99
#   a thread started afterwards: SCHED_FIFO 99
#   the same with VP8: SCHED_OTHER 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q av==18.1.0
cat > "$folder/encode.py" <<'PYTHON'
import os
import sys
import threading
from fractions import Fraction

import av

try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
except PermissionError:
    sys.exit(2)


def policy():
    name = {os.SCHED_OTHER: "SCHED_OTHER", os.SCHED_FIFO: "SCHED_FIFO"}[os.sched_getscheduler(0)]
    return f"{name} {os.sched_getparam(0).sched_priority}"


def encode(library, options):
    encoder = av.CodecContext.create(library, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 128, 128, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.options = Fraction(1, 30), 30, options
    encoder.encode(av.VideoFrame(128, 128, "yuv420p"))
    return encoder


if sys.argv[1] == "vp8":
    encode("libvpx", {})
    print("the same with VP8:", policy())
    sys.exit()
print("before:", policy())
encoder = encode("libsvtav1", {"preset": "12"})
print("encoder open:", policy())
encoder.encode(None)
del encoder
print("encoder gone:", policy())
seen = []
thread = threading.Thread(target=lambda: seen.append(policy()))
thread.start()
thread.join()
print("a thread started afterwards:", seen[0])
PYTHON
run() { SVT_LOG=0 timeout 60 "$folder/venv/bin/python" "$folder/encode.py" "$1"; }
seen=$(run av1 && run vp8) || status=$?
if [ "${status:-0}" -eq 2 ]; then
    echo "Needs root with CAP_SYS_NICE." >&2
    exit 2
fi
echo "$seen"
if [ "$seen" != "before: SCHED_OTHER 0
encoder open: SCHED_FIFO 99
encoder gone: SCHED_FIFO 99
a thread started afterwards: SCHED_FIFO 99
the same with VP8: SCHED_OTHER 0" ]; then
    echo "Changed: SVT-AV1 treats the calling thread otherwise than it did." >&2
    exit 1
fi
