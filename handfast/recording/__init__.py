"""Recorder of a room (`handfast record`): members, their tracks, and the files."""

from handfast.recording.room_recorders import Arrangement
from handfast.recording.session import RecordError, RecordOptions, RecordSession

__all__ = ["Arrangement", "RecordError", "RecordOptions", "RecordSession"]
