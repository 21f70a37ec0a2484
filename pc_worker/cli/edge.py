"""The edge of the command line: every error becomes an exit code and one line on stderr."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from pc_worker.cli.output import visible
from pc_worker.errors import PcWorkerError
from pc_worker.installation import default_home

INTERRUPTED = 130
#: An argument may have 128 KiB; an error message is shorter.
MAX_CHARS = 5_000
#: The errors of a full disk.
FULL = (errno.ENOSPC, errno.EDQUOT)
#: Tracebacks of internal errors are kept in HOME, in a file of about this size.
LOG = Path("logs", "errors.log")
LOG_BYTES = 1 << 20
CREDENTIALS = re.compile(r"://\S*@")


def run(work: Callable[[], object]) -> int:
    """Do a command's work and return its exit code; every error is one line on stderr."""
    _repair_streams()
    try:
        code = _ended(work)
    except SystemExit as exc:  # a signal ends the command: its output is flushed as at any other end
        code = exc.code if isinstance(exc.code, int) else 1
    code = _flushed(code)
    if isinstance(sys.stderr, Diagnostics):
        sys.stderr.end()
    return code


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget(sys.stdout)
    except OSError as exc:
        _forget(sys.stdout)
        # One line is enough: an error that was printed before is this one, or the cause of the exit code.
        return code or fail(f"the output cannot be written: {exc.strerror}", 1)
    return code


class Diagnostics(io.TextIOWrapper):
    """The process's stderr: what it does not take is lost, and the command goes on and ends by its own outcome."""

    def write(self, text: str) -> int:
        """Write text, if it can be written."""
        try:
            return super().write(text)
        except OSError as exc:
            self._lose(exc)
            return len(text)

    def flush(self) -> None:
        """Flush what was written, if it can be."""
        try:
            super().flush()
        except OSError as exc:
            self._lose(exc)

    def end(self) -> None:
        """Let the interpreter end without an error of this stream."""
        try:
            super().flush()
        except OSError:
            _forget(self)

    def _lose(self, exc: OSError) -> None:
        if isinstance(exc, BrokenPipeError):  # its reader does not come back; a full disk may have space again
            _forget(self)


def fail(message: str, code: int) -> int:
    """Print on stderr why a command failed, and return its exit code."""
    line = CREDENTIALS.sub("://***@", " ".join(message.split()))
    print("error: " + visible(line if len(line) <= MAX_CHARS else line[:MAX_CHARS] + " …"), file=sys.stderr)
    return code


def _ended(work: Callable[[], object]) -> int:
    try:
        result = work()
    except click.exceptions.NoArgsIsHelpError as exc:
        return fail(f"a command is missing: `{exc.ctx.command_path if exc.ctx else 'pc_worker'} --help` lists them", 2)
    except click.ClickException as exc:
        return fail(exc.format_message(), exc.exit_code)
    except PcWorkerError as exc:
        return fail(str(exc), exc.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.exceptions.Exit as exc:  # `--help`
        return exc.exit_code
    except BrokenPipeError:  # the reader of our output has gone, as `head` does: nothing is wrong
        _forget(sys.stdout)
        return 0
    except OSError as exc:
        if exc.errno in FULL and exc.filename is None:
            home = _home() or "PC_WORKER_HOME"
            return fail(f"{exc.strerror}: free some space where the output and {home} are, and run it again", 1)
        return fail(f"{_described(exc)} ({_kept_traceback(exc)})", 1)
    except Exception as exc:
        return fail(f"{_described(exc)} ({_kept_traceback(exc)})", 1)
    return result if isinstance(result, int) else 0


def _described(exc: Exception) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.strerror}: {exc.filename}" if exc.filename else exc.strerror
    return f"unexpected: {type(exc).__name__}: {str(exc).strip().partition(chr(10))[0]}"


def _kept_traceback(exc: Exception) -> str:
    """Write the traceback to a file, and return where it is."""
    text = CREDENTIALS.sub("://***@", "".join(traceback.format_exception(exc)))
    home = _home()
    if home is None:
        return "its traceback could not be kept: set PC_WORKER_HOME"
    path = home / LOG
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        full = path.exists() and path.stat().st_size > LOG_BYTES
        mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if full else os.O_APPEND)
        with open(os.open(path, mode, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "its traceback could not be kept: set PC_WORKER_HOME to a folder that can be written"
    return f"traceback in {path}"


def _home() -> Path | None:
    with suppress(RuntimeError):  # a user without a home folder
        return Path(os.environ.get("PC_WORKER_HOME") or default_home())
    return None


def _repair_streams() -> None:
    """Reopen closed streams on the null device, and escape characters that a stream cannot encode."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _reopen(number, name)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    stderr = sys.stderr
    if stderr is sys.__stderr__ and isinstance(stderr, io.TextIOWrapper):
        sys.stderr = Diagnostics(
            stderr.buffer,
            encoding=stderr.encoding,
            errors=stderr.errors,
            line_buffering=True,
            write_through=stderr.write_through,
        )


def _reopen(number: int, name: str) -> None:
    descriptor = os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, so that no file of ours gets it
    setattr(sys, name, os.fdopen(descriptor, "r" if number == 0 else "w", encoding="utf-8"))


def _forget(stream: TextIO) -> None:
    """Redirect a stream of this process, so that the flush at the end of the process does not fail again."""
    if stream is sys.__stdout__ or isinstance(stream, Diagnostics):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
