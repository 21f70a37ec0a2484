"""The Java client in a process that reads on request, for measurements."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pc_worker.installation import CHECKOUT

CLIENT = CHECKOUT / "clients" / "java"
PROGRAM = CLIENT / "pc-worker-client" / "src" / "bench" / "java" / "ReadOnCommand.java"
#: What `clients/java/build.sh` builds with; `scripts/java_packages.sh` installs it.
PROGRAMS = ("java", "javac", "protoc", "grpc_java_plugin")
GRPC = Path("/usr/share/java/grpc-netty.jar")
JVM_FLAGS = ("-Xmx512m",)
VERSION = re.compile(r'version "([^"]+)"')


class JavaFailed(RuntimeError):
    """The Java program ended where it should have answered."""


@dataclass(frozen=True, slots=True)
class JavaReading:
    """The result of one read: entries, the seconds it took, and the position of the last entry so far."""

    entries: int
    seconds: float
    position: int


class JavaReader:
    """One connection at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def open(self, kind: str, address: str, domain: str) -> None:
        """Connect: ``kind`` is ``stream`` or ``consume``.

        Raises:
            JavaFailed: If the program ended.
        """
        self._ask(f"open {kind} {address} {domain}")

    def read(self, entries: int) -> JavaReading:
        """Read this many entries, or to the log's end; nothing is read or acknowledged between two calls.

        Raises:
            JavaFailed: If the program ended, as it does where positions do not rise.
        """
        count, nanoseconds, position = map(int, self._ask(f"read {entries}").split())
        return JavaReading(count, nanoseconds / 1e9, position)

    def close(self) -> None:
        """End the connection.

        Raises:
            JavaFailed: If the program ended.
        """
        self._ask("close")

    def _ask(self, command: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise JavaFailed("the Java reader has no pipes")
        stdin.write(command + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise JavaFailed(f"the Java reader ended at `{command}`: it says why above")
        return answer


def why_no_java() -> str | None:
    """Return what is missing to build the Java client; None = nothing."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not GRPC.exists():
        missing.append(str(GRPC))
    return f"no {', '.join(missing)}: scripts/java_packages.sh installs it" if missing else None


def jvm() -> str:
    """Return the version and the flags of the JVM, for the label of a figure."""
    printed = subprocess.run(["java", "-version"], check=True, capture_output=True, text=True).stderr
    version = VERSION.search(printed)
    return " ".join(["Java", version[1] if version else "of unknown version", *JVM_FLAGS])


@contextmanager
def java_reader(classpath: str) -> Iterator[JavaReader]:
    """Run the program; its errors go to this process's."""
    # Started from its source: one file is not worth its own build.
    command = ["java", *JVM_FLAGS, "-cp", classpath, str(PROGRAM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield JavaReader(process)
        finally:
            process.kill()


@contextmanager
def built_client() -> Iterator[str]:
    """Build the client in a temporary folder, and yield its class path.

    Raises:
        subprocess.CalledProcessError: If it does not build.
    """
    with TemporaryDirectory(prefix="pcw-bench-java-") as folder:
        subprocess.run([CLIENT / "build.sh", folder], check=True, capture_output=True)
        yield (Path(folder) / "classpath").read_text(encoding="utf-8").strip()
