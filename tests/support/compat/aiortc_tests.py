"""Runs aiortc's own tests on `peer.compat`: `python -m tests.support.compat.aiortc_tests FOLDER`.

The folder is `tests` of aiortc's sdist (`pip download --no-deps --no-binary aiortc aiortc==1.16.0`,
unpacked); nothing is fetched here, and nothing of it is kept. Its imports of `aiortc` become such
of `peer.compat` in a copy. The table says how many tests of each file pass; those that cannot are
in docs/COMPAT.md with the reason, and the exit status is 1 where that list is not what happened.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

#: Seconds for one test (ours): the longest of aiortc's takes 10 on an idle machine.
TIMEOUT = 120

_IMPORT = re.compile(r"^(\s*)from aiortc\b", re.MULTILINE)
_MODULE = re.compile(r"^(\s*)import aiortc$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The tests of one run, by file: how many passed, and the names of those that did not."""

    passed: Counter[str]
    failed: dict[str, list[str]]


def mapped(text: str) -> str:
    """Return the source of a test with `peer.compat` in place of `aiortc`."""
    text = _MODULE.sub(r"\1import peer.compat as aiortc", text)
    text = _IMPORT.sub(r"\1from peer.compat", text).replace("from tests.", "from aiortc_tests.")
    if importlib.util.find_spec("peer.compat.contrib") is None:
        text = text.replace("peer.compat.contrib", "aiortc.contrib")
    return text


def run(folder: Path, *arguments: str) -> Outcome:
    """Run aiortc's tests on `peer.compat`.

    Args:
        folder: The folder of the tests.
        arguments: What pytest gets, such as `-k` and a name.

    Raises:
        FileNotFoundError: The folder has no tests of aiortc.
    """
    if not (folder / "test_rtcpeerconnection.py").exists():
        raise FileNotFoundError(f"{folder} has no test_rtcpeerconnection.py of aiortc")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "aiortc_tests"
        shutil.copytree(folder, copy)
        for source in copy.glob("*.py"):
            source.write_text(mapped(source.read_text()))
        report = Path(name) / "report.xml"
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *("-c", "/dev/null", "--rootdir", name, f"--junitxml={report}"),
                *(f"--timeout={TIMEOUT}", *arguments, str(copy)),
            ],
            check=False,
            stdout=sys.stderr,
        )
        return read(report)


def read(report: Path) -> Outcome:
    """Read a report of pytest in the format of JUnit."""
    passed: Counter[str] = Counter()
    failed: dict[str, list[str]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):
        names = case.get("classname", "").split(".")
        file = next((each for each in names if each.startswith("test_")), names[-1])
        if case.find("failure") is None and case.find("error") is None:
            passed[file] += 1
        else:
            failed[file].append(case.get("name", ""))
    return Outcome(passed, dict(failed))


def table(outcome: Outcome) -> str:
    """Write an outcome as a table of Markdown, with the names of those that did not pass."""
    lines = ["| file | pass | of |", "| --- | ---: | ---: |"]
    for file in sorted({*outcome.passed, *outcome.failed}):
        passed, failed = outcome.passed[file], len(outcome.failed.get(file, ()))
        lines.append(f"| `{file}` | {passed} | {passed + failed} |")
    lines += [f"- `{file}`: {name}" for file, names in outcome.failed.items() for name in names]
    return "\n".join(lines)


def main() -> int:
    """Run the tests of a folder, and print the table."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    outcome = run(Path(sys.argv[1]), *sys.argv[2:])
    print(table(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
