"""Progress and result of a recording in words: a line while it runs, some lines at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from handfast.figures import count, duration, listed, size
from media import TranscodingReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from handfast.recording.recorded_participant import RecordedParticipant
    from handfast.recording.room_recorders import FileRecorder
    from media import Segment, Transcoding


class RecordingReport:
    """Sums up the statistics of the recorders of one session.

    Args:
        recorders: The recorders; more may be added later.

    Attributes:
        present: Participants that send at present, by member.
        failures: Failures of the recording, a sentence each.
    """

    def __init__(self, recorders: Sequence[FileRecorder]) -> None:
        self._recorders = recorders
        self._seen: list[RecordedParticipant] = []
        self._began: float | None = None
        self.present: dict[str, RecordedParticipant] = {}
        self.failures: list[str] = []

    @property
    def files(self) -> tuple[Segment, ...]:
        """Files that are complete and not empty."""
        return tuple(each for one in self._recorders for each in one.stats.files)

    @property
    def transcoding(self) -> tuple[Transcoding, ...]:
        """Tracks that were encoded anew, each kind once."""
        found = (each for one in self._recorders for each in one.stats.transcoding)
        return tuple(dict.fromkeys(found))

    def begin(self, member: str, participant: RecordedParticipant, now: float) -> None:
        """Count a participant whose first track arrived.

        Args:
            member: The member of the room.
            participant: Its name and codecs.
            now: Time by `time.monotonic`.
        """
        self.present[member] = participant
        self._seen.append(participant)
        if self._began is None:
            self._began = now

    def line(self) -> str:
        """Progress of the recording in one line."""
        if self._began is None:
            return "Nobody has sent anything yet"
        octets = sum(one.stats.size for one in self._recorders)
        people = [
            f"{one.name}: {', '.join(map(_known, one.codecs))}" for one in self.present.values()
        ]
        parts = [duration(time.monotonic() - self._began), size(octets), *people]
        return "  ".join(("●", *parts, self._missing() or "no gaps"))

    def summary(self) -> Iterator[str]:
        """Yield the result of the recording, line by line."""
        files = self.files
        if not files:
            yield "Nothing was recorded."
            return
        width = max(len(str(file.path)) for file in files)
        for file in files:
            yield f"{file.path!s:{width}}  {duration(file.duration):>7}  {size(file.size):>8}"
        changed = {each.source.lower(): each for each in self.transcoding}
        passed = [name for name in self._codecs() if name.lower() not in changed]
        if "raw" in changed:
            mixed = sorted(self.transcoding, key=lambda each: each.kind.value, reverse=True)
            targets = listed([_known(each.target) for each in mixed])
            yield f"Mixed from {listed(self._codecs())}, encoded as {targets}."
        else:
            if passed:
                yield f"Written as it came: {listed(passed)}."
            for each in changed.values():
                asked = each.reason is TranscodingReason.ASKED
                why = "asked for" if asked else "the file cannot hold it"
                yield f"Encoded anew, as {why}: {_said(each)}."
        yield f"Lost: {self._missing()}." if self._missing() else "Nothing was lost."

    def _codecs(self) -> list[str]:
        return list(dict.fromkeys(_known(codec) for one in self._seen for codec in one.codecs))

    def _missing(self) -> str:
        stats = [one.stats for one in self._recorders]
        gaps, dropped = sum(one.gaps for one in stats), sum(one.dropped for one in stats)
        slow = f"{count(dropped, 'frame')} for a slow disk" if dropped else ""
        return listed([words for words in (count(gaps, "gap") if gaps else "", slow) if words])


def _said(transcoding: Transcoding) -> str:
    return f"{_known(transcoding.source)} as {_known(transcoding.target)}"


def _known(codec: str) -> str:
    """Spell the name of a codec as people know it; SDP writes Opus small."""
    return "Opus" if codec.lower() == "opus" else codec
