"""MediaStream as programs make and watch it."""

from __future__ import annotations

import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import MediaStream, MediaStreamTrackEvent
from peer.rtp.media_stream import stream_id


def test_stream_lists_its_tracks_by_kind_and_by_id() -> None:
    audio, video = SyntheticAudioTrack(), SyntheticVideoTrack()
    stream = MediaStream([audio])
    stream.addTrack(video)
    stream.addTrack(video)

    assert stream.getTracks() == [audio, video]
    assert (stream.getAudioTracks(), stream.getVideoTracks()) == ([audio], [video])
    assert stream.getTrackById(video.id) is video
    assert stream.getTrackById("none") is None

    stream.removeTrack(audio)
    stream.removeTrack(audio)
    assert stream.getTracks() == [video]


def test_stream_is_active_while_a_track_of_it_is_live() -> None:
    track = SyntheticAudioTrack()
    stream = MediaStream([track])
    states = [stream.active]
    track.stop()
    states += [stream.active, MediaStream().active]
    assert states == [True, False, False]


def test_stream_tells_of_what_the_peer_does_and_not_of_the_program() -> None:
    audio, video = SyntheticAudioTrack(), SyntheticVideoTrack()
    stream = MediaStream()
    told: list[tuple[str, MediaStreamTrackEvent]] = []
    stream.on("addtrack", lambda event: told.append(("addtrack", event)))
    stream.on("removetrack", lambda event: told.append(("removetrack", event)))

    stream.addTrack(audio)
    stream.take_track_of_peer(video)
    stream.take_track_of_peer(video)
    stream.removeTrack(audio)
    stream.drop_track_of_peer(audio)
    stream.drop_track_of_peer(video)

    gone = MediaStreamTrackEvent(video)
    assert told == [("addtrack", gone), ("removetrack", gone)]


def test_stream_has_no_other_event() -> None:
    with pytest.raises(ValueError, match="MediaStream has no event 'ended'"):
        MediaStream().on("ended")  # type: ignore[call-overload] # what the test is about


def test_stream_is_named_by_its_id() -> None:
    assert stream_id(MediaStream(id="camera")) == stream_id("camera") == "camera"
    assert MediaStream().id != MediaStream().id
