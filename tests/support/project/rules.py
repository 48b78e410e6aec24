"""The rules of the house that no linter has, as lists of what breaks them.

`python -m tests.support.project.rules peer/rtp media/pump.py` prints what is wrong below these
folders; without an argument, in all of the packages. `tests/unit/project/test_rules.py` wants an
empty list.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.support.project.source import PACKAGES, SourceFile, python_files

#: First words of docstrings that cannot be understood alone: a sentence without its noun, or
#: without a verb in the present (ours, after the house's review of its prose).
_OPENINGS = """
owns what whatever whoever who whom whose which whether that how where wherever when why while it
its he him his she they them their these those this here there of as so such likewise same said none
beside also again else otherwise and or but until unless
"""
# What programs call as they call aiortc.
SIGNATURES_OF_AIORTC = "peer/compat/"
OPENINGS = frozenset(_OPENINGS.split())
#: Least number of words in a first sentence (ours).
FEWEST_WORDS = 4
#: Types whose values mypy lets take each other's place.
INTERCHANGEABLE = frozenset({"int", "float", "str", "bytes", "bool"})
_WORD = re.compile(r"[A-Za-z0-9_`'./-]+")


def docstring_faults(text: str) -> Iterator[str]:
    """Yield the faults that keep a docstring from making sense alone.

    Args:
        text: The docstring.
    """
    sentence = re.split(r"(?<=[.:;?!])\s|\n\n", text.strip(), maxsplit=1)[0]
    words = _WORD.findall(sentence)
    if len(words) < FEWEST_WORDS:
        yield f"has fewer than {FEWEST_WORDS} words"
    first = [word.lower().strip("`'.") for word in words[:2]]
    if first and (first[0] in OPENINGS or first == ["the", "same"]):
        yield f"begins with {' '.join(words[:2])!r}"
    if re.search(r"\b(whoever|whatever|whichever|whomever)\b", sentence, re.IGNORECASE):
        yield "has no noun in its first sentence (whoever, whatever)"


def docstrings(file: SourceFile) -> Iterator[str]:
    """Each docstring of a file that does not make sense alone, with its line."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            line = getattr(node, "lineno", 1)
            name = getattr(node, "name", "the module")
            for fault in docstring_faults(text) if text else ():
                yield f"{file.name}:{line} {name}: {fault}: {(text or '').splitlines()[0]!r}"


def constants(file: SourceFile) -> Iterator[str]:
    """Each constant that a comment explains by a sentence without a noun, or not at all."""
    lines = file.text.splitlines()
    for node in file.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                name.isupper()
            ):
                pass
            case _:
                continue
        if not _is_number(value):
            continue
        comment, place = "", node.lineno - 2
        while place >= 0 and lines[place].startswith("#"):
            comment, place = f"{lines[place].lstrip('#: ')} {comment}", place - 1
        # One comment may stand over several constants.
        while not comment and place >= 0 and re.match(r"_?[A-Z][A-Z0-9_]* *[:=]", lines[place]):
            place -= 1
            while place >= 0 and lines[place].startswith("#"):
                comment, place = f"{lines[place].lstrip('#: ')} {comment}", place - 1
        if "#" in lines[node.lineno - 1]:
            comment = lines[node.lineno - 1].partition("#")[2].lstrip(": ")
        first = _WORD.findall(comment)[:1]
        if not first:
            yield f"{file.name}:{node.lineno} {name}: no comment says what it does and whence it is"
        elif first[0].lower() in OPENINGS:
            yield f"{file.name}:{node.lineno} {name}: its comment begins with {first[0]!r}"


def interchangeable_arguments(file: SourceFile) -> Iterator[str]:
    """Each function with two positional arguments that could be swapped without a word of mypy."""
    if file.name.startswith(SIGNATURES_OF_AIORTC):
        return
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        is_dunder = node.name.startswith("__") and node.name != "__init__"
        if is_dunder or any(ast.unparse(mark) == "override" for mark in node.decorator_list):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args]
        types = Counter(
            ast.unparse(a.annotation).removesuffix(" | None") for a in arguments if a.annotation
        )
        twice = [name for name, count in types.items() if count > 1 and name in INTERCHANGEABLE]
        if twice:
            names = ", ".join(a.arg for a in arguments if a.arg not in ("self", "cls"))
            yield f"{file.name}:{node.lineno} {node.name}({names}): several are {twice[0]}"


def classes_of_one_name(files: list[SourceFile]) -> Iterator[str]:
    """Each public class name that stands in two files."""
    places: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{file.name}:{node.lineno}")
    for name, found in sorted(places.items()):
        if len(found) > 1:
            yield f"{name}: {', '.join(found)}"


def _is_number(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=int() | float()):
            return not isinstance(value.value, bool)
        case ast.UnaryOp(operand=operand):
            return _is_number(operand)
        case ast.BinOp(left=left, right=right):
            return _is_number(left) and _is_number(right)
        case _:
            return False


def main(wanted: list[str]) -> int:
    """Print every fault below the wanted places, and count them."""
    files = python_files(*PACKAGES)
    inside = [f for f in files if not wanted or f.name.startswith(tuple(wanted))]
    faults = [
        fault
        for file in inside
        for rule in (docstrings, constants, interchangeable_arguments)
        for fault in rule(file)
    ]
    faults += [f for f in classes_of_one_name(files) if not wanted or any(w in f for w in wanted)]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.stdout.write(f"{len(faults)} faults in {len(inside)} files\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
