"""Deprecated alias of `peer.tracing.events`, kept for one release."""

import warnings

from peer.tracing.events import *  # noqa: F403 - an alias has whatever its target has

warnings.warn(
    "peer.trace is peer.tracing.events; the old name goes in release 0.3",
    DeprecationWarning,
    stacklevel=2,
)
