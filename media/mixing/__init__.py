"""Mixing of several audio tracks into one, and of several video tracks into one picture."""

from media.mixing.composite import Composite
from media.mixing.composite_track import CompositeTrack
from media.mixing.layout import Layout
from media.mixing.mixed_track import MixedTrack
from media.mixing.mixer import AudioMixer
from media.mixing.participant import CompositeParticipant

__all__ = [
    "AudioMixer",
    "Composite",
    "CompositeParticipant",
    "CompositeTrack",
    "Layout",
    "MixedTrack",
]
