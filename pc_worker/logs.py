"""Logs: structlog, one line per event on stderr; ids are bound at the entry points; never the content of a row."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import structlog


def get_logger(name: str) -> Any:
    """Return a structlog logger; if the set-up was deferred, the first event that is logged performs it."""
    if any(isinstance(handler, _DeferredSetUp) for handler in logging.getLogger().handlers):
        return _DeferredLogger(name)
    import structlog

    return structlog.get_logger(name)


class _DeferredLogger:
    """A logger that loads structlog for the first event of the configured level, not for those below."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        if getattr(logging, method.upper(), logging.CRITICAL) < logging.getLogger().level:
            return _ignore
        for handler in logging.getLogger().handlers:
            if isinstance(handler, _DeferredSetUp):
                handler.set_up()
        return getattr(get_logger(self._name), method)


def _ignore(*_: object, **__: object) -> None:
    """Take an event below the configured level."""


def set_up_logs_when_needed(*, log_format: str, level: str) -> None:
    """Call ``set_up_logs`` at the first event: most commands log nothing, and structlog is slow to import."""
    if "structlog" in sys.modules:
        set_up_logs(log_format=log_format, level=level)
        return
    root = logging.getLogger()
    root.handlers = [_DeferredSetUp(log_format, level)]
    root.setLevel(level)


class _DeferredSetUp(logging.Handler):
    def __init__(self, log_format: str, log_level: str) -> None:
        super().__init__()
        self._log_format, self._log_level = log_format, log_level

    def set_up(self) -> None:
        set_up_logs(log_format=self._log_format, level=self._log_level)

    def emit(self, record: logging.LogRecord) -> None:
        self.set_up()
        logging.getLogger(record.name).handle(record)


def set_up_logs(*, log_format: str, level: str) -> None:
    """Send our events and the libraries' records to stderr in one format: ``console`` or ``json``.

    With ``json`` every line on stderr is an object: warnings, uncaught exceptions and printed text become events.
    """
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
    handler = logging.StreamHandler(_json_lines() if log_format == "json" else sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def _json_lines() -> TextIO:
    """Make stderr turn printed text into objects; return the underlying stream, for lines that are objects already."""
    if isinstance(sys.stderr, _Printed):
        return sys.stderr.below
    below = sys.stderr
    sys.stderr = _Printed(below)
    logging.captureWarnings(True)
    sys.excepthook = _log_exception
    threading.excepthook = lambda args: _log_exception(args.exc_type, args.exc_value, args.exc_traceback)
    return below


def _log_exception(kind: type[BaseException], exc: BaseException | None, trace: TracebackType | None) -> None:
    if exc is not None and not issubclass(kind, SystemExit):
        logging.getLogger("uncaught").critical("exception", exc_info=(kind, exc, trace))


def json_line(text: str) -> str:
    """Return the log line for a printed one."""
    level = "error" if text.startswith("error: ") else "info"
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": text, "level": level, "logger": "printed", "timestamp": now}) + "\n"


class _Printed(io.TextIOBase):
    """Writes each printed line as an object; log records do not pass through it."""

    def __init__(self, below: TextIO) -> None:
        self.below = below
        self._lock, self._rest = threading.RLock(), ""

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in filter(str.strip, lines):
                self.below.write(json_line(line))
        return len(text)

    def flush(self) -> None:
        self.below.flush()

    def fileno(self) -> int:
        return self.below.fileno()

    def writable(self) -> bool:
        return True
