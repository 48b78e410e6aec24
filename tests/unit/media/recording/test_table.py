"""The table of codecs and containers in docs/RECORDING.md, made from what the recorder decides by.

`python -m tests.unit.media.recording.test_table` writes it.
"""

from __future__ import annotations

from pathlib import Path

from media.recording.containers import Container, passes, transcoded_to
from peer.rtp.codecs import accepted, installed
from peer.rtp_parameters import MediaKind

GUIDE = Path(__file__).parents[4] / "docs" / "RECORDING.md"
BEGIN, END = "<!-- media.recording.table -->\n", "<!-- end -->\n"


def table() -> str:
    """Each codec that we receive, in each container."""
    containers = list(Container)
    names = ("MP4", "WebM", "Matroska", "Ogg", "HLS")
    lines = [f"| codec | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    every = [c for kind in MediaKind for c in (*installed(kind), *accepted(kind))]
    codecs = {c.name: c for c in every if not c.is_auxiliary}
    for name, codec in codecs.items():
        cells = [
            "as it is"
            if passes(container, codec)
            else transcoded_to(container, codec.kind) or "not recorded"
            for container in containers
        ]
        shown = [cell.capitalize() if cell == "opus" else cell for cell in cells]
        lines.append(f"| {name.replace('opus', 'Opus')} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def test_the_guide_has_the_table() -> None:
    _, _, rest = GUIDE.read_text().partition(BEGIN)
    assert rest.partition(END)[0] == table()


def main() -> None:
    """Write it."""
    head, _, rest = GUIDE.read_text().partition(BEGIN)
    GUIDE.write_text(f"{head}{BEGIN}{table()}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
