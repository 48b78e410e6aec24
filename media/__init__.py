"""Media of calls, as sources, relays, mixers, taps and recordings."""

from media.echo import EchoTrack
from media.meter import Tone, ToneMeter
from media.mixing import AudioMixer, Composite, CompositeTrack, Layout, MixedTrack
from media.overlay import OverlayTrack
from media.recording.containers import Container
from media.recording.errors import (
    DestinationError,
    DiskFullError,
    RecordingError,
    UnsupportedError,
    UnwritableError,
    UploadError,
)
from media.recording.events import (
    Progress,
    RecordingFailure,
    Segment,
    SegmentEnd,
    Transcoding,
    TranscodingReason,
)
from media.recording.recorder import Recorder, RecorderState, RecorderStats
from media.recording.sinks.delivery import Part, Upload, UploadUnit
from media.recording.sound_file import SoundFormat, save_sound
from media.sources.clock_pattern import ClockPattern
from media.sources.device import Device
from media.sources.errors import (
    LiveError,
    MissingError,
    SourceError,
    UnpassableError,
    UnreadableError,
)
from media.sources.file_source import FileSource
from media.sources.file_track import FileTrack
from media.sources.label import Label, read_label
from media.sources.live_source import LiveSource
from media.sources.live_track import LiveTrack
from media.sources.pushed_audio import PushedAudio
from media.sources.pushed_video import PushedVideo
from media.sources.still import FlatPicture, Silence
from media.synthetic import SyntheticAudioTrack, SyntheticVideoTrack
from media.taps.pcm import pcm
from media.taps.pictures import Picture, PictureReader, pictures
from media.voice.detectors import SileroDetector, SpeechDetector, WebRtcDetector
from media.voice.errors import ExtraMissingError
from media.voice.events import SpeechEnded, SpeechEndReason, SpeechStarted
from media.voice.settings import TurnSettings
from media.voice.turn_detector import TurnDetector
from media.voice.turns import TurnReader, turns

__all__ = [
    "AudioMixer",
    "ClockPattern",
    "Composite",
    "CompositeTrack",
    "Container",
    "DestinationError",
    "Device",
    "DiskFullError",
    "EchoTrack",
    "ExtraMissingError",
    "FileSource",
    "FileTrack",
    "FlatPicture",
    "Label",
    "Layout",
    "LiveError",
    "LiveSource",
    "LiveTrack",
    "MissingError",
    "MixedTrack",
    "OverlayTrack",
    "Part",
    "Picture",
    "PictureReader",
    "Progress",
    "PushedAudio",
    "PushedVideo",
    "Recorder",
    "RecorderState",
    "RecorderStats",
    "RecordingError",
    "RecordingFailure",
    "Segment",
    "SegmentEnd",
    "Silence",
    "SileroDetector",
    "SoundFormat",
    "SourceError",
    "SpeechDetector",
    "SpeechEndReason",
    "SpeechEnded",
    "SpeechStarted",
    "SyntheticAudioTrack",
    "SyntheticVideoTrack",
    "Tone",
    "ToneMeter",
    "Transcoding",
    "TranscodingReason",
    "TurnDetector",
    "TurnReader",
    "TurnSettings",
    "UnpassableError",
    "UnreadableError",
    "UnsupportedError",
    "UnwritableError",
    "Upload",
    "UploadError",
    "UploadUnit",
    "WebRtcDetector",
    "pcm",
    "pictures",
    "read_label",
    "save_sound",
    "turns",
]
