"""docs/CONFORMANCE.md, made from conformance.toml and the `conformance` markers on the tests.

`python -m tests.support.project.conformance` writes it, with `--check` it fails when that would
change it. Both fail when a behaviour that is due has no test, or when a test names a
behaviour that is not in the table.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).parents[3]
TABLE = Path(__file__).with_name("conformance.toml")
DOCUMENT = ROOT / "docs" / "CONFORMANCE.md"


class ConformanceError(Exception):
    """The markers on the tests and the table do not agree."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A behaviour, which is a row of the table.

    Args:
        id: Section of RFC 5763 and a word.
        section: Heading under which it stands.
        what: The behaviour, in one or two sentences.
        proof: `sdp`, `pure`, `wire` (on captured datagrams), `e2e` or `bench`.
        due: Whether it has to have a test by now.
        missing: What of it the tests do not yet show, or None; they may show the rest.
        left_out: Why it will never have one, or None.
    """

    id: str
    section: str
    what: str
    proof: str
    due: bool = False
    missing: str | None = None
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A test that proves a behaviour, and the third-party peers it uses."""

    behaviour: str
    test: str
    peers: frozenset[str]


def load_table(text: str) -> Mapping[str, Behaviour]:
    """Read the table in the order of the document."""
    rows = [
        Behaviour(section=section["title"], **row)
        for section in tomllib.loads(text)["section"]
        for row in section["behaviour"]
    ]
    return MappingProxyType({row.id: row for row in rows})


def proofs_of(item: pytest.Item) -> list[Proof]:
    """Return the proofs by the markers of a test; a browser that it drives counts as a peer."""
    browsers = [name for mark in item.iter_markers("browser") for name in mark.args]
    test = item.nodeid.partition("[")[0]
    return [
        Proof(behaviour, test, frozenset([*mark.kwargs.get("peers", ()), *browsers]))
        for mark in item.iter_markers("conformance")
        for behaviour in mark.args
    ]


class ConformancePlugin:
    """Pytest plug-in that refuses markers of unknown behaviours, and collects the proofs."""

    def __init__(self) -> None:
        self.proofs: list[Proof] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the markers of the collected tests.

        Raises:
            pytest.UsageError: One names a behaviour that is not in the table.
        """
        table = load_table(TABLE.read_text())
        self.proofs = [proof for item in items for proof in proofs_of(item)]
        for proof in self.proofs:
            if proof.behaviour not in table:
                raise pytest.UsageError(
                    f"{proof.test}: {TABLE.name} has no behaviour {proof.behaviour!r}"
                )


def collect() -> list[Proof]:
    """Collect every test without running it.

    Raises:
        ConformanceError: Collecting failed; the text is pytest's.
    """
    plugin = ConformancePlugin()
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = pytest.main(["--collect-only", "-qq", f"--rootdir={ROOT}"], plugins=[plugin])
    if status != pytest.ExitCode.OK:
        raise ConformanceError(output.getvalue())
    return plugin.proofs


def gaps(table: Mapping[str, Behaviour], proofs: Iterable[Proof]) -> list[str]:
    """Return the disagreements between table and tests, in words."""
    proven = {proof.behaviour for proof in proofs}
    wrong = [
        f"{row.id} is due and has no test"
        for row in table.values()
        if row.due and row.id not in proven
    ]
    wrong += [
        f"{row.id} is left out, and yet has a test"
        for row in table.values()
        if row.left_out is not None and row.id in proven
    ]
    return wrong


def render(table: Mapping[str, Behaviour], proofs: Sequence[Proof]) -> str:
    """Render docs/CONFORMANCE.md from the table and the proofs."""
    tested = {proof.behaviour for proof in proofs}
    proven = [row for row in table.values() if row.id in tested and row.missing is None]
    lines = [
        "# Conformance with RFC 5763",
        "",
        "Generated from the markers on the tests by `make conformance`; `make check` fails when it",
        "is stale.",
        "",
        f"{len(proven)} of {len(table)} behaviours are proven by a test. How: *sdp* on",
        "descriptions, *pure* on values, *wire* on captured datagrams, *e2e* with everything",
        "running, *bench* by measuring. Peers are programs of others that the tests run against.",
    ]
    section = None
    for row in table.values():
        if row.section != section:
            section = row.section
            lines += ["", f"## {section}", "", "| id | behaviour | how | tests | peers |"]
            lines += ["|---|---|---|---|---|"]
        lines.append(_row(row, [proof for proof in proofs if proof.behaviour == row.id]))
    return "\n".join([*lines, ""])


def _row(row: Behaviour, proofs: Sequence[Proof]) -> str:
    if row.left_out is not None:
        return f"| {row.id} | {row.what} | - | left out: {row.left_out} | |"
    tests = sorted({proof.test for proof in proofs})
    peers = sorted(frozenset().union(*(proof.peers for proof in proofs)))
    shown = "<br>".join(_link(test) for test in tests) or "not yet proven"
    if tests and row.missing is not None:
        shown += f"<br>in part; not yet: {row.missing}"
    return f"| {row.id} | {row.what} | {row.proof} | {shown} | {', '.join(peers)} |"


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.replace('::', '.')}](../{path})"


def main(arguments: Sequence[str]) -> int:
    """Write docs/CONFORMANCE.md, or check that it is up to date."""
    table = load_table(TABLE.read_text())
    try:
        proofs = collect()
    except ConformanceError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = gaps(table, proofs)
    text = render(table, proofs)
    if arguments != ["--check"]:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        wrong.append(f"{DOCUMENT.relative_to(ROOT)} is stale: run `make conformance`")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
