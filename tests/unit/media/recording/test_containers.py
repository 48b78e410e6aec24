from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from media.recording.containers import Container, passes, transcoded_to
from media.recording.errors import UnsupportedError
from media.recording.muxer import Muxer
from media.recording.parameters import StreamSpec
from peer.rtp.codecs import AudioEncoder
from peer.rtp_parameters import MediaKind
from tests.support.media.moving import codec_named, sound_at
from tests.support.media.recording import (
    AUDIO,
    SOUND,
    VIDEO,
    Shot,
    audio,
    complaints,
    lasting,
    read,
    record,
    spec_of,
    video,
)

PAIRS = [
    pytest.param(container, name, id=f"{name}-{container.value}")
    for container in Container
    for name in (*VIDEO, *AUDIO)
]


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("a.mp4", Container.MP4),
        ("a.M4A", Container.MP4),
        ("a.b.webm", Container.WEBM),
        ("a.mkv", Container.MATROSKA),
        ("a.mka", Container.MATROSKA),
        ("a.ogg", Container.OGG),
        ("a.opus", Container.OGG),
        ("a.m3u8", Container.HLS),
    ],
)
def test_a_suffix_names_a_container(name: str, container: Container) -> None:
    assert Container.of(name) is container
    assert Container.of(Path("x.mp4") / name) is container


@pytest.mark.parametrize("container", list(Container))
def test_a_container_is_known_by_its_name_and_by_its_own_suffix(container: Container) -> None:
    assert Container.of("a.anything", container.value) is container
    assert Container.of(f"a{container.suffix}") is container


@pytest.mark.parametrize(("path", "name"), [("a.avi", None), ("a", None), ("a.mp4", "avi")])
def test_what_is_not_known_is_said_with_what_is(path: str, name: str | None) -> None:
    with pytest.raises(ValueError, match=r"\.m3u8.*\.mkv"):
        Container.of(path, name)


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize(("container", "name"), PAIRS)
def test_what_passes_is_found_in_the_file_as_it_was(
    tmp_path: Path, container: Container, name: str
) -> None:
    path = tmp_path / f"a{container.suffix}"
    if not passes(container, codec_named(name)):
        with pytest.raises(UnsupportedError, match=name):
            Muxer(path, container, [spec_of(name)])
        assert not list(tmp_path.iterdir())
        return
    shots = lasting(video(name) if name in VIDEO else audio(), 2)
    record(path, container, [spec_of(name)], shots)
    (found,) = read(path).values()
    assert [packet.pts for packet in found] == pytest.approx(
        [float(shot.pts) for shot in shots], abs=0.001
    )
    assert [packet.keyframe for packet in found] == [shot.keyframe for shot in shots]
    if name not in {"H264", "H265"}:
        # Of these, start codes become lengths.
        assert [packet.payload for packet in found] == [shot.payload for shot in shots]
    assert complaints(path) == ""


@pytest.mark.parametrize("container", list(Container))
@pytest.mark.parametrize("kind", list(MediaKind))
def test_what_does_not_pass_becomes_what_does(container: Container, kind: MediaKind) -> None:
    name = transcoded_to(container, kind)
    if name is None:
        assert kind is MediaKind.VIDEO
        assert not container.holds_video
    else:
        assert passes(container, codec_named(name))


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
def test_sound_of_the_telephone_passes_only_into_matroska(tmp_path: Path, name: str) -> None:
    codec = codec_named(name)
    assert [container for container in Container if passes(container, codec)] == [
        Container.MATROSKA
    ]
    path = tmp_path / "a.mkv"
    encoder = AudioEncoder(codec)
    packets = [packet for index in range(100) for packet in encoder.encode(sound_at(index))]
    shots = [Shot(0, packet.payload, index * SOUND, SOUND) for index, packet in enumerate(packets)]
    record(path, Container.MATROSKA, [StreamSpec(codec)], shots)
    (found,) = read(path).values()
    assert [packet.payload for packet in found] == [shot.payload for shot in shots]
    assert complaints(path) == ""
    with av.open(str(path)) as source:
        sound = list(source.decode(audio=0))
    assert sum(frame.samples / frame.sample_rate for frame in sound) == pytest.approx(2, abs=0.02)
    assert max(np.abs(frame.to_ndarray()).max() for frame in sound) > 10_000
