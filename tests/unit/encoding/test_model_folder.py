"""What a model's folder says about it, and which model it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pc_worker.encoding import ModelIdentity, identify_model
from pc_worker.encoding.models.finding import find_model
from pc_worker.errors import ModelUnavailable
from tests.unit.encoding.models import write_model

LIBRARY = "sentence_transformers."


def test_the_built_in_model_is_known_under_several_names() -> None:
    identities = {identify_model(model) for model in ("", "builtin", "all-MiniLM-L6-v2")}

    assert identities == {
        ModelIdentity(name="all-MiniLM-L6-v2", revision="701090668fa9a3c6", dimension=384, normalised=True)
    }


def test_the_built_in_models_window_is_256_tokens() -> None:
    assert find_model("").max_tokens == 256


def test_window_prompts_and_dimension_are_read(tmp_path: Path) -> None:
    prompts = {"query": "query: ", "document": "passage: "}
    folder = find_model(str(write_model(tmp_path, prompts=prompts, window=77, lower_case=True, dense=(5, 3))))

    assert (folder.max_tokens, folder.dimension, folder.lower_case) == (77, 3, True)
    assert (folder.query_prompt, folder.document_prompt) == ("query: ", "passage: ")


@pytest.mark.parametrize("prompts", [{"document": "", "passage": "p: "}, {"passage": "p: "}, {"document": None}])
def test_documents_have_no_other_prompt_than_their_own(tmp_path: Path, prompts: dict[str, str]) -> None:
    assert find_model(str(write_model(tmp_path, prompts=prompts))).document_prompt == ""


@pytest.mark.parametrize(("truncate", "dimension"), [(5, 5), (100, 8), (None, 8)])
def test_a_model_that_cuts_its_vectors_has_the_shorter_dimension(
    tmp_path: Path, truncate: int | None, dimension: int
) -> None:
    assert identify_model(str(write_model(tmp_path, truncate=truncate))).dimension == dimension


def test_a_prompt_that_is_not_pooled_is_known(tmp_path: Path) -> None:
    assert not find_model(str(write_model(tmp_path, prompt_counts=False))).prompt_counts


def test_a_transformer_in_a_folder_of_its_own_is_read_there(tmp_path: Path) -> None:
    write_model(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "0_Transformer").mkdir()
    for name in ("config.json", "sentence_bert_config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).rename(tmp_path / "0_Transformer" / name)

    folder = find_model(str(tmp_path))

    assert (folder.max_tokens, folder.tokens) == (32, tmp_path / "0_Transformer")
    assert tmp_path / "0_Transformer/model.safetensors" in folder.shaping_files


def test_a_router_has_the_dimension_of_its_documents(tmp_path: Path) -> None:
    write_model(tmp_path / "documents", dense=(6,))
    types = {"documents": f"{LIBRARY}Transformer", "2_Dense": f"{LIBRARY}Dense"}
    (tmp_path / "documents/2_Dense").rename(tmp_path / "2_Dense")
    structure = {"query": ["2_Dense"], "document": ["documents", "2_Dense"]}
    (tmp_path / "router_config.json").write_text(json.dumps({"types": types, "structure": structure}))
    (tmp_path / "modules.json").write_text(json.dumps([{"path": "", "type": f"{LIBRARY}base.modules.Router"}]))

    folder = find_model(str(tmp_path))

    assert (folder.dimension, folder.tokens) == (6, tmp_path / "documents")
    assert {path.parent.name for path in folder.shaping_files} >= {"documents", "2_Dense"}


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


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "tokenizer.json",
        "1_Pooling/config.json",
        "2_Dense/model.safetensors",
        "3_Dense/model.safetensors",
        "2_Dense/config.json",
        "3_Dense/config.json",
        "config_sentence_transformers.json",
    ],
)
def test_a_change_in_any_shaping_file_is_another_revision(tmp_path: Path, name: str) -> None:
    write_model(tmp_path, dense=(8, 8))
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


def test_a_model_that_makes_no_vectors_of_texts_is_refused(tmp_path: Path) -> None:
    modules = [{"path": "", "type": f"{LIBRARY}models.Normalize"}]
    (write_model(tmp_path) / "modules.json").write_text(json.dumps(modules))

    with pytest.raises(ModelUnavailable, match="is made of Normalize"):
        identify_model(str(tmp_path))


@pytest.mark.parametrize("kind", ["custom_st.Transformer", "org/repo--custom_st.Pooling"])
def test_a_model_that_brings_code_is_refused(tmp_path: Path, kind: str) -> None:
    (write_model(tmp_path) / "modules.json").write_text(json.dumps([{"path": "", "type": kind}]))

    with pytest.raises(ModelUnavailable, match=f"{kind}, which is code of the model"):
        identify_model(str(tmp_path))


@pytest.mark.parametrize("path", ["../elsewhere", "/etc", "1_Pooling/../../x"])
def test_a_module_outside_the_models_folder_is_not_read(tmp_path: Path, path: str) -> None:
    modules = [{"path": path, "type": f"{LIBRARY}models.Dense"}]
    (write_model(tmp_path) / "modules.json").write_text(json.dumps(modules))

    with pytest.raises(ModelUnavailable, match="outside its folder"):
        identify_model(str(tmp_path))


def test_a_model_on_a_server_has_no_folder() -> None:
    with pytest.raises(ModelUnavailable, match="is on a server"):
        identify_model("openai:text-embedding-3-small")


@pytest.mark.parametrize(
    ("config", "tokenizer", "window"),
    [
        ({"max_position_embeddings": 512}, {}, 512),
        ({"max_position_embeddings": 514, "pad_token_id": 1, "model_type": "xlm-roberta"}, {}, 512),
        ({"max_position_embeddings": 512}, {"model_max_length": 128}, 128),
        ({"max_position_embeddings": 512}, {"model_max_length": 10**30}, 512),
        ({"text_config": {"max_position_embeddings": 77}}, {}, 77),
        ({"max_position_embeddings": -1}, {"model_max_length": 64}, 64),
    ],
    ids=["places", "places after padding", "tokenizer", "tokenizer without limit", "text of several", "no places"],
)
def test_a_window_that_no_file_names_follows_from_the_model(
    tmp_path: Path, config: dict[str, object], tokenizer: dict[str, object], window: int
) -> None:
    path = write_model(tmp_path, window=77)
    for file in path.rglob("sentence_*_config.json"):
        file.write_text("{}")
    (path / "config.json").write_text(json.dumps(json.loads((path / "config.json").read_text()) | config))
    (path / "tokenizer_config.json").write_text(json.dumps(tokenizer))

    assert find_model(str(path)).max_tokens == window
