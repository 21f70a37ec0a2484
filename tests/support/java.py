"""The Java client's tool chain: Debian's packages, a build in a folder of the test's own, programs of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pc_worker.settings import PROJECT

CLIENT = PROJECT / "clients" / "java"
#: A test's JVM lives for a second or two: it starts sooner without its best compiler and collector.
JVM = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m")


def missing_packages() -> str | None:
    """Install what is missing; return why that is impossible here, or None."""
    script = PROJECT / "scripts" / "java_packages.sh"
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True, timeout=600, check=False)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


class JavaDriver:
    """A program that answers requests one after the other: a JVM costs a second of CPU time to start."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    def ask(self, arguments: Sequence[str]) -> str:
        """Return what the program prints for these arguments, up to its line with a dot."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\t".join(arguments) + "\n")
        process.stdin.flush()
        lines = []
        while (line := process.stdout.readline()) != ".\n":
            assert line, "the driver ended"
            lines.append(line)
        return "".join(lines)

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        return self._process


@dataclass(frozen=True, slots=True)
class Java:
    """The built modules in a folder; their programs are run by class name."""

    classpath: str
    folder: Path
    driver: JavaDriver

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line of a program."""
        return _command(self.classpath, self.folder, program, *arguments)

    def run(self, program: str, *arguments: str, timeout_s: float = 90) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        command = self.command(program, *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)

    def start(self, program: str, *arguments: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program, its output going to ``log``."""
        return subprocess.Popen(self.command(program, *arguments), stdout=log, stderr=log)


def build(folder: Path, *sources: Path) -> Java:
    """Build the modules in ``folder``, without a warning, and further source files against them; once."""
    done = folder / "tests" / "classpath"
    if not done.exists():
        command = [str(CLIENT / "build.sh"), str(folder), "--javadoc", "--test"]
        built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert (built.returncode, built.stdout + built.stderr) == (0, "")
        done.write_text(compile_sources(folder / "tests", (folder / "classpath").read_text().strip(), *sources))
    classpath = done.read_text()
    return Java(classpath, folder, JavaDriver(_command(classpath, folder, "ReadRows")))


def _command(classpath: str, folder: Path, program: str, *arguments: str) -> list[str]:
    return [*JVM, f"-Djava.library.path={folder / 'native'}", "-cp", classpath, program, *arguments]


def compile_sources(folder: Path, classpath: str, *sources: Path) -> str:
    """Compile source files into ``folder`` and return the class path with them.

    Raises:
        AssertionError: If they do not compile, with what the compiler says.
    """
    javac = shutil.which("javac")
    assert javac is not None
    options = ["-Werror", "-J-XX:TieredStopAtLevel=1", "--release", "17", "-d", str(folder), "-cp", classpath]
    done = subprocess.run([javac, *options, *map(str, sources)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return f"{classpath}:{folder}"
