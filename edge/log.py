"""JSON logs, one object a line, to standard error. No EPC is written at INFO or above: a tag can follow its owner."""

import logging
import sys
from typing import Any

import structlog

from edge.errors import ConfigError


def get_log(**bound: Any) -> Any:
    """Return a logger with some fields set."""
    return structlog.get_logger("edge").bind(**bound)


def configure_json_logs(level: str = "INFO") -> None:
    """Set this process's logs up. Raises `ConfigError` for a level that does not exist."""
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise ConfigError(f"log level {level!r}: expected one of debug, info, warning, error")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(known[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
