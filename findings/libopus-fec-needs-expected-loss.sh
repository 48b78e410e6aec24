#!/bin/sh
# libopus 1.6 and FFmpeg 8.1 in PyAV 18.1.0, seen 2026-11: `fec=1`, which is what `useinbandfec=1` of an
# SDP asks for (RFC 7587), makes an encoder put a copy of the packet before into none of its packets.
# It wants an expected loss besides (`packet_loss`), and has no copies even then at 16 kbit/s or with
# application=lowdelay. Nothing says so; only `opus_packet_has_lbrr` tells. And FFmpeg's decoder takes
# packets only: where one is lost, the copy in the next can be had of libopus alone, by ctypes.
# Output seen, of 60 packets of 20 ms of a voice:
#   24 kbit/s, fec: no copies
#   24 kbit/s, fec, 10% loss expected: copies
#   16 kbit/s, fec, 10% loss expected: no copies
#   24 kbit/s, fec, 10% loss expected, lowdelay: no copies
#   options of FFmpeg's decoders of Opus with "fec" in their names: none
#   libopus itself, from the next packet: 960 samples
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
seen=$(timeout 60 "$folder/venv/bin/python" - <<'PYTHON'
import ctypes
import pathlib
from fractions import Fraction

import av
import numpy

RATE, SAMPLES, COUNT = 48_000, 960, 60
libraries = pathlib.Path(av.__file__).parent.parent / "av.libs"
opus = ctypes.CDLL(str(next(libraries.glob("libopus*"))))
opus.opus_packet_has_lbrr.argtypes = [ctypes.c_char_p, ctypes.c_int32]
opus.opus_decoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_void_p]
opus.opus_decoder_create.restype = ctypes.c_void_p
opus.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
opus.opus_decode.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int,
]  # fmt: skip

time = numpy.arange(COUNT * SAMPLES) / RATE
voice = sum(numpy.sin(2 * numpy.pi * 150 * n * time) / n for n in range(1, 20))
voice = (voice * (1 + numpy.sin(2 * numpy.pi * 3 * time)) * 3000).astype(numpy.int16)


def packets(bit_rate, **options):
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    encoder.bit_rate, encoder.options = bit_rate, {"application": "voip"} | options
    for i in range(COUNT):
        part = voice[None, i * SAMPLES : (i + 1) * SAMPLES]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, i * SAMPLES, Fraction(1, RATE)
        yield from map(bytes, encoder.encode(frame))


def copies(bit_rate, **options):
    having = sum(opus.opus_packet_has_lbrr(p, len(p)) == 1 for p in packets(bit_rate, **options))
    return "copies" if having > COUNT // 2 else "no copies" if having == 0 else f"{having} copies"


print("24 kbit/s, fec:", copies(24_000, fec="1"))
print("24 kbit/s, fec, 10% loss expected:", copies(24_000, fec="1", packet_loss="10"))
print("16 kbit/s, fec, 10% loss expected:", copies(16_000, fec="1", packet_loss="10"))
lowdelay = copies(24_000, fec="1", packet_loss="10", application="lowdelay")
print("24 kbit/s, fec, 10% loss expected, lowdelay:", lowdelay)

decoder_options = set()
for library in ("opus", "libopus"):
    codec = av.CodecContext.create(library, "r")
    supported = codec.supported_options
    decoder_options |= {o.name for o in (*supported.generic, *supported.private)}
named = sorted(name for name in decoder_options if "fec" in name)
print('options of FFmpeg\'s decoders of Opus with "fec" in their names:', *named or ["none"])

*_, after = packets(24_000, fec="1", packet_loss="10")
decoder = opus.opus_decoder_create(RATE, 1, None)
room = ctypes.create_string_buffer(2 * SAMPLES)
count = opus.opus_decode(decoder, after, len(after), room, SAMPLES, 1)
print("libopus itself, from the next packet:", count, "samples")
opus.opus_decoder_destroy(decoder)
PYTHON
)
echo "$seen"
if [ "$seen" != '24 kbit/s, fec: no copies
24 kbit/s, fec, 10% loss expected: copies
16 kbit/s, fec, 10% loss expected: no copies
24 kbit/s, fec, 10% loss expected, lowdelay: no copies
options of FFmpeg'"'"'s decoders of Opus with "fec" in their names: none
libopus itself, from the next packet: 960 samples' ]; then
    echo "Changed: libopus or FFmpeg treats in-band FEC otherwise than it did." >&2
    exit 1
fi
