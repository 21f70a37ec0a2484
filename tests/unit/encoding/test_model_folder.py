"""What a model's folder says about it, and which model it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pc_worker.encoding import ModelIdentity, identify_model
from pc_worker.encoding.models.folder import find_model
from pc_worker.errors import ModelUnavailable
from tests.unit.encoding.models import write_model


def test_the_built_in_model_is_known_under_several_names() -> None:
    identities = {identify_model(model) for model in ("", "builtin", "all-MiniLM-L6-v2")}

    assert identities == {
        ModelIdentity(name="all-MiniLM-L6-v2", revision="701090668fa9a3c6", dimension=384, normalised=True)
    }


def test_the_built_in_models_window_is_256_tokens() -> None:
    assert find_model("").max_tokens == 256


def test_window_prompts_and_dimension_are_read(tmp_path: Path) -> None:
    prompts = {"query": "query: ", "document": "", "passage": "passage: "}
    folder = find_model(str(write_model(tmp_path, prompts=prompts, window=77, lower_case=True, dense=3)))

    assert (folder.max_tokens, folder.dimension, folder.lower_case) == (77, 3, True)
    assert (folder.query_prompt, folder.document_prompt) == ("query: ", "passage: ")


def test_several_poolings_side_by_side_make_a_longer_vector(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "1_Pooling/config.json").write_text(
        '{"word_embedding_dimension": 8, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}'
    )

    assert find_model(str(tmp_path)).dimension == 16


def test_identity_does_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    one = write_model(tmp_path / "a" / "model")
    other = Path(shutil.copytree(one, tmp_path / "b" / "model"))

    assert identify_model(str(one)) == identify_model(str(other))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json"])
def test_a_change_in_any_shaping_file_is_another_revision(tmp_path: Path, name: str) -> None:
    write_model(tmp_path)
    before = identify_model(str(tmp_path), cache=tmp_path / "cache")
    content = (tmp_path / name).read_bytes()

    (tmp_path / name).write_bytes(content + b" ")

    assert identify_model(str(tmp_path), cache=tmp_path / "cache").revision != before.revision


def test_a_remembered_revision_equals_a_fresh_one(tmp_path: Path) -> None:
    model = str(write_model(tmp_path / "model"))

    revisions = [identify_model(model, cache=cache).revision for cache in (None, tmp_path, tmp_path)]

    assert len(set(revisions)) == 1


def test_a_file_of_the_same_size_and_time_in_anothers_place_is_another_revision(tmp_path: Path) -> None:
    write_model(tmp_path)
    before = identify_model(str(tmp_path), cache=tmp_path / "cache")
    file = max(tmp_path.rglob("*.safetensors"))
    found, data = file.stat(), bytearray(file.read_bytes())

    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))

    assert identify_model(str(tmp_path), cache=tmp_path / "cache").revision != before.revision


def test_int8_vectors_have_an_identity_of_their_own(tmp_path: Path) -> None:
    model = str(write_model(tmp_path))

    exact, rounded = identify_model(model), identify_model(model, backend="onnx-int8")

    assert rounded.revision == exact.revision + "+int8"


@pytest.mark.parametrize("model", ["/nowhere/at/all", "nobody/no-such-model", "not a name"])
def test_a_model_that_is_not_here_is_named_in_one_sentence(model: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"neither a folder nor in the local Hugging Face cache") as error:
        identify_model(model)

    assert model in str(error.value)


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    (write_model(tmp_path) / "model.safetensors").unlink()

    with pytest.raises(ModelUnavailable, match=r"has no \*\.safetensors"):
        identify_model(str(tmp_path))


def test_a_folder_that_holds_something_else_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"config\.json cannot be read"):
        identify_model(str(tmp_path))


def test_a_model_without_a_transformer_is_refused_for_that(tmp_path: Path) -> None:
    modules = json.loads((write_model(tmp_path) / "modules.json").read_text())
    modules[0]["type"] = "sentence_transformers.models.StaticEmbedding"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "config.json").unlink()

    with pytest.raises(ModelUnavailable, match="is made of StaticEmbedding, Pooling"):
        identify_model(str(tmp_path))
