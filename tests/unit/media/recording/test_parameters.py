from __future__ import annotations

import io

import av
import pytest
from av import AudioStream, VideoStream

from media.recording.parameters import StreamSpec, opus_head, specimen
from tests.support.media.moving import codec_named
from tests.support.media.recording import VIDEO, lasting, spec_of, video


@pytest.mark.parametrize("name", VIDEO)
@pytest.mark.parametrize("size", [(160, 120), (322, 242)])
def test_a_first_frame_says_how_large_pictures_are(name: str, size: tuple[int, int]) -> None:
    with av.open(io.BytesIO(specimen(spec_of(name, size)))) as source:
        (stream,) = source.streams
        assert isinstance(stream, VideoStream)
        assert (stream.codec_context.width, stream.codec_context.height) == size
        assert stream.codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize(("name", "start"), [("H264", b"\0\0\1\x67"), ("AV1", b"\x0a")])
def test_parameter_sets_are_found_in_it(name: str, start: bytes) -> None:
    with av.open(io.BytesIO(specimen(spec_of(name)))) as source:
        found = source.streams[0].codec_context.extradata
    assert found is not None
    assert found.startswith(start)


def test_sound_is_stereo_at_48_khz() -> None:
    with av.open(io.BytesIO(specimen(spec_of("opus")))) as source:
        (stream,) = source.streams
        assert isinstance(stream, AudioStream)
        assert stream.codec_context.layout.name == "stereo"
        assert stream.codec_context.sample_rate == 48_000
        assert stream.codec_context.extradata == opus_head(2)


def test_the_header_of_opus_is_that_of_the_rfc() -> None:
    # RFC 7845 section 5.1: version, channels, pre-skip, rate, gain and mapping family.
    assert (
        opus_head(1).hex() == b"OpusHead".hex() + "01" + "01" + "0000" + "80bb0000" + "0000" + "00"
    )


@pytest.mark.parametrize("name", VIDEO)
def test_what_is_no_key_frame_says_nothing(name: str) -> None:
    second = lasting(video(name), 1)[1]
    assert not second.keyframe
    for first in (b"", second.payload, b"\xff" * 100):
        with pytest.raises(ValueError, match=f"no key frame of {name}"):
            specimen(StreamSpec(codec_named(name), first))
