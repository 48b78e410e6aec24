"""Three participants through connections of ours into one picture and one sound."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame, VideoFrame

from media.mixing import AudioMixer, Composite, Layout
from media.planes import planes
from peer import PeerConnection
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import (
    BLUE,
    GREEN,
    RED,
    TOLERANCE,
    ColourTrack,
    ToneTrack,
)
from tests.support.negotiation.connections import connect, loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import MediaStreamTrack, TrackEvent

Colour = tuple[int, int, int]
Point = tuple[int, int]

PEOPLE = ((RED, 500), (GREEN, 1000), (BLUE, 1700))
PITCHES = {pitch for _, pitch in PEOPLE}
#: In the picture of each, where there are three, two, and two of whom the first speaks.
THREE = ((160, 90), (480, 90), (320, 270))
TWO = ((160, 180), (480, 180))
SPEAKER, OTHER = (320, 100), (320, 330)


class Voice(ToneTrack):
    """A tone that can be muted."""

    muted = False

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        if self.muted:
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        return frame


class Participant:
    """Someone with a colour and a tone, connected to a room that mixes."""

    def __init__(self, colour: Colour, pitch: int, mixer: AudioMixer, grid: Composite) -> None:
        self.there, self.here = PeerConnection(loopback()), PeerConnection(loopback())
        self.voice = Voice(pitch)
        self.perceived: dict[str, MediaStreamTrack] = {}
        self._said: dict[str, MediaStreamTrack] = {}
        self._room = (mixer, grid)
        self.here.on("track", self._admit)
        self.there.on("track", self._perceive)
        self.there.addTrack(self.voice)
        self.there.addTrack(ColourTrack(colour))

    def enter(self) -> None:
        """Be shown, with the sound that goes with the picture."""
        self._room[1].add(self._said["video"], sound=self._said["audio"])

    def _admit(self, event: TrackEvent) -> None:
        mixer, grid = self._room
        self._said[event.track.kind] = event.track
        if event.track.kind == "audio":
            mixer.add(event.track)
            self.here.addTrack(mixer.track(without=event.track))
        else:
            self.here.addTrack(grid.track())

    def _perceive(self, event: TrackEvent) -> None:
        self.perceived[event.track.kind] = event.track


@asynccontextmanager
async def conference(mixer: AudioMixer, grid: Composite) -> AsyncIterator[list[Participant]]:
    async with AsyncExitStack() as stack:
        people = [Participant(colour, pitch, mixer, grid) for colour, pitch in PEOPLE]
        for person in people:
            await stack.enter_async_context(person.there)
            await stack.enter_async_context(person.here)
            await connect(person.there, person.here)
            person.enter()
        yield people


async def shows(track: MediaStreamTrack, wanted: dict[Point, Colour]) -> None:
    """Wait until the picture has these colours at these points."""
    async with asyncio.timeout(DEADLINE):
        while True:
            frame = await track.recv()
            assert isinstance(frame, VideoFrame)
            y, u, v = planes(frame)
            if all(
                abs(int(plane[at_y // by, at_x // by]) - value) <= TOLERANCE
                for (at_x, at_y), colour in wanted.items()
                for plane, by, value in zip((y, u, v), (1, 2, 2), colour, strict=True)
            ):
                return


async def sounds(track: MediaStreamTrack, wanted: set[int]) -> None:
    """Wait until half a second has just these of the participants' tones."""
    heard: list[float] = []
    async with asyncio.timeout(DEADLINE):
        while True:
            frame = await track.recv()
            assert isinstance(frame, AudioFrame)
            heard += frame.to_ndarray().reshape(-1, frame.layout.nb_channels)[:, 0].tolist()
            if len(heard) < 24_000:
                continue
            spectrum = np.abs(np.fft.rfft(np.array(heard) * np.hanning(len(heard))))
            strengths = {
                pitch: spectrum[int(pitch * len(heard) / 48_000 + 0.5)] for pitch in PITCHES
            }
            floor = max(strengths.values()) / 10
            if wanted == {pitch for pitch, strength in strengths.items() if strength > floor > 1e4}:
                return
            heard.clear()


async def test_three_participants_see_and_hear_each_other_in_one_picture_and_one_mix() -> None:
    async with (
        AudioMixer() as mixer,
        Composite(width=640, height=360, rate=15, mixer=mixer) as grid,
    ):
        async with conference(mixer, grid) as people:
            everyone = dict(zip(THREE, (RED, GREEN, BLUE), strict=True))
            picture, sound = grid.track(), mixer.track()
            await asyncio.gather(shows(picture, everyone), sounds(sound, PITCHES))
            # Back through the connections: all are seen, and nobody hears itself.
            await shows(people[0].perceived["video"], everyone)
            await asyncio.gather(
                *(
                    sounds(person.perceived["audio"], PITCHES - {pitch})
                    for person, (_, pitch) in zip(people, PEOPLE, strict=True)
                )
            )

            # One leaves.
            await people[1].here.close()
            two = dict(zip(TWO, (RED, BLUE), strict=True))
            await asyncio.gather(shows(picture, two), sounds(sound, {500, 1700}))
            assert (len(mixer.inputs), len(grid.participants)) == (2, 2)

            # The one who speaks is large.
            grid.layout = Layout.SPEAKER
            for quiet, speaker, other in ((0, BLUE, RED), (2, RED, BLUE)):
                people[2 - quiet].voice.muted = False
                people[quiet].voice.muted = True
                await shows(picture, {SPEAKER: speaker, OTHER: other})
        assert mixer.inputs == ()
        assert grid.participants == ()
