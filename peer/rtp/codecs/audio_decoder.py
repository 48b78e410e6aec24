"""Decodes the packets of one audio stream, and fills in for those that were lost."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from av import AudioCodecContext, AudioFrame, CodecContext
from av.packet import Packet

from peer.rtp.codecs.libopus import CHANNELS, RATE, STEP, OpusDecoder, libopus
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp_parameters import Codec

# RFC 3551 section 4.5.2: the RTP clock of G722 runs at half its sampling rate.
SAMPLE_RATES = {"g722": 16_000}
#: Seconds without sound beyond which nothing is filled in (ours): the stream was interrupted.
LOSS_LIMIT = 0.5
#: Seconds that are extrapolated at most (ours): by then it has faded out.
_EXTRAPOLATED = 0.12
#: Seconds of a frame of what is filled in (ours), as of most packets.
_PIECE = Fraction(1, 50)
_LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True, slots=True)
class Concealment:
    """Sound that fills in for lost packets.

    Args:
        frames: In their order, up to the packet after the loss.
        concealed: Samples that were extrapolated.
        recovered: Samples that the packet after the loss had a copy of (in-band FEC of Opus).
    """

    frames: tuple[AudioFrame, ...] = ()
    concealed: int = 0
    recovered: int = 0


_NOTHING = Concealment()


class _Sound(Protocol):
    """The decoder of a library, with packets of octets and samples of shape (channels, n)."""

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""

    def decode(self, payload: bytes, pts: int) -> list[AudioFrame]:
        """Decode a packet to frames that have no time yet."""

    def recoverable(self, payload: bytes) -> int:
        """Samples before a packet that it has a copy of."""

    def recover(self, payload: bytes, samples: int) -> AudioFrame | None:
        """Decode the copy that a packet has of the samples before it."""

    def extrapolate(self, samples: int) -> AudioFrame | None:
        """Make so many samples that go on as before; None where nothing was heard."""


class AudioDecoder:
    """Decodes one audio stream to `s16`, Opus always in stereo at 48000 Hz.

    Args:
        codec: Negotiated codec.
        library: The decoder's name in PyAV, as of `installed.decoder_library`.
        opus: Makes the decoder of Opus that fills in; None where there is none.
    """

    def __init__(
        self,
        codec: Codec,
        library: str,
        *,
        opus: Callable[[], OpusDecoder | None] = lambda: _opus_decoder(),
    ) -> None:
        decoder = opus() if codec.name.lower() == "opus" else None
        self._sound: _Sound = _Libav(codec, library) if decoder is None else _Opus(decoder)
        self._clock_rate = codec.clock_rate
        self._time_base = Fraction(1, codec.clock_rate)
        # Time of the first sample after those decoded so far, in ticks.
        self._end: int | None = None

    def decode(self, payload: bytes, pts: int) -> list[AudioFrame]:
        """Decode a packet to frames that have its time; raises what the library raises."""
        frames = self._sound.decode(payload, pts)
        for frame in frames:
            frame.pts = pts
            frame.time_base = self._time_base
            self._end = pts + frame.samples * self._clock_rate // frame.sample_rate
        return frames

    def conceal(self, payload: bytes, pts: int) -> Concealment:
        """Fill in for the packets lost before a packet, which is decoded after that.

        Nothing is filled in before the first packet, and for more than half a second.

        Args:
            payload: The packet after the loss.
            pts: Its time in ticks of the codec's clock.
        """
        if self._end is None:
            return _NOTHING
        sound, rate = self._sound, self._sound.rate
        missing = (pts - self._end) * rate // self._clock_rate
        # Packets of libopus' FEC and of its extrapolation last a multiple of 2.5 ms.
        if not STEP * rate <= missing * RATE <= LOSS_LIMIT * rate * RATE:
            return _NOTHING
        copied = sound.recoverable(payload)
        if copied > missing:
            copied = 0
        frames, at, concealed = [], self._end, 0
        left = min(missing - copied, round(_EXTRAPOLATED * rate))
        while left * RATE >= STEP * rate:
            frame = sound.extrapolate(min(left, round(_PIECE * rate)))
            if frame is None:
                break
            frames.append(self._timed(frame, at))
            at += frame.samples * self._clock_rate // rate
            concealed += frame.samples
            left -= frame.samples
        copy = sound.recover(payload, copied) if copied else None
        if copy is not None:
            frames.append(self._timed(copy, pts - copied * self._clock_rate // rate))
        return Concealment(tuple(frames), concealed, 0 if copy is None else copy.samples)

    def _timed(self, frame: AudioFrame, pts: int) -> AudioFrame:
        frame.pts = pts
        frame.time_base = self._time_base
        return frame


class _Opus:
    """Opus by libopus itself."""

    rate = RATE

    def __init__(self, decoder: OpusDecoder) -> None:
        self._decoder = decoder

    def decode(self, payload: bytes, pts: int) -> list[AudioFrame]:
        return [_frame(self._decoder.decode(payload), rate=RATE, channels=CHANNELS)]

    def recoverable(self, payload: bytes) -> int:
        return self._decoder.recoverable(payload)

    def recover(self, payload: bytes, samples: int) -> AudioFrame | None:
        return _frame(self._decoder.recover(payload, samples), rate=RATE, channels=CHANNELS)

    def extrapolate(self, samples: int) -> AudioFrame | None:
        return _frame(
            self._decoder.extrapolate(samples - samples % STEP), rate=RATE, channels=CHANNELS
        )


class _Libav:
    """A decoder of PyAV, which only takes packets; what is missing is extrapolated here."""

    def __init__(self, codec: Codec, library: str) -> None:
        self._channels = CHANNELS if codec.name.lower() == "opus" else 1
        self.rate = SAMPLE_RATES.get(codec.name.lower(), codec.clock_rate)
        self._time_base = Fraction(1, codec.clock_rate)
        # numpy is loaded with the first of them: it takes half as long as all of aiortc.
        from peer.rtp.codecs.extrapolation import Extrapolator

        self._extrapolator = Extrapolator(self.rate)
        context = CodecContext.create(library, "r")
        assert isinstance(context, AudioCodecContext)
        context.thread_count = 1
        context.format = "s16"
        context.layout = _LAYOUTS[self._channels]
        context.sample_rate = self.rate
        self._context = context

    def decode(self, payload: bytes, pts: int) -> list[AudioFrame]:
        packet = Packet(payload)
        packet.pts = pts
        packet.time_base = self._time_base
        return [self._heard(frame) for frame in self._context.decode(packet)]

    def recoverable(self, payload: bytes) -> int:
        return 0

    def recover(self, payload: bytes, samples: int) -> AudioFrame | None:
        return None

    def extrapolate(self, samples: int) -> AudioFrame | None:
        made = self._extrapolator.extrapolate(samples)
        return (
            None
            if made is None
            else _frame(made.T.tobytes(), rate=self.rate, channels=self._channels)
        )

    def _heard(self, frame: AudioFrame) -> AudioFrame:
        import numpy as np

        joins = self._extrapolator.running
        octets = bytes(frame.planes[0])[: 2 * self._channels * frame.samples]
        samples = np.frombuffer(octets, np.int16).reshape(-1, self._channels).T
        heard = self._extrapolator.heard(samples)
        return (
            _frame(heard.T.tobytes(), rate=self.rate, channels=self._channels) if joins else frame
        )


def _opus_decoder() -> OpusDecoder | None:
    library = libopus()
    return None if library is None else OpusDecoder(library)


def _frame(octets: bytes, *, rate: int, channels: int) -> AudioFrame:
    samples = len(octets) // (2 * channels)
    frame = AudioFrame(format="s16", layout=_LAYOUTS[channels], samples=samples)
    frame.planes[0].update(octets)
    frame.sample_rate = rate
    return frame
