"""The Java modules: their descriptions for Maven are well formed and agree with each other and with `build.sh`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pc_worker.settings import PROJECT

JAVA = PROJECT / "clients" / "java"
PARENT = ET.parse(JAVA / "pom.xml").getroot()
MODULES = [str(module.text) for module in PARENT.findall("{*}modules/{*}module")]
POMS = {module: ET.parse(JAVA / module / "pom.xml").getroot() for module in MODULES}
ALL = [PARENT, *POMS.values()]


def _text(element: ET.Element, path: str) -> str:
    found = element.findtext("/".join(f"{{*}}{name}" for name in path.split("/")))
    assert found is not None, path
    return found


def _names(pom: ET.Element, path: str) -> set[str]:
    return {f"{_text(found, 'groupId')}:{_text(found, 'artifactId')}" for found in pom.findall(path)}


def test_every_folder_with_a_pom_is_a_module_that_build_sh_builds_too() -> None:
    built = re.search(r'^modules="(.*)"$', (JAVA / "build.sh").read_text(), re.MULTILINE)
    assert built is not None

    assert built[1].split() == MODULES
    assert sorted(MODULES) == sorted(path.parent.name for path in JAVA.glob("*/pom.xml"))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_folders_name_its_parents_version_and_a_module_name(module: str) -> None:
    pom = POMS[module]
    package = "com.alpha.pcworker." + module.removeprefix("pc-worker-")

    assert _text(pom, "artifactId") == module
    assert [_text(pom, f"parent/{name}") for name in ("groupId", "artifactId", "version")] == [
        _text(PARENT, name) for name in ("groupId", "artifactId", "version")
    ]
    assert pom.find("{*}version") is None
    assert _text(pom, "properties/module.name") == package
    assert (JAVA / module / "src" / "main" / "java" / Path(*package.split("."))).is_dir()


def test_a_central_repository_would_take_them() -> None:
    for name in ("name", "description", "url", "licenses/license/url", "developers/developer/name", "scm/url"):
        assert _text(PARENT, name)
    assert all(_text(pom, "description") and _text(pom, "name") for pom in ALL)


def test_versions_of_grpc_protobuf_and_junit_come_from_their_lists_alone() -> None:
    managed = PARENT.findall("{*}dependencyManagement/{*}dependencies/{*}dependency")
    lists = {_text(found, "groupId") for found in managed if found.findtext("{*}scope") == "import"}
    assert lists == {"io.grpc", "com.google.protobuf", "org.junit"}

    for pom in ALL:
        for found in pom.findall("{*}dependencies/{*}dependency"):
            group = _text(found, "groupId")
            is_listed = group.startswith(tuple(lists)) or group == "com.alpha.pcworker"
            assert (found.find("{*}version") is None) == is_listed, _text(found, "artifactId")


def test_every_plugin_and_extension_has_a_version() -> None:
    for pom in ALL:
        for found in pom.iterfind(".//{*}build//*"):
            if found.tag.endswith(("}plugin", "}extension")):
                assert _text(found, "version"), _text(found, "artifactId")


def test_every_property_that_is_used_is_defined() -> None:
    for module, pom in POMS.items():
        files = [(JAVA / "pom.xml").read_text(), (JAVA / module / "pom.xml").read_text()]
        used = {name for text in files for name in re.findall(r"\$\{([\w.]+)\}", text)}
        defined = {
            element.tag.partition("}")[2] for root in (PARENT, pom) for element in root.findall("{*}properties/*")
        }
        assert used - defined - {"project.basedir", "project.version", "os.detected.classifier"} == set()


def test_only_the_sample_needs_a_database_driver() -> None:
    assert "org.postgresql:postgresql" in _names(POMS["pc-worker-sample"], "{*}dependencies/{*}dependency")
    assert "org.postgresql:postgresql" not in _names(POMS["pc-worker-client"], "{*}dependencies/{*}dependency")


def test_maven_generates_from_the_only_copy_of_the_wire() -> None:
    root = POMS["pc-worker-client"].findtext(".//{*}protoSourceRoot")
    assert root is not None

    folder = Path(root.replace("${project.basedir}", str(JAVA / "pc-worker-client")))

    assert [file.name for file in folder.glob("*.proto")] == ["embedding_stream.proto"]


def test_the_licence_that_goes_into_the_jars_exists() -> None:
    folder = Path(
        _text(PARENT, "build/resources/resource/directory").replace("${project.basedir}", str(JAVA / MODULES[0]))
    )

    assert (folder / _text(PARENT, "build/resources/resource/includes/include")).is_file()
