"""Rules for the project's files as a whole that no linter has."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.project.source import EVERYTHING, PACKAGES, ROOT, SourceFile, python_files

# Divided by what each file reaches into.
ADAPTERS = ("peer/transport/adapters/", "peer/compat/")
MEDIA_LIBRARIES = {"aiortc", "aioice", "av", "pylibsrtp"}
MAY_IMPORT_MEDIA_LIBRARIES = ("peer/transport/", "peer/rtp/", "peer/compat/", "media/")
WRAPPED = {"aiortc", "aioice"}
# What aiortc means its users to derive from. A subclass of anything else sees its private names
# as its own, where ruff's SLF001 does not look.
BASES_FOR_EVERYBODY = {"MediaStreamTrack", "AudioStreamTrack", "VideoStreamTrack"}
# Lines. A file is cut where it owns two things, not where it is long.
LONGEST = 600


def root(module: str) -> str:
    return module.partition(".")[0]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def media_library_imports(file: SourceFile) -> Iterator[str]:
    for line, module, _ in file.imports():
        if root(module) in MEDIA_LIBRARIES:
            yield f"{file.name}:{line} imports {module}"


def own_private_names(file: SourceFile) -> set[str]:
    """Names that the file gives to methods and fields of its own."""
    own: set[str] = set()
    for node in ast.walk(file.tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                own.add(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                own.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                own.add(name)
    return own


def private_names(file: SourceFile) -> Iterator[str]:
    """Ways to what aiortc and aioice keep for themselves, past a `noqa: SLF001` too."""
    own = own_private_names(file)
    taken: set[str] = set()
    for line, module, name in file.imports():
        if root(module) not in WRAPPED:
            continue
        taken.add(name or root(module))
        if any(part.startswith("_") for part in [*module.split("."), name or ""]):
            yield f"{file.name}:{line} imports {module}.{name}"
    for node in ast.walk(file.tree):
        match node:
            case ast.ClassDef(bases=bases, lineno=line):
                for base in bases:
                    text = ast.unparse(base)
                    if root(text) in taken and text.split(".")[-1] not in BASES_FOR_EVERYBODY:
                        yield f"{file.name}:{line} derives from {text}"
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr" as how),
                args=[_, ast.Constant(value=str(name)), *_],
                lineno=line,
            ) if is_private(name):
                yield f"{file.name}:{line} reaches {name} by {how}"
            case ast.Attribute(value=value, attr=name, lineno=line) if (
                is_private(name) and name not in own and ast.unparse(value) not in ("self", "cls")
            ):
                yield f"{file.name}:{line} reaches {ast.unparse(node)}"


def test_only_transport_rtp_and_media_import_the_media_libraries() -> None:
    found = [
        entry
        for file in python_files(*PACKAGES)
        if not file.name.startswith(MAY_IMPORT_MEDIA_LIBRARIES)
        for entry in media_library_imports(file)
    ]
    assert not found


def test_private_names_of_aiortc_and_aioice_stay_in_the_adapters() -> None:
    found = [
        entry
        for file in python_files(*PACKAGES)
        if not file.name.startswith(ADAPTERS)
        for entry in private_names(file)
    ]
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "from aiortc.rtcdtlstransport import _secret",
        "import aiortc._internal",
        "from aioice import Connection\nclass Ours(Connection): pass",
        "import aiortc\nclass Ours(aiortc.RTCDtlsTransport): pass",
        "getattr(transport, '_role')",
        "setattr(transport, '_role', 1)",
        "transport._role = 1  # noqa: SLF001 - no",
    ],
)
def test_a_way_around_the_adapters_is_seen(text: str) -> None:
    assert list(private_names(SourceFile("peer/example.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        "from aiortc import MediaStreamTrack\nclass Camera(MediaStreamTrack): pass",
        "from aiortc.mediastreams import MediaStreamTrack",
        "class Ours(Theirs): pass",
        "getattr(value, 'name')",
        "class Ours:\n    def _on_state(self): ...\ndef f(ours): ours._on_state()",
    ],
)
def test_a_public_use_is_left_alone(text: str) -> None:
    assert not list(private_names(SourceFile("peer/example.py", text)))


def test_an_import_inside_a_function_is_seen() -> None:
    file = SourceFile("peer/example.py", "def f():\n    from av import VideoFrame")
    assert list(media_library_imports(file)) == ["peer/example.py:2 imports av"]


@pytest.mark.parametrize("file", python_files(*PACKAGES), ids=lambda file: file.name)
def test_every_source_file_has_a_docstring(file: SourceFile) -> None:
    assert ast.get_docstring(file.tree)


def test_no_file_is_longer_than_a_reader_bears() -> None:
    lengths = {file.name: len(file.text.splitlines()) for file in python_files(*EVERYTHING)}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_an_exception_from_a_rule_gives_its_reason() -> None:
    excused = re.compile(r"# (?:noqa(?!: [A-Z\d, ]+ - \S)|type: ignore(?!\[[\w, -]+\] +# \S)).*")
    bare = [
        f"{file.name}: {match[0]}"
        for file in python_files(*EVERYTHING)
        if not file.name.endswith("test_project.py")
        for match in excused.finditer(file.text)
    ]
    assert not bare


def test_no_committed_file_names_a_folder_of_one_machine() -> None:
    folders = "|".join(f"/{name}/" for name in ("work", "root", "home", "opt", "tmp/w"))
    names = subprocess.run(
        ["git", "-C", str(ROOT), "grep", "-lIE", rf"(^|[^\w.<>*-])({folders})", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert names.returncode in (0, 1), names.stderr
    assert names.stdout == ""


def test_make_help_lists_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert commands
    shown = subprocess.run(
        ["make", "--no-print-directory", "-C", str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert set(re.findall(r"^make (\w+)", shown, re.MULTILINE)) == set(commands[1].split())
