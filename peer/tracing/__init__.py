"""Typed trace events of the wire and of decisions, with the sinks and files for them."""

from __future__ import annotations

from peer.tracing.capture import PcapngSink
from peer.tracing.events import Fanout, TraceEvent, TraceSink
from peer.tracing.file import TraceWriter, read_trace

__all__ = ["Fanout", "PcapngSink", "TraceEvent", "TraceSink", "TraceWriter", "read_trace"]
