"""The recorder of a room: who comes, what they send, and the files it becomes."""

from handfast.recording.room_recorders import Arrangement
from handfast.recording.session import RecordError, RecordOptions, RecordSession

__all__ = ["Arrangement", "RecordError", "RecordOptions", "RecordSession"]
