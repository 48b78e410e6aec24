"""Opus encoder of libopus itself, which takes samples where they lie and encodes mono as mono."""

from __future__ import annotations

import ctypes
import weakref
from enum import IntEnum
from typing import TYPE_CHECKING

from peer.rtp.codecs.errors import EncodeError
from peer.rtp.codecs.libopus import CHANNELS, RATE, SAMPLE_OCTETS, reason

if TYPE_CHECKING:
    from av import AudioFrame

#: Application (opus_defines.h): speech intelligibility before fidelity.
_VOIP = 2048
#: `OPUS_AUTO` of opus_defines.h: libopus chooses.
_AUTO = -1000
#: Most thorough search of the encoder, 0 to 10 (as of libav's encoder).
_COMPLEXITY = 10
#: Octets of the longest packet (opus_encoder.h recommends 4000).
_LONGEST = 4000
#: Frames with equal channels after which sound counts as mono again (ours): a second, so that
#: pauses of music change nothing.
_MONO_AFTER = 50


class _Request(IntEnum):
    """A request of `opus_encoder_ctl` (opus_defines.h)."""

    SET_BITRATE = 4002
    SET_VBR = 4006
    SET_COMPLEXITY = 4010
    SET_INBAND_FEC = 4012
    SET_PACKET_LOSS_PERC = 4014
    SET_VBR_CONSTRAINT = 4020
    SET_FORCE_CHANNELS = 4022


class OpusEncoder:
    """Encodes one stream of Opus from 16-bit stereo at 48 kHz, in packets of one frame.

    Sound whose channels are equal, as of most microphones and voices, is encoded as mono within
    the same stream (RFC 6716 section 2.1.2): it takes two thirds of the time.

    Args:
        library: As of `libopus`.
        bitrate: Bits/s on average.
        loss: Packet loss in percent that in-band FEC prepares for; None without FEC.

    Raises:
        EncodeError: libopus makes no encoder.
    """

    def __init__(self, library: ctypes.CDLL, *, bitrate: int, loss: int | None) -> None:
        self._library = library
        error = ctypes.c_int()
        self._state = library.opus_encoder_create(RATE, CHANNELS, _VOIP, ctypes.byref(error))
        if not self._state:
            raise EncodeError(f"audio/opus: {reason(library, error.value)}")
        weakref.finalize(self, library.opus_encoder_destroy, self._state)
        self._packet = ctypes.create_string_buffer(_LONGEST)
        self._equal_frames = _MONO_AFTER
        self._mono = False
        self._set(_Request.SET_BITRATE, bitrate)
        self._set(_Request.SET_VBR, 1)
        self._set(_Request.SET_VBR_CONSTRAINT, 0)
        self._set(_Request.SET_COMPLEXITY, _COMPLEXITY)
        if loss is not None:
            self._set(_Request.SET_INBAND_FEC, 1)
            self._set(_Request.SET_PACKET_LOSS_PERC, loss)

    def encode(self, frame: AudioFrame) -> bytes:
        """Encode a frame to a packet.

        Args:
            frame: Packed `s16` in stereo, of 2.5 to 60 ms.

        Raises:
            EncodeError: The frame has another duration.
        """
        plane = frame.planes[0]
        samples = frame.samples
        self._follow_channels(bytes(plane)[: samples * SAMPLE_OCTETS])
        size = self._library.opus_encode(
            self._state, plane.buffer_ptr, samples, self._packet, _LONGEST
        )
        if size < 0:
            raise EncodeError(f"audio/opus: {reason(self._library, size)}")
        return ctypes.string_at(self._packet, size)

    def _follow_channels(self, octets: bytes) -> None:
        equal = octets[::4] == octets[2::4] and octets[1::4] == octets[3::4]
        self._equal_frames = self._equal_frames + 1 if equal else 0
        mono = self._equal_frames > _MONO_AFTER
        if mono is not self._mono:
            self._mono = mono
            self._set(_Request.SET_FORCE_CHANNELS, 1 if mono else _AUTO)

    def _set(self, request: _Request, value: int) -> None:
        # A variadic function: its argument needs its type said.
        code = self._library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value))
        if code < 0:
            raise EncodeError(f"audio/opus: {reason(self._library, code)}")
