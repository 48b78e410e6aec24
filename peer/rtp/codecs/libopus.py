"""libopus itself, which PyAV brings along, and its decoder: it fills in for lost packets.

PyAV's decoder of Opus takes packets only. libopus decodes the copy of the packet before that a
packet may carry (in-band FEC, RFC 6716 section 2.1.7), and extrapolates where there is none.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import weakref
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import av

from peer.rtp.codecs.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

#: Sample rate of Opus in Hz, and channels that are decoded (RFC 7587 section 7).
RATE, CHANNELS = 48_000, 2
#: Samples of the longest packet: 120 ms (RFC 6716 section 3.2.5).
LONGEST = RATE * 120 // 1000
#: Samples that libopus extrapolates in one piece: a multiple of 2.5 ms (`opus_decode`).
STEP = RATE // 400
#: Octets of a sample of all channels.
SAMPLE_OCTETS = 2 * CHANNELS
#: Functions of libopus 1.5 or later with the types of result and arguments.
_FUNCTIONS = {
    "opus_decoder_create": (
        ctypes.c_void_p, (ctypes.c_int32, ctypes.c_int, ctypes.POINTER(ctypes.c_int)),
    ),
    "opus_decoder_destroy": (None, (ctypes.c_void_p,)),
    "opus_decode": (
        ctypes.c_int,
        (
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int,
            ctypes.c_int,
        ),
    ),
    "opus_encoder_create": (
        ctypes.c_void_p,
        (ctypes.c_int32, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)),
    ),
    "opus_encoder_destroy": (None, (ctypes.c_void_p,)),
    "opus_encoder_ctl": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int)),
    "opus_encode": (
        ctypes.c_int32,
        (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int32),
    ),
    "opus_packet_get_nb_samples": (
        ctypes.c_int, (ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32),
    ),
    "opus_packet_has_lbrr": (ctypes.c_int, (ctypes.c_char_p, ctypes.c_int32)),
    "opus_strerror": (ctypes.c_char_p, (ctypes.c_int,)),
}  # fmt: skip


@cache
def libopus() -> ctypes.CDLL | None:
    """The libopus that PyAV was installed with, or that of the system; None without one."""
    for path in _places():
        try:
            library = ctypes.CDLL(path)
            for name, (result, arguments) in _FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):
            # None for this machine, or older than 1.5.
            continue
        return library
    logger.info("no libopus 1.5 or later was found: in-band FEC of Opus is not used")
    return None


def _places() -> Iterator[str]:
    package = Path(av.__file__).parent
    # Where the wheels of Linux and Windows, and of macOS, keep the libraries they bring along.
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        yield from sorted(str(path) for path in folder.glob("*opus*"))
    system = ctypes.util.find_library("opus")
    if system is not None:
        yield system


class OpusDecoder:
    """Decodes one stream of Opus to 16-bit stereo at 48 kHz, and fills in for lost packets.

    Samples come as octets in native byte order, left before right.

    Args:
        library: As of `libopus`.

    Raises:
        DecodeError: libopus makes no decoder.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        error = ctypes.c_int()
        self._state = library.opus_decoder_create(RATE, CHANNELS, ctypes.byref(error))
        if not self._state:
            raise DecodeError(f"audio/opus: {reason(library, error.value)}")
        weakref.finalize(self, library.opus_decoder_destroy, self._state)
        self._samples = ctypes.create_string_buffer(LONGEST * SAMPLE_OCTETS)

    def decode(self, payload: bytes) -> bytes:
        """Decode a packet to samples, up to 120 ms of them.

        Raises:
            DecodeError: It is no packet of Opus.
        """
        return self._decode(payload, LONGEST, fec=False)

    def extrapolate(self, samples: int) -> bytes:
        """Go on for so many samples, a multiple of `STEP`, as the stream sounded before."""
        return self._decode(None, samples, fec=False)

    def recover(self, following: bytes, samples: int) -> bytes:
        """Decode what a packet carries of the packet before it, as of `recoverable`."""
        return self._decode(following, samples, fec=True)

    def recoverable(self, payload: bytes) -> int:
        """The samples before a packet that it carries a copy of; 0 where it has none."""
        library, size = self._library, len(payload)
        if library.opus_packet_has_lbrr(payload, size) != 1:
            return 0
        return max(0, int(library.opus_packet_get_nb_samples(payload, size, RATE)))

    def _decode(self, payload: bytes | None, samples: int, *, fec: bool) -> bytes:
        size = 0 if payload is None else len(payload)
        decoded = self._library.opus_decode(
            self._state, payload, size, self._samples, samples, int(fec)
        )
        if decoded < 0:
            raise DecodeError(f"audio/opus: {reason(self._library, decoded)}")
        return ctypes.string_at(self._samples, decoded * SAMPLE_OCTETS)


def reason(library: ctypes.CDLL, code: int) -> str:
    """The sentence of libopus for an error code."""
    text: bytes = library.opus_strerror(code)
    return text.decode("ascii", "replace")
