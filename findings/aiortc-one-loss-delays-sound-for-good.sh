#!/bin/sh
# aiortc 1.16.0, seen 2026-11: its jitter buffer for sound, made as RTCRtpReceiver makes it, plays four
# packets behind the newest to begin with. One packet that never comes raises that to fourteen, 280 ms
# at 20 ms a packet, and ten minutes without any loss do not lower it again. A call gets slower at its
# first loss and stays so; users hear a delay, and no statistics of the network show one.
# Output seen:
#   before any loss: 4 packets behind
#   ten minutes after one loss: 14 packets behind
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q aiortc==1.16.0
seen=$(timeout 60 "$folder/venv/bin/python" - <<'PYTHON'
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

SAMPLES = 960
buffer = JitterBuffer(capacity=16, prefetch=4)
behind = {}
played = None
for number in range(30_200):
    if number == 100:
        continue
    packet = RtpPacket(payload_type=96, sequence_number=number, timestamp=number * SAMPLES)
    packet._data = b"sound"
    _, frame = buffer.add(packet)
    if frame is not None:
        played = frame.timestamp // SAMPLES
    if played is not None:
        behind[number] = number - played

print("before any loss:", behind[99], "packets behind")
print("ten minutes after one loss:", behind[30_199], "packets behind")
PYTHON
)
echo "$seen"
if [ "$seen" != "before any loss: 4 packets behind
ten minutes after one loss: 14 packets behind" ]; then
    echo "Changed: the jitter buffer for sound waits otherwise than it did." >&2
    exit 1
fi
