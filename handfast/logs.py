"""The log of a program on standard error: as lines for people, or as JSON lines for machines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never


class LogFormat(StrEnum):
    """Forms that `--log-format` can ask for."""

    TEXT = "text"
    JSON = "json"


class JsonFormatter(logging.Formatter):
    """Writes each record as one JSON object on a line.

    It has `time` (RFC 3339), `level`, `logger` and `message`; where they are known `event`, its
    facts by their names, and `exception`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write one record as a line."""
        fields = dict(getattr(record, "facts", {}))
        fields |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, "event"):
            fields["event"] = record.event
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def log_to_standard_error(form: LogFormat) -> None:
    """Write records of level INFO and above to standard error, from now on."""
    handler = logging.StreamHandler()
    match form:
        case LogFormat.JSON:
            handler.setFormatter(JsonFormatter())
        case LogFormat.TEXT:
            line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
            handler.setFormatter(logging.Formatter(line))
        case _:
            assert_never(form)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
