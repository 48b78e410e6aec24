"""Summarises session descriptions for a ladder; no description makes it fail. PURE."""

from __future__ import annotations

from typing import Final

from handfast.trace.words import counted

#: Attributes on which the security of a session rests: a change on the way is an attack.
_GUARDED: Final = ("fingerprint", "setup", "tls-id")
#: Most values of one attribute in a summary (ours).
_SHOWN: Final = 3
#: Names of the things that a later description may change, by attribute.
_RENEWABLE: Final = {
    "fingerprint": "fingerprint",
    "tls-id": "tls-id",
    "ice-ufrag": "ICE credentials",
}
NEW_CREDENTIALS: Final = "new ICE credentials"


def attributes(sdp: str, *, name: str) -> tuple[str, ...]:
    """Return the distinct values of an attribute on all levels, in order of appearance."""
    start = f"a={name}:"
    values = (line[len(start) :].strip() for line in sdp.splitlines() if line.startswith(start))
    return tuple(dict.fromkeys(values))


def summary(sdp: str) -> str:
    """Summarise a description for the handshake in half a line."""
    media = sum(line.startswith("m=") for line in sdp.splitlines())
    setup = " and ".join(attributes(sdp, name="setup")[:_SHOWN]) or "absent"
    fingerprints = attributes(sdp, name="fingerprint")
    hashes = dict.fromkeys(value.partition(" ")[0] for value in fingerprints[:_SHOWN])
    identity = f"{' and '.join(hashes)} fingerprint" if fingerprints else "no fingerprint"
    return f"setup {setup} · {identity} · {counted(media, 'm-section')}"


class DescriptionChanges:
    """Finds what each description of one end changes from its predecessor."""

    def __init__(self) -> None:
        self._last: dict[str, set[str]] = {}
        self._seen: dict[str, set[str]] = {name: set() for name in _RENEWABLE}

    def take(self, sdp: str) -> tuple[str, ...]:
        """Return the changes of the next description in words; a missing attribute is none."""
        found: list[str] = []
        for name, words in _RENEWABLE.items():
            now, before = set(attributes(sdp, name=name)), self._last.get(name, set())
            if before and not now <= before:
                # After a failed rekey or restart the former values are in force again.
                found.append(f"former {words}" if now <= self._seen[name] else f"new {words}")
            if now:
                self._last[name] = now
                self._seen[name] |= now
        return tuple(found)


def changed(*, sent: str, arrived: str) -> tuple[str, ...]:
    """Return the guarded attributes that did not arrive as they were sent."""
    return tuple(
        name for name in _GUARDED if attributes(sent, name=name) != attributes(arrived, name=name)
    )
