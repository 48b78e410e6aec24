"""The trace: typed events of what happened on the wire and why, the sinks and files they go to."""

from __future__ import annotations

from peer.tracing.capture import PcapngSink
from peer.tracing.events import Fanout, TraceEvent, TraceSink
from peer.tracing.file import TraceWriter, read_trace

__all__ = ["Fanout", "PcapngSink", "TraceEvent", "TraceSink", "TraceWriter", "read_trace"]
