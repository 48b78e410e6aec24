"""Ladder diagrams of sessions, from trace events to rows to a terminal or a page."""

from handfast.trace.document import document
from handfast.trace.files import TraceError, load, save
from handfast.trace.ladder import TracedEnd, draw
from handfast.trace.rows import Ladder
from handfast.trace.terminal import TerminalLadder

__all__ = [
    "Ladder",
    "TerminalLadder",
    "TraceError",
    "TracedEnd",
    "document",
    "draw",
    "load",
    "save",
]
