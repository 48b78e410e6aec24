"""The recorder of a room: who comes, what they send, and the files it becomes."""

from handfast.recording.session import RecordError, RecordOptions, RecordSession
from handfast.recording.sheets import Arrangement

__all__ = ["Arrangement", "RecordError", "RecordOptions", "RecordSession"]
