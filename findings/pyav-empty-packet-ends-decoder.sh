#!/bin/sh
# PyAV 18.1.0 (FFmpeg 8.1): CodecContext.decode(Packet(b"")) drains the decoder. An RTP payload of no
# octets, handed on as a packet, therefore ends the stream: every later packet raises EOFError until
# flush_buffers() is called, although the empty call itself raised nothing.
# Output seen:
#   before: 320 samples
#   empty packet: 0 frames, no error
#   after: EOFError
#   after flush_buffers: 320 samples
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 numpy
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import av
import numpy

encoder = av.CodecContext.create("g722", "w")
encoder.sample_rate, encoder.layout, encoder.format = 16000, "mono", "s16"
frame = av.AudioFrame.from_ndarray(numpy.zeros((1, 320), numpy.int16), format="s16", layout="mono")
frame.sample_rate, frame.pts = 16000, 0
(packet,) = encoder.encode(frame)

decoder = av.CodecContext.create("g722", "r")
decoder.layout = "mono"
print("before:", decoder.decode(packet)[0].samples, "samples")
print("empty packet:", len(decoder.decode(av.Packet(b""))), "frames, no error")
try:
    decoder.decode(packet)
    print("after: decoded")
except EOFError:
    print("after: EOFError")
decoder.flush_buffers()
print("after flush_buffers:", decoder.decode(packet)[0].samples, "samples")
PYTHON
)
echo "$seen"
[ "$seen" = "before: 320 samples
empty packet: 0 frames, no error
after: EOFError
after flush_buffers: 320 samples" ]
