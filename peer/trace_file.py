"""Deprecated alias of `peer.tracing.file`, kept for one release."""

import warnings

from peer.tracing.file import *  # noqa: F403 - an alias has whatever its target has

warnings.warn(
    "peer.trace_file is peer.tracing.file; the old name goes in release 0.3",
    DeprecationWarning,
    stacklevel=2,
)
