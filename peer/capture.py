"""Deprecated alias of `peer.tracing.capture`, kept for one release."""

import warnings

from peer.tracing.capture import *  # noqa: F403 - an alias has whatever its target has

warnings.warn(
    "peer.capture is peer.tracing.capture; the old name goes in release 0.3",
    DeprecationWarning,
    stacklevel=2,
)
