"""Writes session keys to an NSS key log for Wireshark, and warns of it. The event loop writes."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from peer.errors import ConfigurationError
from peer.owner_only import owner_only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peer.configuration import PeerConfiguration

logger = logging.getLogger(__name__)

#: Environment variable that names the key log, as for browsers and curl.
VARIABLE = "SSLKEYLOGFILE"


@runtime_checkable
class SecretSink(Protocol):
    """A trace sink that wants the session keys too, as `PcapngSink` does.

    The sink gets the keys only while they are logged to a file as well.
    """

    def on_secret(self, line: bytes) -> None:
        """Handle one line of an NSS key log, without line end."""


class KeyLog:
    """A file in NSS key log format, to which lines are appended.

    Args:
        path: The file; created readable by its owner only, where it does not exist.

    Raises:
        ConfigurationError: The file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        # Opened now, so that a path that does not work is an error of the configuration.
        os.close(self._open())

    def __repr__(self) -> str:
        return f"<KeyLog {self.path!r}>"

    def write(self, line: bytes) -> None:
        """Append a line to the file; an error of the disk is logged, and ends no session."""
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
            return owner_only(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        except OSError as error:
            raise ConfigurationError(self._sentence(error)) from error

    def _sentence(self, error: OSError) -> str:
        return f"the key log {self.path!r} cannot be written: {error.strerror}"


def on_secret(
    configuration: PeerConfiguration, environment: Mapping[str, str] = os.environ
) -> Callable[[bytes], None] | None:
    """Return the function that logs a line of session keys, or None: keys are not logged.

    Lines go to the file that is configured, or else the file that the environment names, and to
    the trace sink if it is a `SecretSink`.

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
