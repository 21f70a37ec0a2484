"""``models pull`` against a strict replacement of the hub that misbehaves: the model is there whole, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pc_worker.cli.commands.models import pulled_here
from pc_worker.encoding import identify_model
from pc_worker.encoding.models.finding import find_model, other_revisions
from pc_worker.encoding.models.identity import identify_folder
from pc_worker.encoding.models.pulled import pulled_models
from pc_worker.encoding.models.pulling import pull_model
from pc_worker.errors import InvalidRequest, ModelUnavailable, NotFound, PcWorkerError, Unavailable
from pc_worker.retry import RetryPolicy
from pc_worker.services.dependencies import Services
from tests.support.hub import TOKEN, Hub, Repository, files_of, serving_hub
from tests.support.stack import environment, run_command
from tests.unit.encoding.models import write_model

NAME = "some-org/small-model"
QUICK = RetryPolicy(attempts=3, first_s=0.01, longest_s=0.02)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for variable in ("HF_TOKEN", "HF_HUB_OFFLINE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serving_hub() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        yield found
        assert found.wrong == []


@pytest.fixture
def repository(hub: Hub, tmp_path: Path) -> Repository:
    """Return a model on the hub, with much next to it that must not be downloaded."""
    files = files_of(write_model(tmp_path / "original", dense=(8, 6)))
    more = {
        "README.md": b"# a model",
        "pytorch_model.bin": b"pickle",
        "onnx/model.onnx": b"graph",
        "onnx/config.json": b"{}",
        "checkpoint-500/model.safetensors": b"other weights",
        "modeling_custom.py": b"raise SystemExit",
        "../../outside.json": b"{}",
        "/etc/config.json": b"{}",
    }
    hub.repositories[NAME] = Repository()
    hub.repositories[NAME].add({**files, **more})
    return hub.repositories[NAME]


def pull(cache: Path, revision: str | None = None) -> None:
    pull_model(NAME, cache=cache, revision=revision, retries=QUICK)


def is_nowhere(cache: Path) -> bool:
    try:
        find_model(NAME, cache=cache)
    except ModelUnavailable:
        return pulled_models(cache) == []
    return False


def test_a_pulled_model_is_found_by_its_name_and_equals_the_original(
    hub: Hub, repository: Repository, tmp_path: Path
) -> None:
    arrived: list[int] = []

    pulled = pull_model(NAME, cache=tmp_path / "models", advance=arrived.append)

    original = identify_model(str(tmp_path / "original"))
    found = identify_model(NAME, cache=tmp_path / "models")
    assert (found.name, found.revision, found.dimension) == (NAME, original.revision, 6)
    assert pulled.commit == next(iter(repository.commits))
    assert [model.name for model in pulled_models(tmp_path / "models")] == [NAME]
    names = {str(path.relative_to(pulled.path)) for path in pulled.path.rglob("*") if path.is_file()}
    assert names == {*files_of(tmp_path / "original"), "pulled.json"}
    assert sum(arrived) == sum(len(content) for content in files_of(tmp_path / "original").values())


def test_a_second_pull_downloads_nothing(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    pull(tmp_path / "models")
    hub.seen.clear()

    pull(tmp_path / "models")

    assert list(hub.seen) == [f"GET /api/models/{NAME}"]


@pytest.mark.parametrize(
    ("where", "faults"),
    [
        ("GET /api/", ["500"]),
        ("GET /api/", ["slow down"]),
        ("GET /api/", ["503", "502"]),
        ("GET /some-org", ["500"]),
        ("GET /some-org", ["garbled"]),
        ("/tokenizer.json", ["cut"]),
        ("GET /", ["slow down"]),
    ],
)
def test_a_fault_that_passes_is_overcome(
    hub: Hub, repository: Repository, tmp_path: Path, where: str, faults: list[str]
) -> None:
    hub.faults[where] = faults

    pull(tmp_path / "models")

    assert faults == []
    found = identify_model(NAME, cache=tmp_path / "models")
    assert found.revision == identify_model(str(tmp_path / "original")).revision


def test_a_large_file_that_is_cut_off_is_continued(hub: Hub, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "original")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 90_000)
    hub.repositories[NAME] = Repository()
    hub.repositories[NAME].add(files_of(folder))
    hub.faults[f"GET /{_digest(folder / 'model.safetensors')}"] = ["cut"]

    pull(tmp_path / "models")

    assert hub.ranges == ["bytes=10485760-"]
    assert not is_nowhere(tmp_path / "models")


@pytest.mark.parametrize(
    ("where", "fault", "words"),
    [
        ("GET /api/", "500", "answers with 500"),
        ("GET /api/", "garbled", "was not downloaded"),
        ("GET /some-org", "502", "answers with 502"),
        ("GET /some-org", "garbled", "arrived with another content"),
        ("GET /some-org", "longer", "Consistency check failed"),
    ],
)
def test_a_fault_that_stays_leaves_nothing(
    hub: Hub, repository: Repository, tmp_path: Path, where: str, fault: str, words: str
) -> None:
    hub.faults[where] = [fault] * 100

    with pytest.raises(Unavailable, match=words):
        pull(tmp_path / "models")

    assert is_nowhere(tmp_path / "models")


def test_after_a_fault_the_complete_files_are_not_downloaded_again(
    hub: Hub, repository: Repository, tmp_path: Path
) -> None:
    weights = _digest(tmp_path / "original/model.safetensors")
    hub.faults[f"GET /{weights}"] = ["500"] * 100
    with pytest.raises(Unavailable):
        pull(tmp_path / "models")
    assert is_nowhere(tmp_path / "models")
    hub.faults.clear()
    hub.seen.clear()

    pull(tmp_path / "models")

    fetched = [path for path in hub.seen if path.startswith("GET /") and "/resolve/" in path]
    assert fetched == []
    assert not is_nowhere(tmp_path / "models")


def test_a_revision_is_pinned_and_the_one_before_stays(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    first = next(iter(repository.commits))
    pull(tmp_path / "models")
    before = identify_model(NAME, cache=tmp_path / "models")
    files = {**repository.commits[first], "model.safetensors": b"newer weights"}
    second = repository.add(files)

    pull(tmp_path / "models")
    after = identify_model(NAME, cache=tmp_path / "models")
    others = [
        identify_folder(folder, backend="auto", cache=None)
        for folder in other_revisions(NAME, cache=tmp_path / "models")
    ]
    pull(tmp_path / "models", revision=first)

    assert after.revision != before.revision
    assert others == [before]
    assert identify_model(NAME, cache=tmp_path / "models") == before
    assert [model.commit for model in pulled_models(tmp_path / "models")] == [first]
    assert second != first


@pytest.mark.parametrize(
    ("name", "revision", "error", "words"),
    [
        ("some-org/none", None, NotFound, "has no model some-org/none"),
        (NAME, "v9", NotFound, "has no revision 'v9'"),
        ("not a name", None, InvalidRequest, "ORGANISATION/NAME"),
        ("a/b/c", None, InvalidRequest, "ORGANISATION/NAME"),
        ("../x", None, InvalidRequest, "ORGANISATION/NAME"),
        ("builtin", None, InvalidRequest, "is not downloaded"),
        ("multilingual", None, InvalidRequest, "is not downloaded"),
        ("openai:x", None, InvalidRequest, "is not downloaded"),
    ],
)
def test_what_is_not_there_is_named(
    hub: Hub,
    repository: Repository,
    tmp_path: Path,
    name: str,
    revision: str | None,
    error: type[PcWorkerError],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        pull_model(name, cache=tmp_path / "models", revision=revision, retries=QUICK)


def test_a_gated_model_needs_a_token(
    hub: Hub, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.gated = True
    with pytest.raises(ModelUnavailable, match=r"is gated: accept its conditions at http.*set HF_TOKEN"):
        pull(tmp_path / "models")
    assert is_nowhere(tmp_path / "models")

    monkeypatch.setenv("HF_TOKEN", TOKEN)
    pull(tmp_path / "models")

    assert not is_nowhere(tmp_path / "models")


def test_a_private_model_needs_a_token_which_no_message_has(
    hub: Hub, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.private = True
    monkeypatch.setenv("HF_TOKEN", "hf_another")

    with pytest.raises(NotFound, match="if it is private, set HF_TOKEN") as error:
        pull(tmp_path / "models")

    assert "hf_another" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model.safetensors": None, "pytorch_model.bin": b"p"}, "pytorch_model.bin and no safetensors"),
        ({"3_Dense/model.safetensors": None, "3_Dense/pytorch_model.bin": b"p"}, "3_Dense/pytorch_model.bin"),
        ({"model.safetensors": None, "pytorch_model.bin": None}, "has no weights and no safetensors"),
        ({"modules.json": b'[{"path": "", "type": "custom_st.Transformer"}]'}, "custom_st.Transformer, which is code"),
        ({"config.json": b'{"auto_map": {"AutoModel": "m.Model"}}'}, "architecture that is code of the model"),
        ({"modules.json": None, "config.json": None}, "neither modules.json nor config.json"),
        ({"modules.json": b"{broken"}, r"modules\.json cannot be read"),
    ],
)
def test_a_model_that_could_execute_code_or_is_none_is_refused_before_its_weights(
    hub: Hub, repository: Repository, tmp_path: Path, change: dict[str, bytes | None], words: str
) -> None:
    files = next(iter(repository.commits.values())) | change
    repository.add({name: content for name, content in files.items() if content is not None})

    with pytest.raises(ModelUnavailable, match=words):
        pull(tmp_path / "models")

    assert is_nowhere(tmp_path / "models")
    assert not [path for path in hub.seen if path.endswith(".safetensors")]


def test_the_command_says_where_the_model_is(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    env = {**environment(tmp_path / "home"), "HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1,localhost"}

    done = run_command("models", "pull", NAME, env=env)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{NAME} at {next(iter(repository.commits))} is in {tmp_path}/home/models/pulled/")


def test_a_pulled_model_is_in_the_list_of_models(
    hub: Hub, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PC_WORKER_HOME", str(tmp_path / "home"))
    pull(tmp_path / "home/models")
    services = cast("Services", SimpleNamespace(identify=partial(identify_model, cache=tmp_path / "home/models")))

    (listed,) = pulled_here(services)

    assert listed == {"model": f"{NAME}@{services.identify(NAME).revision}", "dimension": 6, "domains": []}


def test_without_a_network_the_command_ends_with_one_line(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")

    offline = run_command("models", "pull", NAME, env={**env, "HF_HUB_OFFLINE": "1"})
    unreachable = run_command("models", "pull", NAME, env={**env, "HF_ENDPOINT": "http://127.0.0.1:9", "NO_PROXY": "*"})

    assert (offline.code, unreachable.code) == (69, 69)
    assert offline.err.startswith("error: ")
    assert "HF_HUB_OFFLINE is set" in offline.err
    assert "http://127.0.0.1:9 cannot be reached" in unreachable.err
    assert offline.err.count("\n") == unreachable.err.count("\n") == 1


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
