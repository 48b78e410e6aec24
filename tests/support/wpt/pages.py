"""The pages of web-platform-tests: their scripts in order, and those that nothing here can run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: The folder whose figure is compared with that of browsers.
CORE = "webrtc"

#: Patterns of addresses that are passed over, with the reason: the first that fits.
_EXCLUDED: Mapping[str, str] = {
    r"idlharness": "tests WebIDL bindings of JavaScript, which handfast has not",
    r"/(legacy|third_party|tools|resources|coverage)/": "an API of former days, or no tests",
    r"RTCPeerConnection-helper-test|videoDetectorTest": "tests the helpers of the tests themselves",
    r"back-forward-cache|bfcache": "needs a browser's history",
    r"worker|Worker|postMessage|transfer-": "needs workers, or objects passed between them",
    r"-GC\.": "needs the garbage collector of a browser",
    r"\.sub\.": "needs the server of web-platform-tests",
    r"webrtc-identity/": "needs an identity provider, which no browser but Firefox speaks to",
    r"webrtc-encoded-transform/": "needs workers and streams",
}
#: Patterns of the text of pages, likewise.
_NEEDED: Mapping[str, str] = {
    r"<(video|audio)\b|createElement\(['\"](video|audio)['\"]\)|detectSignal": (
        "needs a video element that plays"
    ),
    r"<iframe|createElement\(['\"]iframe|window\.open\(": "needs frames or windows",
    r"getImageData|createAnalyser": "needs pictures or sound as a page sees them",
}
_IDENTIFIED = re.compile(r"^// META: (\w+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WptPage:
    """One page with one variant of its address.

    Args:
        name: Path below the folder of the tests, and the query of the variant.
        scripts: Names and texts, in order.
        long: Whether the page says that it takes long.
        excluded: Why it is passed over; None where it runs.
    """

    name: str
    scripts: tuple[tuple[str, str], ...] = ()
    long: bool = False
    excluded: str | None = None

    @property
    def area(self) -> str:
        """The first folder of the name, such as `webrtc-stats`."""
        return self.name.partition("/")[0]


class _Parts(HTMLParser):
    """Collects the scripts and the `meta` elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[tuple[str | None, str]] = []
        self.metas: list[tuple[str, str]] = []
        self._inside = False
        self._source: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "script":
            self._inside, self._source, self._text = True, found.get("src"), []
        elif tag == "meta" and found.get("name"):
            self.metas.append((str(found["name"]), found.get("content") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._inside:
            self._inside = False
            self.scripts.append((self._source, "".join(self._text)))

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._text.append(data)


def find_pages(folder: Path, pattern: str = "") -> Iterator[WptPage]:
    """Yield the pages of WebRTC below a folder of web-platform-tests, in the order of their names.

    Args:
        folder: The folder that has `webrtc` and `resources`.
        pattern: A regular expression that the names of the pages match somewhere.
    """
    paths = (path for top in sorted(folder.glob("webrtc*")) for path in sorted(top.rglob("*")))
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if not re.search(r"\.(html|window\.js|any\.js)$", name) or not re.search(pattern, name):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if not name.endswith(".js") and "testharness.js" not in text:
            continue
        yield from _pages(folder, path, name, text)


def _pages(folder: Path, path: Path, name: str, text: str) -> Iterator[WptPage]:
    excluded = _reason(_EXCLUDED, f"/{name}") or _reason(_NEEDED, text)
    if excluded is not None:
        yield WptPage(name=name, excluded=excluded)
        return
    if name.endswith(".js"):
        metas = _IDENTIFIED.findall(text)
        sources = [(value, "") for key, value in metas if key == "script"]
        scripts: list[tuple[str | None, str]] = [*sources, (None, text)]
    else:
        parts = _Parts()
        parts.feed(text)
        scripts, metas = parts.scripts, parts.metas
    loaded = tuple(_loaded(folder, path, name, scripts))
    variants = [value for key, value in metas if key == "variant"] or [""]
    for variant in variants:
        yield WptPage(
            name=name + variant,
            scripts=loaded,
            long=("timeout", "long") in metas,
        )


def _loaded(
    folder: Path, path: Path, name: str, scripts: list[tuple[str | None, str]]
) -> Iterator[tuple[str, str]]:
    for number, (source, text) in enumerate(scripts, 1):
        if source is None:
            yield f"{name}#{number}", text
        elif "resources/testharness" not in source and "resources/testdriver" not in source:
            source = source.partition("?")[0]
            found = folder / source[1:] if source.startswith("/") else path.parent / source
            missing = f"throw new Error('{source} is not there');"
            yield source, found.read_text(encoding="utf-8") if found.is_file() else missing


def _reason(patterns: Mapping[str, str], text: str) -> str | None:
    return next((why for pattern, why in patterns.items() if re.search(pattern, text)), None)
