"""Install requirement files into the environment whose Python runs this: with uv, or else with pip.

uv installs the light requirements in a sixth of pip's time. It reads nothing of pip's configuration, which names the
mirrors, certificates and constraints of many companies, so the configuration is translated. Where uv cannot be had, has
no such setting or does not succeed, pip does the work and reports the errors.

Run as ``python scripts/install.py [--no-deps] FILE…``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

UV = "uv==0.13.9"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
#: What the settings of pip that matter here are called in uv's environment.
TRANSLATED = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "constraint": "UV_CONSTRAINT",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
}
#: Settings that have no meaning for uv.
IGNORED = {
    *("disable-pip-version-check", "no-input", "quiet", "verbose", "progress-bar", "no-cache-dir", "cache-dir"),
    *("no-color", "retries", "root-user-action", "break-system-packages", "require-virtualenv", "no-compile"),
}
#: Separators of lists, where uv's is not a space.
SEPARATORS = {"find-links": ","}


def main(arguments: Sequence[str]) -> int:
    """Install the files and return pip's exit code, or 0."""
    options = [word for word in arguments if word.startswith("-")]
    names = [word for word in arguments if word not in options]
    if not any(_requirements(Path(name)) for name in names):
        return 0
    files = [word for name in names for word in ("-r", name)]
    if _with_uv([*options, *files]):
        return 0
    # Without bytecode, which pip would compile on one core; the caller compiles it on all.
    return subprocess.run([*PIP, "install", "-qq", "--no-compile", *options, *files], check=False).returncode


def _requirements(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _with_uv(arguments: Sequence[str]) -> bool:
    """Install with uv, which is fetched for this alone: it would be 60 MB of the environment."""
    translated = uv_environment(pip_settings())
    if translated is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        fetched = [*PIP, "install", "--only-binary", ":all:", "--no-deps", "--target", folder, UV]
        command = [f"{folder}/bin/uv", "pip", "install", "--quiet", "--python", sys.executable, *arguments]
        return _succeeds(fetched) and _succeeds(command, {**os.environ, **translated})


def _succeeds(command: Sequence[str], environment: Mapping[str, str] | None = None) -> bool:
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def pip_settings() -> dict[str, str]:
    """Return pip's settings by name, from its files and its environment variables; the latter win."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        found[key.partition(".")[2]] = value.strip("'\"")
    return found


def uv_environment(settings: Mapping[str, str]) -> dict[str, str] | None:
    """Return uv's environment variables for these settings of pip, or None if one has no translation."""
    if settings.keys() - TRANSLATED.keys() - IGNORED:
        return None
    # Like pip, take the best version of all indexes.
    translated = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_NO_CONFIG": "1"}
    for name, value in settings.items():
        if name in TRANSLATED:
            translated[TRANSLATED[name]] = SEPARATORS.get(name, " ").join(value.split())
    return translated


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
