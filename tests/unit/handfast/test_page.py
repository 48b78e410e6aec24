"""What holds for the files of the page, and shows without a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from signaling.server.browser_client import CLIENT_NAME, TRUST_NAME

PAGE = Path(__file__).parents[3] / "handfast" / "page"
CLIENT = Path(__file__).parents[3] / "signaling" / "browser" / CLIENT_NAME
SCRIPTS = [*sorted(PAGE.rglob("*.js")), CLIENT]
STYLES = sorted(PAGE.rglob("*.css"))


#: The pages: of the demo, of any room, and the way to a room by its name.
DEMO, ROOM, DOOR = PAGE / "index.html", PAGE / "meeting" / "index.html", PAGE / "door.html"

each_page = pytest.mark.parametrize("page", [DEMO, ROOM, DOOR], ids=["demo", "room", "door"])


class _Document(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def values(self, name: str) -> list[str]:
        return [v for _, a in self.elements if (v := a.get(name)) is not None]


@each_page
def test_page_loads_only_files_of_its_own(page: Path) -> None:
    document = _Document(page)

    named = [*document.values("src"), *document.values("href")]
    assert named
    # What others write into it: the link to this room.
    assert [name for name in named if name and not (page.parent / name).is_file()] == []


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES], ids=lambda path: path.name)
def test_no_file_names_another_site(path: Path) -> None:
    addresses = re.findall(r"https?://[\w.]+", path.read_text())

    assert set(addresses) <= {"http://www.w3.org"}  # the name of a vocabulary


@each_page
def test_page_has_no_inline_script_or_style(page: Path) -> None:
    document = _Document(page)

    handlers = [a for _, attrs in document.elements for a in attrs if a.startswith("on")]
    assert handlers == []
    assert document.values("style") == []
    assert "style" not in {tag for tag, _ in document.elements}
    assert all(a.get("src") for tag, a in document.elements if tag == "script")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_import_is_a_file(path: Path) -> None:
    imports = re.findall(r'^import .* from "(.+)";$', path.read_text(), re.MULTILINE)

    files = [(path.parent / name).resolve() for name in imports]
    # The modules that the room server has, at the root of the page.
    served = {PAGE / CLIENT_NAME, PAGE / TRUST_NAME}
    assert [file for file in files if file not in served and not file.is_file()] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_text_is_read_as_html(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", path.read_text()
    )


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES], ids=lambda path: path.name)
def test_every_file_of_the_page_begins_with_a_sentence_about_it(path: Path) -> None:
    assert re.match(r"(//|/\*) (?!Owns)[A-Z](\S* ){3}", path.read_text())


def _page_of(script: Path) -> Path:
    pages = {"meeting": ROOM, "door": DOOR}
    return next((page for folder, page in pages.items() if folder in script.parts), DEMO)


@each_page
def test_every_element_that_a_script_looks_for_is_there(page: Path) -> None:
    identifiers = set(_Document(page).values("id"))

    mine = [path for path in SCRIPTS if _page_of(path) == page]
    sought = {name for path in mine for name in re.findall(r'byId\("([\w-]+)"\)', path.read_text())}
    assert sought
    assert sought - identifiers == set()


@each_page
def test_identifiers_are_unique(page: Path) -> None:
    identifiers = _Document(page).values("id")

    assert len(identifiers) == len(set(identifiers))


@each_page
def test_every_label_and_description_points_at_something(page: Path) -> None:
    document = _Document(page)

    named = document.values("aria-labelledby") + document.values("for")
    assert set(named) <= set(document.values("id"))


def test_everything_that_can_be_pressed_in_a_room_is_named_by_the_tests_in_browsers() -> None:
    tests = Path(__file__).parents[2]
    files = (
        "interop/test_room_page.py",
        "interop/test_room_page_recording.py",
        "support/browser/room_page.py",
    )
    driven = "".join((tests / name).read_text() for name in files)
    pressed = [
        identifier
        for tag, attributes in _Document(ROOM).elements
        if tag in ("button", "select", "input", "details") and (identifier := attributes.get("id"))
    ]
    assert len(pressed) >= 12
    assert [each for each in pressed if each not in driven] == []


def test_there_are_words_for_every_problem() -> None:
    words = (PAGE / "view" / "words.js").read_text()
    known = set(re.findall(r'^  "?([\w-]+)"?: \(', words, re.MULTILINE))

    named = {
        code
        for path in SCRIPTS
        if path != CLIENT
        for code in re.findall(
            r'(?:RoomError|#fail|problem\.show)\("([\w-]+)"|return "(camera-[\w-]+)"',
            path.read_text(),
        )
        for code in code
        if code
    }
    # Hanging up is no problem, and a negotiation that fails has the browser's own words.
    assert {"no-server", "ice-failed", "camera-refused"} <= known
    assert named - known <= {"left", "negotiation"}


def _colours(scheme: str) -> dict[str, str]:
    """The colours of base.css, `light` or `dark`, by name."""
    light, dark = (PAGE / "style" / "base.css").read_text().split("@media", 1)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))
    return found


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# WCAG 2.2: text 4.5 (1.4.3), lines and borders of controls that one has to see 3 (1.4.11).
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *(
            (text, back, 4.5)
            for text in ("ink", "muted")
            for back in ("paper", "surface", "sunken")
        ),
        ("accent-ink", "accent", 4.5),
        ("accent", "paper", 4.5),
        ("bad", "bad-paper", 4.5),
        ("bad", "surface", 4.5),
        ("muted", "bad-paper", 4.5),
        *((tint, back, 4.5) for tint in ("sent", "next") for back in ("paper", "surface")),
        ("received", "surface", 3),
        ("good", "paper", 3),
        ("busy", "surface", 3),
        ("edge", "paper", 3),
    ],
)
def test_colours_can_be_told_apart(scheme: str, front: str, back: str, least: float) -> None:
    colours = _colours(scheme)
    one, other = sorted((_luminance(colours[front]), _luminance(colours[back])))

    assert (other + 0.05) / (one + 0.05) >= least
