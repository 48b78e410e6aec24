from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from media.sources.errors import UnpassableError
from media.sources.file_reader import FileReader
from media.sources.opening import Extent, extent_of
from media.sources.stream_decoder import EncodedItem, Piece
from peer.rtp.codecs import FrameDecoder
from peer.rtp.formats import format_of
from peer.rtp.formats.av1_bitstream import ObuType, read_obus
from peer.rtp_parameters import MediaKind
from tests.support.media.clips import GOP, luma_of, make_clip

if TYPE_CHECKING:
    from pathlib import Path

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO
PASSING = [
    ("a.webm", "libvpx", "VP8"),
    ("a.webm", "libvpx-vp9", "VP9"),
    ("a.mp4", "libvpx-vp9", "VP9"),
    ("a.mp4", "libx264", "H264"),
    ("a.mkv", "libx264", "H264"),
    ("a.ts", "libx264", "H264"),
    ("a.mp4", "libx265", "H265"),
    ("a.mkv", "libx265", "H265"),
    ("a.mp4", "libsvtav1", "AV1"),
    ("a.webm", "libsvtav1", "AV1"),
]


def reader(path: Path, kind: MediaKind, *, decode: bool = False, loop: bool = False) -> FileReader:
    return FileReader(str(path), kind, extent_of(str(path)), decode=decode, loop=loop)


def everything(source: FileReader) -> list[Piece]:
    pieces: list[Piece] = []
    while read := source.read():
        pieces += read
    return pieces


def some(source: FileReader, count: int) -> list[Piece]:
    pieces: list[Piece] = []
    while len(pieces) < count:
        pieces += source.read()
    return pieces[:count]


def luma(piece: Piece) -> int:
    assert isinstance(piece.item, VideoFrame)
    return int(piece.item.to_ndarray(format="yuv420p")[32, 32])


@pytest.mark.parametrize(("name", "library", "codec"), PASSING)
def test_frames_pass_in_the_form_that_our_senders_and_decoders_take(
    tmp_path: Path, name: str, library: str, codec: str
) -> None:
    path = make_clip(tmp_path / name, video=library, audio=None)
    source = reader(path, VIDEO)
    assert source.codec is not None
    assert source.codec.name == codec
    pieces = everything(source)
    assert len(pieces) == 30
    assert [piece.keyframe for piece in pieces] == [n % GOP == 0 for n in range(30)]
    decoder = FrameDecoder(source.codec)
    seen = []
    for number, piece in enumerate(pieces):
        assert isinstance(piece.item, EncodedItem)
        assert piece.position == pytest.approx(number / 30, abs=0.001)
        assert not piece.keyframe or (piece.item.shape.width, piece.item.shape.height) == (64, 64)
        payload = piece.item.payload
        assert format_of(source.codec).packetize(payload, keyframe=piece.keyframe, limit=1200)
        seen += [
            int(frame.to_ndarray(format="yuv420p")[32, 32])
            for frame in decoder.decode(payload, piece.keyframe)
            if isinstance(frame, VideoFrame)
        ]
    assert len(seen) >= 25
    assert all(b > a - 3 for a, b in pairwise(seen))


def test_sound_passes_packet_by_packet(tmp_path: Path) -> None:
    source = reader(make_clip(tmp_path / "a.webm"), AUDIO)
    assert source.codec is not None
    assert (source.codec.mimeType, source.codec.channels) == ("audio/opus", 2)
    pieces = everything(source)
    assert len(pieces) == 50
    assert pieces[0].position >= 0
    assert all(float(b.position - a.position) == 0.02 for a, b in pairwise(pieces))


def test_decoded_frames_say_where_they_lie(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.webm")
    shown = everything(reader(path, VIDEO, decode=True))
    assert [luma(p) for p in shown] == pytest.approx([luma_of(n) for n in range(30)], abs=6)
    heard = everything(reader(path, AUDIO, decode=True))
    frames = [piece.item for piece in heard if isinstance(piece.item, AudioFrame)]
    assert {(f.sample_rate, f.format.name) for f in frames} == {(48_000, "s16")}
    assert {f.samples for f in frames[:-1]} == {960}
    assert sum(f.samples for f in frames) == pytest.approx(48_000, abs=960)


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("kind", [AUDIO, VIDEO])
def test_a_loop_goes_on_in_time(tmp_path: Path, kind: MediaKind, decode: bool) -> None:
    path = make_clip(tmp_path / "a.webm", seconds=0.5)
    pieces = some(reader(path, kind, decode=decode, loop=True), 160)
    steps = [float(b.position - a.position) for a, b in pairwise(pieces)]
    assert min(steps) > 0
    assert max(steps) < 0.05
    if kind is VIDEO:
        laps = float(extent_of(str(path)).length or 0) * (159 // 15)
        assert float(pieces[159].position) == pytest.approx(laps + (159 % 15) / 30, abs=0.01)


def test_a_seek_finds_the_frame_when_it_decodes(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.webm", seconds=2)
    source = reader(path, VIDEO, decode=True)
    some(source, 5)
    assert source.seek(Fraction(3, 2)) == Fraction(3, 2)
    first = some(source, 1)[0]
    assert float(first.position) == pytest.approx(1.5, abs=0.02)
    assert luma(first) == pytest.approx(luma_of(45), abs=6)
    sound = reader(path, AUDIO, decode=True)
    sound.seek(Fraction(3, 2))
    assert 1.45 < some(sound, 1)[0].position < 1.53


def test_a_seek_goes_on_from_the_key_frame_before_when_it_does_not(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.webm", seconds=2)
    source = reader(path, VIDEO)
    some(source, 50)
    found = source.seek(Fraction(3, 2) - Fraction(1, 10))
    assert float(found) == pytest.approx(4 / 3, abs=0.001)
    pieces = some(source, 2)
    assert [piece.keyframe for piece in pieces] == [True, False]
    assert pieces[0].position == found
    sound = reader(path, AUDIO)
    sound.seek(found)
    assert 0 <= some(sound, 1)[0].position - found < 0.021


def test_pictures_out_of_order_do_not_pass(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", video="libx264", options={"bf": "2", "b_strategy": "0"})
    with pytest.raises(UnpassableError, match="B-frames"):
        reader(path, VIDEO)


def remuxed(path: Path, to: Path, change: Any) -> Path:
    """The pictures of a file, changed packet by packet."""
    with av.open(str(path)) as source, av.open(str(to), "w") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                changed = change(number, packet)
                changed.stream = stream
                sink.mux(changed)
    return to


def test_pictures_that_turn_out_to_be_out_of_order_do_not_pass(tmp_path: Path) -> None:
    def swap(number: int, packet: Any) -> Any:
        packet.dts = 33 * number
        packet.pts = 33 * {11: 12, 12: 11}.get(number, number) + 100
        return packet

    path = make_clip(tmp_path / "a.webm", audio=None)
    with pytest.raises(UnpassableError, match="B-frames"):
        everything(reader(remuxed(path, tmp_path / "b.mkv", swap), VIDEO))


def test_a_key_frame_of_av1_gets_the_sequence_header_of_the_container(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", video="libsvtav1", audio=None)

    def strip(_: int, packet: Any) -> Any:
        kept = [o for o in read_obus(bytes(packet)) if o.kind != ObuType.SEQUENCE_HEADER]
        bare = av.Packet(b"".join(obu.with_size() for obu in kept))
        bare.pts, bare.dts, bare.time_base = packet.pts, packet.dts, packet.time_base
        bare.is_keyframe = packet.is_keyframe
        return bare

    pieces = everything(reader(remuxed(path, tmp_path / "b.mp4", strip), VIDEO))
    whole = everything(reader(path, VIDEO))
    assert [piece.keyframe for piece in pieces] == [piece.keyframe for piece in whole]
    for piece, before in zip(pieces, whole, strict=True):
        assert isinstance(piece.item, EncodedItem)
        assert isinstance(before.item, EncodedItem)
        ours, theirs = read_obus(piece.item.payload), read_obus(before.item.payload)
        assert [obu.kind for obu in ours] == [obu.kind for obu in theirs]
        assert ours[piece.keyframe :] == theirs[piece.keyframe :]


def test_what_lies_behind_the_end_is_left_out_of_a_loop(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.webm", audio=None)
    extent = Extent(Fraction(0), Fraction(1, 2))
    pieces = some(FileReader(str(path), VIDEO, extent, decode=False, loop=True), 40)
    assert all(0 < b.position - a.position < 0.04 for a, b in pairwise(pieces))
    assert pieces[15].keyframe


def test_how_long_a_file_is_that_does_not_say(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "a.webm", audio=None)
    live = tmp_path / "live.webm"
    with av.open(str(whole)) as source, av.open(str(live), "w", options={"live": "1"}) as sink:
        stream = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                sink.mux(packet)
    assert float(extent_of(str(live)).length or 0) == pytest.approx(1.0, abs=0.04)


def test_more_than_two_channels_do_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libopus", rate=48_000, layout="5.1")
        frame = AudioFrame.from_ndarray(np.zeros((6, 9600), np.float32), "fltp", "5.1")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(UnpassableError, match="two channels"):
        reader(path, AUDIO)
    heard = everything(reader(path, AUDIO, decode=True))
    assert isinstance(heard[0].item, AudioFrame)
    assert heard[0].item.layout.name == "stereo"


@pytest.mark.parametrize(
    ("name", "video", "audio", "kind", "words"),
    [
        ("a.mkv", "mpeg4", None, VIDEO, "mpeg4 is sent only if it is decoded"),
        ("a.mkv", None, "aac", AUDIO, "aac is sent only if it is decoded"),
    ],
)
def test_other_codecs_do_not_pass(
    tmp_path: Path, name: str, video: str | None, audio: str | None, kind: MediaKind, words: str
) -> None:
    path = make_clip(tmp_path / name, video=video, audio=audio)
    with pytest.raises(UnpassableError, match=words):
        reader(path, kind)
    assert everything(reader(path, kind, decode=True))
