"""Writes the findings of `handfast doctor` for people, or as JSON for programs.

It needs nothing of ours that another module could hide.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from handfast.doctor.findings import Finding, Severity

_STYLES: Final = MappingProxyType(
    {
        Severity.OK: "green",
        Severity.NOTE: "cyan",
        Severity.WARNING: "yellow",
        Severity.FAILURE: "bold red",
    }
)


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Return True where no finding is a failure."""
    return all(each.severity is not Severity.FAILURE for each in findings)


def as_json(findings: Sequence[Finding]) -> str:
    """Write the findings as one JSON object: `healthy` and `findings`, with the fields of each."""
    document = {
        "healthy": is_healthy(findings),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_table(findings: Sequence[Finding]) -> RenderableType:
    """Draw a line for each finding, its remedy below it, and a sentence about all of them."""
    table = Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        lines = [finding.sentence, *([f"-> {finding.remedy}"] if finding.remedy else [])]
        table.add_row(
            Text(finding.severity, style=_STYLES[finding.severity]),
            Text(finding.subject),
            Text("\n".join(lines)),
        )
    return Group(table, Text(""), Text(_summary(findings), style="bold"))


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    parts = [
        f"{count} {severity}{'s' if count > 1 else ''}"
        for severity in (Severity.FAILURE, Severity.WARNING)
        if (count := counts[severity])
    ]
    return f"{', '.join(parts).capitalize()}." if parts else "Nothing is in the way."
