from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av import Packet, VideoFrame
from av.bitstream import BitStreamFilterContext

from media.mixing.canvas import Canvas, Tile
from media.mixing.layout import Rect
from media.orientation import square_size, turn_of
from media.planes import planes
from media.sources.errors import UnpassableError
from media.sources.file_reader import FileReader
from media.sources.file_source import FileSource
from media.sources.opening import extent_of
from media.taps.pictures import pictures
from peer.rtp_parameters import MediaKind
from tests.support.media.frames import GivenTrack
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WIDTH, HEIGHT = 96, 64
BRIGHT, DARK = 200, 50
_START = b"\0\0\0\1"
#: A display orientation SEI message (H.264 D.1.27): a quarter turn counterclockwise, which lasts.
#: Its bits: not cancelled, no flips, 16384 of 65536, repetition period 1, no extension.
_ORIENTATION = int("000" + f"{16384:016b}" + "010" + "0" + "1", 2).to_bytes(3, "big")
SEI = _START + bytes([6, 47, len(_ORIENTATION)]) + _ORIENTATION + b"\x80"
CORNERS = ("upper left", "upper right", "lower left", "lower right")


def with_a_bright_corner(number: int) -> VideoFrame:
    """A dark picture, the upper left quarter of which is bright."""
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    y, u, v = planes(frame)
    y[:], u[:], v[:] = DARK, 128, 128
    y[: HEIGHT // 2, : WIDTH // 2] = BRIGHT
    frame.pts, frame.time_base = number, Fraction(1, 30)
    return frame


def bright_corner(picture: VideoFrame) -> str:
    luma = planes(picture.reformat(format="yuv420p")).y.astype(np.int32)
    height, width = luma.shape
    top, bottom, left, right = height // 4, -height // 4, width // 4, -width // 4
    seen = (luma[top, left], luma[top, right], luma[bottom, left], luma[bottom, right])
    found = [name for name, value in zip(CORNERS, seen, strict=True) if value > 150]
    assert len(found) == 1, seen
    return found[0]


def make_film(
    path: Path, *, turn: dict[str, Any] | None = None, shape: Fraction | None = None, count: int = 6
) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            "libx264", rate=30, options={"preset": "ultrafast", "tune": "zerolatency"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 1
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        if turn is not None:
            stream.set_display_rotation(**turn)
        for number in range(count):
            container.mux(stream.encode(with_a_bright_corner(number)))
        container.mux(stream.encode(None))
    return path


def turned_halfway(path: Path, to: Path) -> Path:
    """The file with orientations in its second half, behind the delimiters."""

    def turn(packet: Any) -> list[Any]:
        data = bytes(packet)
        second = data.index(_START, len(_START))
        turned = Packet(data[:second] + SEI + data[second:])
        turned.pts, turned.dts, turned.time_base = packet.pts, packet.dts, packet.time_base
        turned.is_keyframe = packet.is_keyframe
        return [turned]

    return changed_halfway(path, to, lambda _: turn)


def stretched_halfway(path: Path, to: Path) -> Path:
    """The file with pixels of 4:3 in its second half."""
    change = "h264_metadata=sample_aspect_ratio=4/3"
    return changed_halfway(path, to, lambda given: BitStreamFilterContext(change, given).filter)


def changed_halfway(
    path: Path, to: Path, change_of: Callable[[Any], Callable[[Any], list[Any]]]
) -> Path:
    with av.open(str(path)) as source, av.open(str(to), "w") as sink:
        given = source.streams.video[0]
        stream = sink.add_stream_from_template(given, opaque=True)
        change = change_of(given)
        packets = [packet for packet in source.demux(given) if packet.size]
        for number, packet in enumerate(packets):
            for changed in change(packet) if number >= len(packets) // 2 else [packet]:
                changed.stream = stream
                sink.mux(changed)
    return to


def shown(path: Path) -> list[VideoFrame]:
    reader = FileReader(
        str(path), MediaKind.VIDEO, extent_of(str(path)), decode=True, loop=False, alone=True
    )
    frames: list[VideoFrame] = []
    while pieces := reader.read():
        frames += [piece.item for piece in pieces if isinstance(piece.item, VideoFrame)]
    reader.close()
    return frames


TURNED = [
    ({"degrees": 0}, "upper left"),
    ({"degrees": 90}, "lower left"),  # counterclockwise
    ({"degrees": 180}, "lower right"),
    ({"degrees": 270}, "upper right"),
    ({"degrees": 87}, "lower left"),
]
MIRRORED = [  # libav's muxer writes none to Matroska.
    ({"degrees": 0, "hflip": True}, "upper right"),
    ({"degrees": 0, "vflip": True}, "lower left"),
    ({"degrees": 90, "hflip": True}, "lower right"),
    ({"degrees": 270, "hflip": True}, "upper left"),
]


@pytest.mark.parametrize(
    ("container", "turn", "corner"),
    [
        pytest.param(container, turn, corner, id="-".join([container, *map(str, turn.values())]))
        for container, cases in (("mp4", TURNED + MIRRORED), ("mov", TURNED[1:2]), ("mkv", TURNED))
        for turn, corner in cases
    ],
)
def test_a_film_that_was_taken_with_a_turned_camera_stands_upright(
    tmp_path: Path, container: str, turn: dict[str, Any], corner: str
) -> None:
    frames = shown(make_film(tmp_path / f"a.{container}", turn=turn))
    assert len(frames) == 6
    sideways = turn["degrees"] in {87, 90, 270}
    size = (HEIGHT, WIDTH) if sideways else (WIDTH, HEIGHT)
    assert {(frame.width, frame.height) for frame in frames} == {size}
    assert {bright_corner(frame) for frame in frames} == {corner}
    assert all(turn_of(frame) is None for frame in frames)


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (Fraction(4, 3), (128, 64)),
        (Fraction(2, 3), (96, 96)),
        (Fraction(1), (96, 64)),
    ],
)
def test_pixels_that_are_not_square_become_so(
    tmp_path: Path, container: str, shape: Fraction, size: tuple[int, int]
) -> None:
    frames = shown(make_film(tmp_path / f"a.{container}", shape=shape))
    assert {(frame.width, frame.height) for frame in frames} == {size}
    assert {bright_corner(frame) for frame in frames} == {"upper left"}
    times = [frame.time or 0.0 for frame in frames]
    assert times == pytest.approx([times[0] + number / 30 for number in range(6)], abs=0.002)


def test_pixels_are_made_square_before_the_picture_is_turned(tmp_path: Path) -> None:
    frames = shown(make_film(tmp_path / "a.mp4", turn={"degrees": 270}, shape=Fraction(4, 3)))
    assert {(frame.width, frame.height) for frame in frames} == {(64, 128)}
    assert {bright_corner(frame) for frame in frames} == {"upper right"}


def test_a_camera_that_is_turned_while_it_films_stays_upright(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.ts", count=10)
    frames = shown(turned_halfway(film, tmp_path / "b.ts"))
    assert [bright_corner(f) for f in frames] == ["upper left"] * 5 + ["lower left"] * 5
    assert [frame.width for frame in frames] == [WIDTH] * 5 + [HEIGHT] * 5


def test_pixels_that_change_their_shape_on_the_way_stay_square(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.ts", count=10)
    frames = shown(stretched_halfway(film, tmp_path / "b.ts"))
    assert [frame.width for frame in frames] == [WIDTH] * 5 + [128] * 5


@pytest.mark.parametrize(
    ("size", "shape", "square"),
    [
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((720, 480), Fraction(8, 9), (720, 540)),
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),
        ((640, 480), None, (640, 480)),
        ((640, 480), Fraction(0), (640, 480)),
        ((640, 480), Fraction(100), (640, 480)),
        ((640, 480), Fraction(1, 100), (640, 480)),
        ((3840, 2160), Fraction(4, 3), (3840, 1620)),
    ],
)
def test_the_size_of_a_picture_with_square_pixels(
    size: tuple[int, int], shape: Fraction | None, square: tuple[int, int]
) -> None:
    assert square_size(size, shape) == square


def test_what_has_to_be_turned_is_not_sent_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(UnpassableError, match="have to be turned"):
        FileSource(make_film(tmp_path / "a.mp4", turn={"degrees": 90}), decode=False)
    FileSource(make_film(tmp_path / "b.mp4", turn={"degrees": 0}), decode=False).stop()


def turned_frames(folder: Path) -> list[VideoFrame]:
    """As tracks of others give them: unturned, with a display matrix."""
    with av.open(str(make_film(folder / "turned.mp4", turn={"degrees": 90}))) as container:
        return list(container.decode(video=0))


async def test_pictures_of_any_track_stand_upright(tmp_path: Path) -> None:
    async with pictures(GivenTrack("video", turned_frames(tmp_path))) as seen:
        picture = await within(anext(seen))
    assert picture.pixels.shape == (WIDTH, HEIGHT, 3)
    assert picture.pixels[-WIDTH // 4, HEIGHT // 4].min() > 150


def test_a_composite_shows_any_track_upright(tmp_path: Path) -> None:
    canvas = Canvas(width=320, height=180)
    canvas.draw([Tile("a", Rect(0, 0, 320, 180), turned_frames(tmp_path)[0])])
    luma = planes(canvas.picture()).y
    columns = np.flatnonzero((luma > 30).any(axis=0))
    # Upright: two thirds as wide as high.
    assert columns.size == pytest.approx(120, abs=4)
    assert luma[150, columns[30]] > 150
    assert luma[30, columns[30]] < 100
