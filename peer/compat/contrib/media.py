"""The names of `aiortc.contrib.media`."""

from av import AudioFrame, VideoFrame

from peer.compat.contrib.blackhole import MediaBlackhole
from peer.compat.contrib.player import REAL_TIME_FORMATS, MediaPlayer, PlayerStreamTrack
from peer.compat.contrib.recorder import MediaRecorder
from peer.compat.contrib.relay import MediaRelay, RelayStreamTrack
from peer.rtp.tracks import Frame, MediaStreamError, MediaStreamTrack, Packet

__all__ = [
    "REAL_TIME_FORMATS",
    "AudioFrame",
    "Frame",
    "MediaBlackhole",
    "MediaPlayer",
    "MediaRecorder",
    "MediaRelay",
    "MediaStreamError",
    "MediaStreamTrack",
    "Packet",
    "PlayerStreamTrack",
    "RelayStreamTrack",
    "VideoFrame",
]
