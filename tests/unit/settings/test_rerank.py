"""The settings of the reranker: what is accepted, and the sentence for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.settings import read_settings
from pc_worker.urls.reranker import read_rerank_server


@pytest.mark.parametrize(
    ("written", "shape", "name", "url"),
    [
        ("cohere:rerank-v3.5@https://api.cohere.com/v2", "cohere", "rerank-v3.5", "https://api.cohere.com/v2/rerank"),
        ("cohere:BAAI/bge@http://127.0.0.1:8000/v1/rerank", "cohere", "BAAI/bge", "http://127.0.0.1:8000/v1/rerank"),
        ("tei:bge@http://localhost:8080/", "tei", "bge", "http://localhost:8080/rerank"),
    ],
)
def test_a_server_has_a_shape_a_name_and_a_url(written: str, shape: str, name: str, url: str) -> None:
    server = read_rerank_server(written)

    assert server is not None
    assert (server.shape, server.name, server.url) == (shape, name, url)


@pytest.mark.parametrize(
    "value",
    [
        "cohere:rerank",
        "jina:rerank@https://x.example",
        "cohere:@https://x.example",
        "cohere:a@ftp://x.example",
        "cohere:a@https://user:secret@x.example",
        "cohere:a@https://x.example/?key=secret",
        "tei:a@http://ranker.example",
        "/no/such/folder",
        ".",
    ],
)
def test_a_wrong_value_is_one_sentence_that_does_not_repeat_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PC_WORKER_RERANKER", value)

    with pytest.raises(InvalidRequest, match="PC_WORKER_RERANKER") as refused:
        read_settings()

    assert "secret" not in str(refused.value)


def test_a_folder_a_key_from_a_file_and_a_plain_network_if_insecure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "key").write_text("sk-1\n")
    monkeypatch.setenv("PC_WORKER_RERANKER", str(tmp_path))
    monkeypatch.setenv("PC_WORKER_RERANKER_KEY_FILE", str(tmp_path / "key"))

    settings = read_settings()
    assert settings.reranker_key is not None
    assert (settings.reranker, settings.reranker_key.get_secret_value()) == (str(tmp_path), "sk-1")

    monkeypatch.setenv("PC_WORKER_RERANKER", "tei:a@http://ranker.example")
    monkeypatch.setenv("PC_WORKER_INSECURE", "1")
    assert read_settings().reranker == "tei:a@http://ranker.example"
