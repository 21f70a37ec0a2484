"""What a Java engineer gets can be built, and its README is correct."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.java import CLIENT, Java, compile_sources

pytestmark = pytest.mark.java

SOURCES = CLIENT / "pc-worker-client" / "src" / "main" / "java" / "com" / "alpha" / "pcworker" / "client"
SETTINGS = ("GatewaySettings", "SubscriptionSettings", "StreamSettings")


def test_the_readmes_example_compiles(java: Java, tmp_path: Path) -> None:
    blocks = re.findall(r"```java\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    (tmp_path / "Example.java").write_text(blocks[0])

    compile_sources(tmp_path / "classes", java.classpath, tmp_path / "Example.java")

    assert (tmp_path / "classes" / "Example.class").exists()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_readme(name: str) -> None:
    source = (SOURCES / f"{name}.java").read_text()
    options = re.findall(rf"public {name} (\w+)\(", source)

    assert options
    assert [option for option in options if option not in (CLIENT / "README.md").read_text()] == []


#: As much of Spring as the adapter names.
SPRING = {
    "org/springframework/batch/infrastructure/item/ExecutionContext": """public class ExecutionContext {
        public boolean containsKey(String key) { return false; }
        public String getString(String key) { return ""; }
        public void putString(String key, String value) {}
    }""",
    "org/springframework/batch/infrastructure/item/ItemStreamReader": """public interface ItemStreamReader<T> {
        T read() throws Exception;
        void open(ExecutionContext context);
        void update(ExecutionContext context);
        void close();
    }""",
    "org/springframework/transaction/support/TransactionSynchronization": """
    public interface TransactionSynchronization {
        default void afterCommit() {}
    }""",
    "org/springframework/transaction/support/TransactionSynchronizationManager": """
    public abstract class TransactionSynchronizationManager {
        public static boolean isSynchronizationActive() { return true; }
        public static void registerSynchronization(TransactionSynchronization synchronization) {}
    }""",
}


def test_the_readmes_adapter_compiles_and_acknowledges_after_the_commit(java: Java, tmp_path: Path) -> None:
    adapter = re.findall(r"```java-spring\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)[0]
    sources = {"RowItemReader": adapter}
    sources |= {name: f"package {name.rpartition('/')[0].replace('/', '.')};\n{text}" for name, text in SPRING.items()}
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.java").write_text(text)

    compile_sources(tmp_path / "classes", java.classpath, *(tmp_path / f"{name}.java" for name in sources))

    assert "afterCommit() { reader.committed(); }" in adapter


@pytest.mark.parametrize("module", ["client", "sample"])
def test_jars_with_module_name_licence_sources_and_documentation_are_built(java: Java, module: str) -> None:
    names = {}
    for kind in ("", "-sources", "-javadoc"):
        with zipfile.ZipFile(java.folder / f"pc-worker-{module}{kind}.jar") as jar:
            names[kind] = set(jar.namelist())
            if not kind:
                manifest = jar.read("META-INF/MANIFEST.MF").decode()

    program = f"com/alpha/pcworker/{module}/" + {"client": "Gateway", "sample": "PostgresSink"}[module]
    assert f"Automatic-Module-Name: com.alpha.pcworker.{module}" in manifest
    assert {"META-INF/LICENSE", f"{program}.class"} <= names[""]
    assert f"{program}.java" in names["-sources"]
    assert f"{program}.html" in names["-javadoc"]
    assert [name for name in names[""] if "pcworker" in name and f"pcworker/{module}/" not in f"{name}/"] == [
        "com/alpha/pcworker/"
    ]


def test_a_build_without_the_tools_names_the_script_that_installs_them(tmp_path: Path) -> None:
    for name in ("dirname", "sh"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    command = ["sh", str(CLIENT / "build.sh"), str(tmp_path / "out")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)

    assert done.returncode == 69
    assert "scripts/java_packages.sh" in done.stderr
