"""Owns what a ladder says of a description without showing all of it; no description breaks it."""

from __future__ import annotations

from typing import Final

from handfast.trace.words import counted

#: Attributes on which the security of a session rests: nobody may change them on the way.
_GUARDED: Final = ("fingerprint", "setup", "tls-id")
_SHOWN: Final = 3
#: What a later description may have anew, by the attribute that shows it.
_RENEWABLE: Final = {
    "fingerprint": "fingerprint",
    "tls-id": "tls-id",
    "ice-ufrag": "ICE credentials",
}
NEW_CREDENTIALS: Final = "new ICE credentials"


def attributes(sdp: str, name: str) -> tuple[str, ...]:
    """The values of an attribute wherever it stands, each once, in the order of their coming."""
    start = f"a={name}:"
    values = (line[len(start) :].strip() for line in sdp.splitlines() if line.startswith(start))
    return tuple(dict.fromkeys(values))


def summary(sdp: str) -> str:
    """What matters of it for a handshake, in half a line."""
    media = sum(line.startswith("m=") for line in sdp.splitlines())
    setup = " and ".join(attributes(sdp, "setup")[:_SHOWN]) or "absent"
    fingerprints = attributes(sdp, "fingerprint")
    hashes = dict.fromkeys(value.partition(" ")[0] for value in fingerprints[:_SHOWN])
    identity = f"{' and '.join(hashes)} fingerprint" if fingerprints else "no fingerprint"
    return f"setup {setup} · {identity} · {counted(media, 'm-section')}"


class DescriptionChanges:
    """What each description of one end has that the one before had not."""

    def __init__(self) -> None:
        self._last: dict[str, set[str]] = {}
        self._seen: dict[str, set[str]] = {name: set() for name in _RENEWABLE}

    def take(self, sdp: str) -> tuple[str, ...]:
        """The next description; what it leaves out is no news."""
        found: list[str] = []
        for name, words in _RENEWABLE.items():
            now, before = set(attributes(sdp, name)), self._last.get(name, set())
            if before and not now <= before:
                # Where a rekey or a restart came to nothing, the former values are true again.
                found.append(f"former {words}" if now <= self._seen[name] else f"new {words}")
            if now:
                self._last[name] = now
                self._seen[name] |= now
        return tuple(found)


def changed(sent: str, arrived: str) -> tuple[str, ...]:
    """The guarded attributes that did not arrive as they were sent."""
    return tuple(name for name in _GUARDED if attributes(sent, name) != attributes(arrived, name))
