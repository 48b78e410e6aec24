"""The number of files and sockets that this process may have open."""

from __future__ import annotations

import logging

_logger = logging.getLogger(__name__)


def allow_open_files(count: int) -> None:
    """Let this process open so many files and sockets, as far as it may say so itself.

    Most systems begin programs with 1,024 (RLIMIT_NOFILE, setrlimit(2)), and let them raise that. A
    server that has no file left takes no connection, and says nothing to whoever waits for one.
    """
    try:
        import resource
    except ImportError:  # Windows has no such bound.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= count:
        return
    most = count if hard == unlimited else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < count:
        _logger.warning(
            "this process may open %d files, and its members may need %d: raise LimitNOFILE, or "
            "`ulimit -n`",
            most,
            count,
        )
