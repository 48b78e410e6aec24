"""The voice bot of examples/ and all that is between it and the wire, in virtual time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from av import AudioFrame, CodecContext, Packet

from examples import voice_bot
from media import PushedAudio, SileroDetector, turns
from peer.rtp.encoding import shared_encoder
from peer.rtp.outbound.encodings import RtpEncodingParameters
from peer.rtp.outbound.outbound_stream import OutboundStream
from peer.rtp_parameters import MediaKind
from tests.support.clock.inline import SlowExecutor
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.speech import PacedTrack, silence, spoken
from tests.support.rtp.outgoing import OPUS, FakeEngine, agreed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = pytest.mark.needs("espeak-ng")
#: Seconds that the encoder works on 20 ms of sound.
ENCODING = 0.01
FIRST = "Good morning. I would like to know when the next train leaves."
SECOND = "Thank you very much. That is all that I wanted to hear."


class Voice(PushedAudio):
    """The bot's voice, which notes when it was interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted: list[float] = []

    def interrupt(self) -> None:
        super().interrupt()
        self.interrupted.append(asyncio.get_running_loop().time())


class Bot:
    """The bot, whose voice is encoded and sent, while it hears a track.

    Attributes:
        heard: Seconds of each utterance that it was to recognise.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, answer: str) -> None:
        self.heard: list[float] = []
        self.begun = asyncio.get_running_loop().time()
        self.voice = Voice()
        self._answer = answer
        self._engine = FakeEngine()
        monkeypatch.setattr(shared_encoder, "threads_of", lambda _: SlowExecutor(ENCODING))
        # Loading it takes a thread, which knows no virtual time.
        monkeypatch.setattr(voice_bot, "turns", partial(turns, detector=SileroDetector()))
        monkeypatch.setattr(voice_bot, "recognise", self._recognise)
        self._stream = OutboundStream(
            MediaKind.AUDIO,
            self._engine,
            agreed(OPUS),
            RtpEncodingParameters(),
            ssrc=1,
            rtx_ssrc=2,
        )
        self._stream.set_track(self.voice)

    async def converse(self, *sounds: NDArray[np.int16], rest: float) -> None:
        """Hear sounds, and talk on for some seconds."""
        await voice_bot.converse(PacedTrack(np.concatenate(sounds)), self.voice)
        await asyncio.sleep(rest)
        self._stream.set_track(None)

    def said(self) -> Iterator[tuple[float, bool]]:
        """Each packet that was sent: seconds since the beginning, and whether it is heard."""
        decoder: Any = CodecContext.create("opus", "r")
        for sent in self._engine.sent:
            for frame in decoder.decode(Packet(sent.packet.payload)):
                assert isinstance(frame, AudioFrame)
                loud = float(np.abs(frame.to_ndarray()).max()) > 0.01
                yield sent.at - self.begun, loud

    def last_said_before(self, time: float, *, silent_for: float) -> float:
        """When the last packet was sent with which the bot fell silent at about this time."""
        said = list(self.said())
        last = max(at for at, loud in said if loud and at <= time + silent_for / 2)
        assert not any(loud for at, loud in said if last < at < last + silent_for)
        return last

    async def _recognise(self, utterance: NDArray[np.int16]) -> str:
        self.heard.append(len(utterance) / 16_000)
        return self._answer


@in_virtual_time
async def test_the_last_frame_of_an_interrupted_bot_is_sent_within_40_ms_of_the_turn_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 21 words are 21 seconds: it is interrupted in the middle of them.
    bot = Bot(monkeypatch, answer="word " * 21)
    await bot.converse(
        silence(0.2), spoken(FIRST), silence(3), spoken(SECOND), silence(2), rest=0.5
    )
    spoke = 0.2 + len(spoken(FIRST)) / 48_000 + 3
    hello, event = (at - bot.begun for at in bot.voice.interrupted)

    assert hello < 0.5
    last = bot.last_said_before(event, silent_for=1.0)
    assert event - 0.02 <= last <= event + 0.04
    # And soon after the first sound of the sentence.
    assert last - spoke < 0.4
    # It had talked until then, and talks again after the second sentence.
    said = list(bot.said())
    assert all(loud for at, loud in said if event - 1 < at < event)
    assert any(loud for at, loud in said if at > event + len(spoken(SECOND)) / 48_000)


@in_virtual_time
async def test_two_sentences_are_two_utterances_for_the_voice_bot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bot = Bot(monkeypatch, answer="yes")
    await bot.converse(silence(2), spoken(FIRST), silence(2), spoken(SECOND), silence(2), rest=0.1)
    lengths = [len(spoken(words)) / 48_000 for words in (FIRST, SECOND)]
    assert bot.heard == pytest.approx([seconds + 0.4 for seconds in lengths], abs=0.4)
    # Hello, and an answer of a second to each, which nothing interrupts.
    said = [at for at, loud in bot.said() if loud]
    groups = np.split(np.array(said), np.flatnonzero(np.diff(said) > 0.5) + 1)
    assert [float(group[-1] - group[0]) for group in groups] == pytest.approx([1, 1, 1], abs=0.05)
