"""The table of docs/INTEROP.md that says where we and Chromium differ over a description, and why.

`python -m tests.support.descriptions.differences` writes it anew from variants.toml.
"""

from __future__ import annotations

import sys

from tests.support.descriptions.variants import VARIANTS, Stage, Verdict
from tests.support.project.tools import ROOT

DOCUMENT = ROOT / "docs" / "INTEROP.md"
BEGIN, END = "<!-- differences: begin -->", "<!-- differences: end -->"

_STAGES = {Stage.OFFER: "offer", Stage.ANSWER: "answer", Stage.REOFFER: "later offer"}
_VERDICTS = {Verdict.TAKEN: "taken", Verdict.CLOSED: "closed", Verdict.REFUSED: "refused"}


def render() -> str:
    """Render the table as Markdown."""
    same = sum(each.reason is None for each in VARIANTS)
    lines = [
        f"Of {len(VARIANTS)} descriptions with one thing changed, {same} are alike to both:",
        "",
        "| in | what is changed | we | Chromium | why |",
        "|---|---|---|---|---|",
    ]
    for each in VARIANTS:
        if each.reason is not None:
            verdicts = f"{_VERDICTS[each.ours]} | {_VERDICTS[each.chromium]}"
            lines.append(f"| {_STAGES[each.stage]} | {each.what} | {verdicts} | {each.reason} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """Put the table in its place in the document."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{render()}\n{END}{after}"


def main() -> int:
    """Write the table anew."""
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
