"""What a model's name says: the one place where it is read."""

from __future__ import annotations

import pytest

from pc_worker.model import ModelName, read_model_name
from pc_worker.urls import Engine


@pytest.mark.parametrize("value", ["", " ", "builtin", "all-MiniLM-L6-v2"])
def test_the_built_in_model_has_several_names(value: str) -> None:
    assert read_model_name(value).kind == "built-in"


def test_one_word_names_the_multilingual_model() -> None:
    assert read_model_name("multilingual") == ModelName(kind="multilingual", name="multilingual")


@pytest.mark.parametrize("value", ["./models/e5", "/srv/m@v2", "BAAI/bge-m3", "org/openai:no", "C"])
def test_everything_else_is_a_folder_or_a_name(value: str) -> None:
    assert read_model_name(value) == ModelName(kind="local", name=value)


def test_a_servers_model_has_an_engine() -> None:
    found = read_model_name("openai:@cf/baai/bge-m3@https://api.example/v1")

    assert (found.kind, found.name) == ("openai", "@cf/baai/bge-m3")
    assert found.engine == Engine(name="@cf/baai/bge-m3", base_url="https://api.example/v1")


@pytest.mark.parametrize("value", ["openai:", "openai:@", "openai:m@host:8080", "openai:m@ftp://h/v1", "openai:a b"])
def test_a_servers_model_without_a_name_or_with_another_url_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="has "):
        read_model_name(value)
