"""One reading of an engine over HTTP: what is ambiguous or carries a key is refused without its text."""

from __future__ import annotations

import pytest

from pc_worker.urls import WrongUrl, is_engine, read_engine

SECRET = "sk-Tr0ub4dor"
OPENAI = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("text", "name", "base_url", "dimensions"),
    [
        ("openai:text-embedding-3-small", "text-embedding-3-small", OPENAI, None),
        ("OpenAI:text-embedding-3-large?dimensions=1024", "text-embedding-3-large", OPENAI, 1024),
        ("openai:nomic-embed-text@http://127.0.0.1:11434/v1", "nomic-embed-text", "http://127.0.0.1:11434/v1", None),
        ("openai:nomic:latest@http://LocalHost:1/v1/", "nomic:latest", "http://localhost:1/v1", None),
        ("openai:BAAI/bge-m3@https://tei.example", "BAAI/bge-m3", "https://tei.example", None),
        ("openai:@cf/baai/bge-m3@https://h/v1", "@cf/baai/bge-m3", "https://h/v1", None),
        ("openai:gecko@003", "gecko@003", OPENAI, None),
        ("openai:gecko@003?dimensions=8@HTTPS://[::1]:8/a", "gecko@003", "https://[::1]:8/a", 8),
        ("openai:org/name:Q4_K_M@v1.5", "org/name:Q4_K_M@v1.5", OPENAI, None),
        ("openai:임베딩@https://서버/v1", "임베딩", "https://%EC%84%9C%EB%B2%84/v1", None),
    ],
)
def test_an_engine_is_read_and_written_again(text: str, name: str, base_url: str, dimensions: int | None) -> None:
    engine = read_engine(text)

    assert (engine.name, engine.base_url, engine.dimensions) == (name, base_url, dimensions)
    assert is_engine(text)
    assert read_engine(engine.written) == engine


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"mistral:{SECRET}",
        "openai:@",
        "openai:",
        "openai:@https://h/v1",
        f"openai:m@https://u:{SECRET}@h/v1",
        f"openai:m@https://{SECRET}@h/v1",
        f"openai:m@https://h/v1?api_key={SECRET}",
        f"openai:m@https://h/v1#{SECRET}",
        f"openai:m@https:///v1{SECRET}",
        f"openai:m@https://a,b/{SECRET}",
        f"openai:m@https://h:0/{SECRET}",
        f"openai:m@https://h:99999/{SECRET}",
        f"openai:m@https://[nowhere]/{SECRET}",
        f"openai:m@https://h/{SECRET} x",
        f"openai:m {SECRET}",
        f"openai:{SECRET}\n",
        "openai:m@localhost:11434/v1",
        "openai:m@localhost",
        "openai:m@10.0.0.5",
        "openai:m@tei.internal/v1",
        "openai:m@ftp://h/v1",
        "openai:m?dimensions=0",
        "openai:m?dimensions=16001",
        "openai:m?dimension=8",
        f"openai:m?{SECRET}",
        f"openai:{'m' * 201}",
    ],
)
def test_what_is_no_engine_is_refused_without_its_text(text: str) -> None:
    if text.endswith("\n"):
        text = text[:-1] + "\t" + text[-2:]
    with pytest.raises(WrongUrl) as refused:
        read_engine(text)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", ["", "builtin", "all-MiniLM-L6-v2", "/models/openai:x", "BAAI/bge-m3", "openai"])
def test_other_models_are_no_engines(text: str) -> None:
    assert not is_engine(text)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://127.0.0.1:1", False),
        ("http://127.8.8.8", False),
        ("http://[::1]:1/v1", False),
        ("http://localhost/v1", False),
        ("https://tei/v1", False),
        ("http://tei/v1", True),
        ("http://10.0.0.1/v1", True),
        ("http://localhost.example/v1", True),
        ("http://127.0.0.1.example/v1", True),
    ],
)
def test_plain_http_beyond_this_machine_is_told_apart(url: str, plain: bool) -> None:
    assert read_engine(f"openai:m@{url}").is_plain is plain
