"""Sidecar of a recorded file: JSON that says when it began, who is on which track, what is missing.

The recorder notes tracks, origin and pauses on the event loop; all else is on the writer thread.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from media.recording.errors import RecordingError, error_of
from peer.trust.level import UNKNOWN_PEER
from peer.values import dataclass

if TYPE_CHECKING:
    from media.recording.containers import Container
    from media.recording.events import Segment
    from media.recording.timeline import PlacedFrame
    from peer.trust.level import PeerTrust

#: Version of the schema, which rises when a field changes its meaning.
VERSION: Final = 1
#: Gaps of a track, pauses, and participants of a track in one file at most (ours).
MOST: Final = 1000
#: Seconds of a recording between two writings of the sidecar (ours).
_INTERVAL: Final = 10


@dataclass(frozen=True, slots=True)
class _Gap:
    """Place on the timeline where frames were lost, and the seconds that are missing."""

    time: Fraction
    seconds: Fraction


@dataclasses.dataclass(slots=True)
class _Person:
    """Participant of a track.

    Args:
        since: Begin, in seconds since 1970.
        is_verified: Tells whether media is known to be of the peer that signalled; None for a
            track that no peer sends.
        peer: Tells who sends it, and what says so; None for a track that no peer sends.
        verified: Whether it was so each time that `content` was asked for.
    """

    name: str
    track: str
    since: float
    is_verified: Callable[[], bool] | None
    peer: Callable[[], PeerTrust] | None = None
    verified: bool = True

    def content(self) -> dict[str, object]:
        """Give the entry in the sidecar of now."""
        found: dict[str, object] = {"name": self.name, "track": self.track, "since": self.since}
        trust = UNKNOWN_PEER if self.peer is None else self.peer()
        if trust != UNKNOWN_PEER:
            found["peer"] = {
                "name": trust.name,
                "level": trust.level.value,
                "firstContact": trust.first_contact,
            }
        if self.is_verified is None:
            return found
        self.verified = self.verified and self.is_verified()
        return {**found, "verified": self.verified}


@dataclasses.dataclass(slots=True)
class _Track:
    """Track as one file has it."""

    kind: str
    codec: str
    start: Fraction
    end: Fraction
    frames: int = 0


@dataclasses.dataclass(slots=True)
class _File:
    path: Path
    number: int
    origin: Fraction
    tracks: dict[Hashable, _Track] = field(default_factory=dict)
    written: Fraction = Fraction(0)


class Sidecar:
    """Keeps the sidecar of each file of a recording: `out.webm.json` beside `out.webm`.

    It is replaced as a whole when the file begins, every ten seconds and at the end, so that a
    program that is killed leaves a good one.

    Args:
        container: Container of the files.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._people: dict[Hashable, deque[_Person]] = {}
        self._origin: Fraction | None = None
        self._unix = 0.0
        # Place on the timeline, and seconds cut out there.
        self._pauses: deque[tuple[Fraction, Fraction]] = deque(maxlen=MOST)
        self._last: dict[Hashable, Fraction] = {}
        self._gaps: dict[Hashable, deque[_Gap]] = {}
        self._file: _File | None = None

    def joined(
        self,
        key: Hashable,
        *,
        name: str,
        track: str,
        is_verified: Callable[[], bool] | None = None,
        peer: Callable[[], PeerTrust] | None = None,
    ) -> None:
        """Note who is on a track from now on.

        Args:
            key: Key of the track.
            name: Name of the participant, or nothing.
            track: Identifier of the track.
            is_verified: Tells on any thread whether media is known to be of the peer that
                signalled, which plain RTP never is; None for a track that no peer sends.
            peer: Tells on any thread who sends it, and what says so; None as for `is_verified`.
        """
        people = self._people.setdefault(key, deque(maxlen=MOST))
        people.append(_Person(name, track, round(time.time(), 3), is_verified, peer))

    def began(self, origin: Fraction) -> None:
        """Note the origin of the timeline, in seconds of our monotonic clock; once."""
        if self._origin is None:
            self._unix = time.time() - time.monotonic() + float(origin)
            self._origin = origin

    def paused(self, *, since: float, seconds: float) -> None:
        """Note a pause that is over.

        Args:
            since: Begin of the pause by our monotonic clock.
            seconds: Length of the pause.
        """
        if self._origin is not None:
            cut = sum((length for _, length in self._pauses), Fraction(0))
            self._pauses.append((Fraction(since) - self._origin - cut, Fraction(seconds)))

    def received(self, placed: PlacedFrame) -> None:
        """Note a frame before it is written, and what was lost before it."""
        last = self._last.get(placed.key)
        if placed.frame.gap and last is not None:
            gaps = self._gaps.setdefault(placed.key, deque(maxlen=MOST))
            gaps.append(_Gap(min(last, placed.time), max(Fraction(0), placed.time - last)))
        self._last[placed.key] = placed.time + placed.duration

    def opened(self, path: Path, *, number: int, origin: Fraction) -> None:
        """Note that a file begins, at a place of the timeline.

        Raises:
            RecordingError: The sidecar cannot be written.
        """
        self._file = _File(path, number, origin, written=origin)
        self._write(self._file, None)

    def wrote(self, placed: PlacedFrame) -> None:
        """Note that a frame was written.

        Raises:
            RecordingError: The sidecar cannot be written.
        """
        file = self._file
        if file is None:
            return
        end = placed.time + placed.duration
        track = file.tracks.get(placed.key)
        if track is None:
            codec = placed.frame.codec
            track = _Track(codec.kind.value, codec.name, placed.time, end)
            file.tracks[placed.key] = track
            for person in list(self._people.get(placed.key, ())):
                # What comes first may not be verified, and be by the end.
                person.content()
        track.frames += 1
        track.end = max(track.end, end)
        if placed.time - file.written >= _INTERVAL:
            file.written = placed.time
            self._write(file, None)

    def closed(self, segment: Segment) -> None:
        """Write the sidecar of a file that is complete.

        Raises:
            RecordingError: The sidecar cannot be written.
        """
        file, self._file = self._file, None
        if file is None:
            return
        self._write(file, segment)
        end = max((track.end for track in file.tracks.values()), default=file.origin)
        for gaps in self._gaps.values():
            while gaps and gaps[0].time < end:
                gaps.popleft()

    def _write(self, file: _File, segment: Segment | None) -> None:
        path = sidecar_of(file.path)
        draft = path.with_name(path.name + ".new")
        data = json.dumps(self._content(file, segment), indent=1, ensure_ascii=False)
        try:
            draft.write_text(data + "\n", encoding="utf-8")
            os.replace(draft, path)
        except OSError as failure:
            with suppress(OSError):
                draft.unlink()
            raise error_of("write", path, failure) from failure

    def _content(self, file: _File, segment: Segment | None) -> dict[str, object]:
        end = max((track.end for track in file.tracks.values()), default=file.origin)
        pauses = [each for each in list(self._pauses) if file.origin <= each[0] <= end]
        before = sum((cut for at, cut in list(self._pauses) if at < file.origin), Fraction(0))
        unix = self._unix + float(file.origin + before)
        start = datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
        return {
            "version": VERSION,
            "file": file.path.name,
            "number": file.number,
            "container": self._container.value,
            "start": {"unix": round(unix, 3), "iso": start.replace("+00:00", "Z")},
            "duration": _rounded(end - file.origin),
            "size": None if segment is None else segment.size,
            "end": None if segment is None else segment.end.value,
            "tracks": [
                self._track(key, track, file=file, end=end) for key, track in file.tracks.items()
            ],
            "pauses": [
                {"at": _rounded(at - file.origin), "seconds": _rounded(cut)} for at, cut in pauses
            ],
        }

    def _track(
        self, key: Hashable, track: _Track, *, file: _File, end: Fraction
    ) -> dict[str, object]:
        gaps = [each for each in self._gaps.get(key, ()) if file.origin <= each.time < end]
        return {
            "kind": track.kind,
            "codec": track.codec,
            "people": [person.content() for person in list(self._people.get(key, ()))],
            "start": _rounded(track.start - file.origin),
            "end": _rounded(track.end - file.origin),
            "frames": track.frames,
            "gaps": [
                {"at": _rounded(each.time - file.origin), "seconds": _rounded(each.seconds)}
                for each in gaps
            ],
            "lost": _rounded(sum((each.seconds for each in gaps), Fraction(0))),
        }


def sidecar_of(path: Path) -> Path:
    """Return the path of the sidecar of a file."""
    return path.with_name(path.name + ".json")


def guarded(call: Callable[[], None], on_error: Callable[[RecordingError], None]) -> None:
    """Call a method of a sidecar, which never costs the recording."""
    try:
        call()
    except RecordingError as error:
        on_error(error)


def _rounded(seconds: Fraction) -> float:
    return round(float(seconds), 3)
