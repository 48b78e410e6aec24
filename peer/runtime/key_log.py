"""Owns the log of session keys for Wireshark: where it is, who may read it, and the warning."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from peer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peer.configuration import PeerConfiguration

logger = logging.getLogger(__name__)

#: What browsers and curl read as well.
VARIABLE = "SSLKEYLOGFILE"


@runtime_checkable
class SecretSink(Protocol):
    """A trace sink that wants the keys too, as `PcapngSink` does; it gets them only while they
    are logged to a file as well.
    """

    def on_secret(self, line: bytes) -> None:
        """One line of a key log, without its end."""


class KeyLog:
    """A file in NSS key log format, which lines are appended to.

    Args:
        path: Made where it does not exist, readable by its owner only.

    Raises:
        ConfigurationError: It cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        # Now, so that a path that does not work is an error of whoever configured it.
        os.close(self._open())

    def write(self, line: bytes) -> None:
        """Append a line. What the disk refuses then is said in the log, and ends no session."""
        try:
            descriptor = self._open()
        except ConfigurationError as error:
            logger.warning("%s", error)
            return
        try:
            # One write, so that the lines of several processes do not run into each other.
            os.write(descriptor, line + b"\n")
        except OSError as error:
            logger.warning("%s", self._sentence(error))
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ConfigurationError(self._sentence(error)) from error

    def _sentence(self, error: OSError) -> str:
        return f"the key log {self.path!r} cannot be written: {error.strerror}"


def on_secret(
    configuration: PeerConfiguration, environment: Mapping[str, str] = os.environ
) -> Callable[[bytes], None] | None:
    """Who is to be told of session keys, or None: the default.

    The file that is configured, else the one that the environment names, and the trace sink if it
    wants them.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    path = configuration.key_log or environment.get(VARIABLE)
    if not path:
        return None
    log = KeyLog(path)
    logger.warning(
        "session keys are written to %s: whoever reads that file can read all media and data",
        log.path,
    )
    sink: object = configuration.trace
    if not isinstance(sink, SecretSink):
        return log.write

    def tell(line: bytes) -> None:
        log.write(line)
        sink.on_secret(line)

    return tell
