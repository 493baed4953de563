"""Logs: one JSON object a line, on standard error, in UTC. They name sites, streams and counts, never an EPC."""

import logging
import sys

import structlog


def configure_log(level: str = "info") -> None:
    """Set up logging for a program of its own; a program that embeds the gateway does this in its own way."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
