"""Logs: structlog, one line an event on stderr, ids bound at the edges, never a row's content."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import structlog


def get_logger(name: str) -> Any:
    """Give a logger of structlog's; the first one carries out a set-up that was put off."""
    import structlog

    for handler in logging.getLogger().handlers:
        if isinstance(handler, _SetUpLater):
            handler.set_up()
    return structlog.get_logger(name)


def set_up_logs_when_needed(*, log_format: str, level: str) -> None:
    """Do what ``set_up_logs`` does at the first event: most commands log nothing, and structlog takes long to load."""
    if "structlog" in sys.modules:
        set_up_logs(log_format=log_format, level=level)
        return
    root = logging.getLogger()
    root.handlers = [_SetUpLater(log_format, level)]
    root.setLevel(level)


class _SetUpLater(logging.Handler):
    def __init__(self, log_format: str, log_level: str) -> None:
        super().__init__()
        self._log_format, self._log_level = log_format, log_level

    def set_up(self) -> None:
        set_up_logs(log_format=self._log_format, level=self._log_level)

    def emit(self, record: logging.LogRecord) -> None:
        self.set_up()
        logging.getLogger(record.name).handle(record)


def set_up_logs(*, log_format: str, level: str) -> None:
    """Send our events and the libraries' records to stderr in one form: ``console`` or ``json``."""
    import structlog

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
