"""Failpoints in a process under test: an import hook wraps the product's functions, so that no product code knows it.

A point is named ``ROLE.before@module.function`` (or ``after``, ``sql``, ``commit-before``, ``commit-after``). It fires
when a file of its name is in ``FOLDER/armed``: the file is moved to ``FOLDER/fired`` first, so that exactly one
process fires, once; one in ``FOLDER/standing`` fires whenever it is passed. Each point that is passed leaves its name
in ``FOLDER/seen``. ``FOLDER/tuning.json`` changes settings that the product fixes, as Celery's time limits.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

#: Every function defined in these gets a point before and one after it.
WRAPPED = (
    "tasks.ingest", "tasks.send", "pc_worker.services.ingest.process_chunk", "pc_worker.services.ingest.rows.prepare",
    "pc_worker.services.ingest.rows.write", "pc_worker.services.ingest.messages",
    "pc_worker.services.ingest.rows.embed", "pc_worker.services.ingest.publish", "pc_worker.services.ingest.split",
    "pc_worker.services.sources", "pc_worker.services.ingest.attempts", "pc_worker.services.ingest.submit",
    "pc_worker.services.ingest.reconcile", "pc_worker.services.ingest.key_index",
    "pc_worker.store.ledger.leases", "pc_worker.store.ledger.jobs",
    "pc_worker.store.ledger.dead_letters", "pc_worker.store.rows.merge", "pc_worker.store.rows.identities",
    "pc_worker.store.rows.joined",
    "pc_worker.store.log.append", "pc_worker.store.db.copy",
    "pc_worker.hot_buffer.ring", "pc_worker.reader.index.sidecar", "pc_worker.reader.opening",
    "pc_worker.gateway.calls.stream_embedding", "pc_worker.gateway.calls.consume.call",
    "pc_worker.gateway.calls.consume.session", "pc_worker.gateway.log.delivery", "pc_worker.gateway.log.read_ahead",
    "pc_worker.gateway.log.read_plan", "pc_worker.store.log.read", "pc_worker.store.log.subscription_leases",
)  # fmt: skip
#: These methods of others: (module, class, method).
METHODS = (
    ("tasks.broker", "QoS", "append"),
    ("kombu.transport.redis", "QoS", "ack"),
    ("celery.app.base", "Celery", "send_task"),
)
#: Called thousands of times a chunk: a point there would only cost time.
HOT = {
    "_row",
    "json_text",
    "_vectors",
    "_content_fields",
    "int2",
    "int4",
    "int4_array",
    "text",
    "uuid",
    "jsonb",
    "vector",
    "verdict",
    "copy_rows",
}


class Points:
    """The failpoints of this process."""

    def __init__(self, folder: Path, role: str) -> None:
        self.folder, self.role = folder, role
        self._seen: set[str] = set()
        self._leaked: list[bytearray] = []

    def passed(self, point: str) -> None:
        """Fire if the point is armed."""
        name = f"{self.role}.{point}"
        if name not in self._seen:
            self._seen.add(name)
            (self.folder / "seen" / name).touch()
        fired = self.folder / "fired" / f"{name}~{os.getpid()}~{time.monotonic_ns()}"
        try:
            os.rename(self.folder / "armed" / name, fired)
        except FileNotFoundError:
            self._stand(name)
            return
        self._act(*fired.read_text().split(":"))

    def _stand(self, name: str) -> None:
        try:
            action = (self.folder / "standing" / name).read_text()
        except FileNotFoundError:
            return
        (self.folder / "fired" / f"{name}~{os.getpid()}~{time.monotonic_ns()}").touch()
        self._act(*action.split(":"))

    def _act(self, action: str, argument: str = "") -> None:
        match action:
            case "exit":
                os._exit(99)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "segv":
                ctypes.string_at(0)
            case "hang":  # with the interpreter's lock held, as native code may: no signal handler of Python's runs
                ctypes.PyDLL(None).sleep(3600)
            case "sleep":
                time.sleep(float(argument))
            case "leak":
                self._leaked.append(bytearray(b"x" * int(argument)))
            case "error":
                raise _error(argument)

    def poisoned(self, lease: Any) -> None:
        """Crash in native code if the leased chunk contains the poisoned row."""
        try:
            poison = json.loads((self.folder / "poison.json").read_bytes())
        except FileNotFoundError:
            return
        row = int(poison["row"]) - lease.first_row
        if lease.job.job_id == poison["job"] and 0 <= row < lease.row_count:
            with (self.folder / "poisoned").open("a") as file:
                file.write(f"{lease.chunk_no} {lease.row_count}\n")
            ctypes.string_at(0)


def _error(name: str) -> Exception:
    """Return the error of this name: one of Python's own, or the system's by its number's name."""
    if (kind := getattr(builtins, name, None)) is not None:
        return kind("nobody foresaw this")  # type: ignore[no-any-return]  # an exception class, by the harness's choice
    number = getattr(errno, name)
    return OSError(number, os.strerror(number))


def install(folder: str, argv: Sequence[str]) -> None:
    """Wrap all modules that are imported from now on."""
    points = Points(Path(folder), _role(argv))
    tuning = _tuning(points)
    shift = float(tuning.get("clock_shift_s", {}).get(points.role, 0))
    if shift:
        real = time.time
        time.time = lambda: real() + shift
    sys.meta_path.insert(0, Hook(points, tuning))


def _role(argv: Sequence[str]) -> str:
    if "pc_worker" in argv:
        return argv[argv.index("pc_worker") + 1]
    return "child" if any("spawn_main" in word for word in argv) else "other"


def _tuning(points: Points) -> dict[str, Any]:
    try:
        return dict(json.loads((points.folder / "tuning.json").read_bytes()))
    except FileNotFoundError:
        return {}


class Hook(importlib.abc.MetaPathFinder):
    """Finds modules as usual, and has the interesting ones changed once they are executed."""

    def __init__(self, points: Points, tuning: dict[str, Any]) -> None:
        self._changes: dict[str, Callable[[ModuleType], None]] = {
            **{name: functools.partial(wrap_module, points) for name in WRAPPED},
            **{name: functools.partial(wrap_methods, points) for name, _, _ in METHODS},
            "psycopg2": functools.partial(wrap_driver, points),
            "celeryconfig": functools.partial(_set, tuning.get("celery", {})),
            "pc_worker.embedded.processes.backoff": cut_backoff,
        }
        self._constants: dict[str, dict[str, Any]] = tuning.get("constants", {})

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Find the module's own way, then hook into its execution."""
        change, constants = self._changes.pop(fullname, None), self._constants.pop(fullname, {})
        if change is None and not constants:
            return None
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                vars(module).update(constants)
                if change is not None:
                    change(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this one module's loader only
        return spec


def wrap_module(points: Points, module: ModuleType) -> None:
    """Add two points to every function and method that the module defines."""
    for name, value in list(vars(module).items()):
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name not in HOT:
            setattr(module, name, wrapped(points, value, f"{module.__name__}.{name}"))
        elif inspect.isclass(value) and value.__module__ == module.__name__:
            for method, function in list(vars(value).items()):
                if inspect.isfunction(function) and not method.startswith("__"):
                    setattr(value, method, wrapped(points, function, f"{module.__name__}.{name}.{method}"))
    if module.__name__ == "pc_worker.services.ingest.process_chunk":
        write = module._write

        @functools.wraps(write)
        def poisonable(services: Any, lease: Any, *rest: Any) -> Any:
            points.poisoned(lease)
            return write(services, lease, *rest)

        vars(module)["_write"] = poisonable


def wrap_methods(points: Points, module: ModuleType) -> None:
    """Add points to the listed methods."""
    for name, owner, method in METHODS:
        if name == module.__name__:
            holder = getattr(module, owner)
            setattr(holder, method, wrapped(points, getattr(holder, method), f"{name}.{owner}.{method}"))


def wrapped(points: Points, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function with a point before and one after it."""
    before, after = f"before@{name}", f"after@{name}"
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            points.passed(before)
            result = await function(*args, **kwargs)
            points.passed(after)
            return result

        return awaited
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        points.passed(before)
        result = function(*args, **kwargs)
        points.passed(after)
        return result

    return called


def wrap_driver(points: Points, driver: ModuleType) -> None:
    """Add points to every statement and commit of psycopg2, named by the function and line that runs them."""
    from psycopg2.extensions import connection, cursor

    class Cursor(cursor):
        def execute(self, *args: Any, **kwargs: Any) -> None:
            points.passed(f"sql@{_caller()}")
            super().execute(*args, **kwargs)

    class Connection(connection):
        def cursor(self, *args: Any, **kwargs: Any) -> Any:
            return super().cursor(*args, **{"cursor_factory": Cursor, **kwargs})

        def commit(self) -> None:
            caller = _caller()
            points.passed(f"commit-before@{caller}")
            super().commit()
            points.passed(f"commit-after@{caller}")

    vars(driver)["connect"] = functools.partial(vars(driver)["connect"], connection_factory=Connection)


def _caller() -> str:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(("pc_worker.", "tasks.")) and module != "pc_worker.store.db.connection":
            return f"{module}.{frame.f_code.co_name}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


def _set(values: dict[str, Any], module: ModuleType) -> None:
    vars(module).update(values)


def cut_backoff(module: ModuleType) -> None:
    """Start killed parts again within a second, however often they are killed."""
    delay_s = module.Backoff.delay_s
    module.Backoff.delay_s = lambda self, deaths: min(1.0, delay_s(self, deaths))
