"""Recorder of a room (`handfast record`): members, their tracks, and the files."""

from handfast.recording.json_lines import JsonLines
from handfast.recording.room_recorders import Arrangement
from handfast.recording.session import STANDARD_OUTPUT, RecordError, RecordOptions, RecordSession

__all__ = [
    "STANDARD_OUTPUT",
    "Arrangement",
    "JsonLines",
    "RecordError",
    "RecordOptions",
    "RecordSession",
]
