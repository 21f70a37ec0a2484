"""What a Java engineer gets can be built, and its README is correct."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.support.java import CLIENT, Java, compile_sources

pytestmark = pytest.mark.java

SETTINGS = ("GatewaySettings", "SubscriptionSettings", "StreamSettings")


def test_the_readmes_example_compiles(java: Java, tmp_path: Path) -> None:
    blocks = re.findall(r"```java\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    (tmp_path / "Example.java").write_text(blocks[0])

    compile_sources(tmp_path / "classes", java.classpath, tmp_path / "Example.java")

    assert (tmp_path / "classes" / "Example.class").exists()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_readme(name: str) -> None:
    source = (CLIENT / f"src/main/java/com/alpha/pcworker/client/{name}.java").read_text()
    options = re.findall(rf"public {name} (\w+)\(", source)

    assert options
    assert [option for option in options if option not in (CLIENT / "README.md").read_text()] == []


def test_maven_generates_from_the_only_copy_of_the_wire() -> None:
    pom = ET.parse(CLIENT / "pom.xml")
    root = pom.find(".//{*}protoSourceRoot")
    assert root is not None
    assert root.text is not None

    folder = Path(root.text.replace("${project.basedir}", str(CLIENT)))

    assert [file.name for file in folder.glob("*.proto")] == ["embedding_stream.proto"]


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
    imports = "import com.alpha.pcworker.client.*;\nimport java.util.Optional;\n"
    sources = {"RowItemReader": imports + adapter}
    sources |= {name: f"package {name.rpartition('/')[0].replace('/', '.')};\n{text}" for name, text in SPRING.items()}
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.java").write_text(text)

    compile_sources(tmp_path / "classes", java.classpath, *(tmp_path / f"{name}.java" for name in sources))

    assert "afterCommit() { reader.committed(); }" in adapter
