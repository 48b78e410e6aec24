"""What flows: sources of pictures and sound, and tracks that change or relay others."""

from media.echo import EchoTrack
from media.meter import Tone, ToneMeter
from media.overlay import OverlayTrack
from media.synthetic import SyntheticAudioTrack, SyntheticVideoTrack

__all__ = [
    "EchoTrack",
    "OverlayTrack",
    "SyntheticAudioTrack",
    "SyntheticVideoTrack",
    "Tone",
    "ToneMeter",
]
