"""Structured logs: JSON lines on stderr, free of personal data.

A line holds route templates, never paths; no learner ids, no bodies, no keys.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import orjson
import structlog


def get_logger() -> Any:
    """A logger that writes one JSON object a line to stderr."""
    return structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value)),
        ],
    ).bind()


def frames_of(error: BaseException) -> list[str]:
    """Where an error came from, without its message, which may quote the request."""
    stack = traceback.extract_tb(error.__traceback__)
    return [f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in stack[-8:]]
