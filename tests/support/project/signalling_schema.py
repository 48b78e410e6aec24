"""Writes docs/signalling.schema.json, the JSON Schema of the protocol, from signaling/messages.py.

Usage: `python -m tests.support.project.signalling_schema [--check]`
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from signaling.messages import Message

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "signalling.schema.json"


def render() -> str:
    """Return the schema as a text: any one message of the protocol is valid by it."""
    made = msgspec.json.schema(Message)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A message of handfast's signalling protocol",
        "description": "One WebSocket text frame; docs/SIGNALING.md says who sends it, and when. "
        "Made from signaling/messages.py. Fields that are not named here are passed over.",
        **made,
    }
    return json.dumps(schema, indent=2) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the schema, or check that it is up to date."""
    text = render()
    if arguments != ["--check"]:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        name = DOCUMENT.relative_to(ROOT)
        print(f"{name} is stale: run `python -m {__spec__.name}`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
