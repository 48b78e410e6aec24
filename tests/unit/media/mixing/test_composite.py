from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from media import SyntheticAudioTrack
from media.mixing import AudioMixer, Composite, CompositeParticipant
from media.mixing.canvas import BACKGROUND, PLACEHOLDER
from media.planes import planes
from peer import AudioLevel
from peer.rtp_parameters import MediaKind
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.frames import GivenTrack, flat_picture, tone
from tests.support.negotiation.connection_media import BLUE, GREEN, RED, ColourTrack
from tests.support.rtp.parameters import QueueTrack

if TYPE_CHECKING:
    from collections.abc import Callable

Colour = tuple[int, int, int]


class AtOnce(Executor):
    """Does everything when it is asked to, as virtual time demands."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


def composite(**options: Any) -> Composite:
    return Composite(**{"width": 320, "height": 180, "executor": AtOnce(), **options})


async def shown(track: MediaStreamTrack, count: int = 10) -> VideoFrame:
    """The last of so many pictures."""
    frame = None
    for _ in range(count):
        frame = await track.recv()
    assert isinstance(frame, VideoFrame)
    return frame


def at(frame: VideoFrame, *points: tuple[int, int]) -> list[Colour]:
    pixels = planes(frame)
    return [
        (int(pixels.y[y, x]), int(pixels.u[y // 2, x // 2]), int(pixels.v[y // 2, x // 2]))
        for x, y in points
    ]


#: Away from the edges of the four quarters: upper left, upper right, lower left, lower right.
QUARTERS = ((80, 20), (240, 20), (80, 110), (240, 110))


@in_virtual_time
async def test_pictures_come_at_their_size_rate_and_time() -> None:
    async with composite(rate=20) as both:
        loop, track = asyncio.get_running_loop(), both.track()
        begun = loop.time()
        frames = [await shown(track, 1) for _ in range(21)]
        assert loop.time() - begun == pytest.approx(1, abs=0.001)
        assert [frame.pts for frame in frames] == [4500 * n for n in range(21)]
        assert {(f.width, f.height, f.format.name) for f in frames} == {(320, 180, "yuv420p")}
        assert at(frames[0], *QUARTERS) == [BACKGROUND] * 4


@in_virtual_time
async def test_participants_come_and_go() -> None:
    async with composite() as grid:
        output, tracks = grid.track(), [ColourTrack(c) for c in (RED, GREEN, BLUE, RED)]
        for track in tracks:
            grid.add(track)
        assert at(await shown(output), *QUARTERS) == [RED, GREEN, BLUE, RED]
        grid.remove(tracks[0])
        assert at(await shown(output), *QUARTERS[:2], (160, 110)) == [GREEN, BLUE, RED]
        for track in tracks[1:3]:
            grid.remove(track)
        assert at(await shown(output), *QUARTERS) == [RED] * 4
        assert tracks[0].readyState == "live"


@in_virtual_time
async def test_one_that_ends_leaves() -> None:
    async with composite() as grid:
        left: list[tuple[CompositeParticipant, Exception | None]] = []
        grid.on("left", lambda *what: left.append(what))
        participant = grid.add(GivenTrack("video", [flat_picture(16, 16)]))
        broken = QueueTrack(MediaKind.VIDEO)
        other, failure = grid.add(broken), RuntimeError("the camera fell off")
        wrong = grid.add(GivenTrack("video", [tone(440, 0.02)]))
        broken.push(failure)
        await shown(grid.track(), 3)
        assert grid.participants == ()
        errors = dict(left)
        assert (errors[participant], errors[other]) == (None, failure)
        assert isinstance(errors[wrong], TypeError)


@in_virtual_time
async def test_no_picture_and_an_old_one_are_placeholders() -> None:
    async with composite(patience=2.0) as grid:
        track, output = QueueTrack(MediaKind.VIDEO), grid.track()
        grid.add(track, name="ANNA")
        grid.add(None, name="BERT")
        assert at(await shown(output), (20, 20), (180, 60)) == [BACKGROUND, PLACEHOLDER]
        assert at(await shown(output), (20, 60)) == [PLACEHOLDER]
        track.push(flat_picture(160, 90))
        assert at(await shown(output), (20, 60)) == [(180, 90, 200)]
        assert at(await shown(output, 60), (20, 60)) == [PLACEHOLDER]


@in_virtual_time
async def test_only_what_changes_is_drawn_and_only_while_somebody_reads() -> None:
    async with composite(rate=30) as grid:
        still = QueueTrack(MediaKind.VIDEO)
        still.push(flat_picture(160, 90))
        grid.add(still)
        output = grid.track()
        await shown(output, 60)
        assert grid.drawn <= 2
        grid.add(ColourTrack(RED))
        await asyncio.sleep(20)
        before = grid.drawn
        await asyncio.sleep(20)
        assert grid.drawn == before
        await shown(output, 30)
        assert 20 <= grid.drawn - before <= 35


@in_virtual_time
async def test_the_speaker_is_large() -> None:
    levels = {"red": AudioLevel(127), "blue": AudioLevel(127)}
    async with composite(layout="speaker") as meeting:
        meeting.add(ColourTrack(RED), sound=lambda: levels["red"])
        blue = meeting.add(ColourTrack(BLUE), sound=lambda: levels["blue"])
        output = meeting.track()
        large, small = (160, 20), (160, 170)
        assert at(await shown(output), large, small) == [RED, BLUE]
        levels["blue"] = AudioLevel(20, voice=True)
        assert at(await shown(output, 75), large, small) == [BLUE, RED]
        assert meeting.speaker is blue
        meeting.remove(blue)
        assert at(await shown(output), large, small) == [RED, RED]


@in_virtual_time
async def test_a_mixer_tells_who_speaks() -> None:
    quiet, loud = SyntheticAudioTrack(amplitude=0.0), SyntheticAudioTrack(amplitude=0.3)
    async with AudioMixer() as mixer, composite(layout="speaker", mixer=mixer) as meeting:
        for colour, sound in ((RED, quiet), (BLUE, loud)):
            mixer.add(sound)
            meeting.add(ColourTrack(colour), sound=sound)
        assert at(await shown(meeting.track(), 75), (160, 20)) == [BLUE]


@in_virtual_time
async def test_the_layout_and_names_change_while_it_runs() -> None:
    async with composite() as grid:
        participant = grid.add(ColourTrack(RED))
        grid.add(ColourTrack(BLUE))
        output = grid.track()
        assert at(await shown(output), (20, 60), (300, 60)) == [RED, BLUE]
        grid.layout = "speaker"
        participant.name = "ANNA"
        frame = await shown(output)
        assert at(frame, (160, 20)) == [RED]
        assert (planes(frame).y == 235).any()


@in_virtual_time
async def test_many_are_shown_up_to_a_bound() -> None:
    async with composite(patience=None) as crowd:
        for n in range(60):
            crowd.add(None, name=str(n))
        await shown(crowd.track(), 3)
        assert crowd.drawn == 49


async def test_every_track_shows_the_same_and_closing_ends_all() -> None:
    grid = Composite(width=160, height=90, rate=50)
    camera = ColourTrack(RED)
    grid.add(camera)
    tracks = [grid.track() for _ in range(3)]
    frames = await asyncio.gather(*(shown(track, 10) for track in tracks))
    assert {at(frame, (80, 45))[0] for frame in frames} == {RED}
    tracks[0].stop()
    await shown(tracks[1], 2)
    waiting = asyncio.create_task(tracks[1].recv())
    await asyncio.sleep(0)
    await grid.close()
    await grid.close()
    # What was made already, or the end.
    await asyncio.wait([waiting])
    with pytest.raises(MediaStreamError):
        await tracks[1].recv()
    waiting.exception()
    assert camera.readyState == "live"
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "options", [{"width": 321}, {"height": 0}, {"rate": 0}, {"layout": "spiral"}]
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"even|pictures a second|spiral"):
        composite(**options)


async def test_wrong_tracks_are_refused() -> None:
    grid = composite()
    with pytest.raises(ValueError, match="not audio"):
        grid.add(SyntheticAudioTrack())
    await grid.close()
    with pytest.raises(ValueError, match="closed"):
        grid.add(ColourTrack(RED))


@in_virtual_time
async def test_a_track_that_is_added_again_is_the_participant_that_it_was() -> None:
    async with composite() as grid:
        track = ColourTrack(RED)
        first = grid.add(track, name="red")
        assert grid.add(track, name="red again") is first
        assert grid.add(None, name="nobody") is not grid.add(None, name="nobody")
        assert len(grid.participants) == 3
