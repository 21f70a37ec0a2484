"""Settings are read from the environment, checked, and wrong ones are named."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.model.language_model import LanguageModel, LlmPrice
from pc_worker.settings import Settings, is_loopback, read_settings, split_address
from pc_worker.settings.secret_files import provider_key
from pc_worker.urls import read_database_url, read_redis_url


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GATEWAY_ADDRESS", "here", "is not HOST:PORT"),
        ("GATEWAY_ADDRESS", "a:1,b", "is not HOST:PORT"),
        ("FLOWER_ADDRESS", "a:99999", "is not HOST:PORT"),
        ("GATEWAY_ADDRESS", "::1:50051", "needs brackets"),
        ("GATEWAY_ADDRESS", "[::1:50051", "needs brackets"),
        ("HTTP_ADDRESS", "[localhost]:80", "needs brackets"),
        ("HTTP_ADDRESS", "unix:/run/http.sock:1", "is not HOST:PORT"),
        ("METRICS_ADDRESS", "127.0.0.1:٨٠", "is not HOST:PORT"),
        ("FLOWER_AUTH", "nobody", "is not USER:PASSWORD"),
        ("TOKEN", "열쇠", "clients can send only ASCII"),
        ("TOKEN", " key", "clients can send only ASCII"),
        ("TOKEN", "key\n", "clients can send only ASCII"),
        ("TOKEN", "k\x7fey", "clients can send only ASCII"),
        ("FLOWER_AUTH", "admin:pässword", "not ASCII"),
        ("FLOWER_ADDRESS", "127.0.0.1:5555,127.0.0.1:5556", "listens on one HOST:PORT"),
        ("METRICS_ADDRESS", "a,b:9464", "listens on one HOST:PORT"),
        ("ENCODER", "magic", "'onnx'"),
        ("MODEL", "openai:bge-m3@gpu:8080", "without http:// or https://"),
        ("QUEUE_MAX_BYTES", "-1", "greater than"),
        ("CONCURRENCY", "many", "valid integer"),
        ("DATA_ROOTS", ":", "contains no folder"),
        ("BATCH_SERVERS", "a", "is not HOST:PORT"),
        ("REDIS_URL", "redis://h", "PC_WORKER_DATA_ROOTS"),
        ("DATABASE_URL", "mysql://u:secret@h/db", "is not a URL like postgresql://"),
        ("DATABASE_URL", "postgresql://u:se#cret@h/db", "percent-encoded"),
        ("DATABASE_URL", "postgresql://u@h/db?sslmode=verify-full&sslrootcert=/no/file", "sslrootcert"),
        ("REDIS_URL", "sentinel://a", "Sentinel"),
        ("REDIS_URL", "rediss://h?ssl_ca_certs=/no/file", "ssl_ca_certs"),
        ("DATABASE_PASSWORD", "secret", "PC_WORKER_DATABASE_URL"),
        ("REDIS_USER", "u", "PC_WORKER_REDIS_URL"),
        ("TOKEN_FILE", "/no/file", "PC_WORKER_TOKEN_FILE: the file cannot be read"),
        ("TLS_CERT", "/c.pem", "PC_WORKER_TLS_KEY"),
        ("HTTP_ADDRESS", "nowhere", "is not HOST:PORT"),
        ("HTTP_CORS_ORIGINS", "*", "is not an origin"),
        ("HTTP_CORS_ORIGINS", "https://a.example.org, b.example.org", "is not an origin"),
        ("HTTP_PROXIES", "everyone", "does not appear to be an IPv4 or IPv6 network"),
        ("JWT_JWKS", "/keys.json", "must be set together"),
        ("JWT_AUDIENCE", "pc_worker", "must be set together"),
        ("TLS_CLIENT_CA", "/c.pem", "PC_WORKER_TLS_CERT"),
        ("LEASE_S", "1", "longer than a task may take, 300 s"),
        ("LEASE_S", "300", "longer than a task may take, 300 s"),
        ("JOB_RETENTION_S", "inf", "less than or equal to 10000000000"),
        ("ANSWER_RETENTION_S", "1e12", "less than or equal to 10000000000"),
        ("PURGE_S", "1e26", "less than or equal to 10000000000"),
        ("RERANKER", "é" * 3000, "is not the folder of a cross-encoder"),
        ("RATE_LIMITS", "document", "DOMAIN=ROWS_A_SECOND"),
        ("RATE_LIMITS", "document=nan", "DOMAIN=ROWS_A_SECOND"),
        ("RATE_LIMITS", "document=0", "DOMAIN=ROWS_A_SECOND"),
        ("MODEL", "openai:", "model name"),
        ("MODEL", "openai:m@https://u:secret@h/v1", "login"),
        ("MODEL", "openai:m@https://h/v1?key=:secret", "query"),
        ("MODEL", "openai:m@http://tei/v1", "PC_WORKER_INSECURE=1"),
        ("QUERY_MODELS", "recruit", "DOMAIN=MODEL"),
        ("QUERY_MODELS", "recruit=", "DOMAIN=MODEL"),
        ("QUERY_MODELS", "recruit=builtin,recruit=/m", "twice"),
        ("QUERY_MODELS", "recruit=openai:m@localhost:1", "without http:// or https://"),
        ("QUERY_MODELS", "recruit=openai:m@http://10.0.0.1/v1", "PC_WORKER_INSECURE=1"),
        ("EMBEDDINGS_RPM", "0", "greater than"),
        ("EMBEDDINGS_TPM", "many", "valid integer"),
        ("EMBEDDINGS_BUDGET_USD", "nan", "finite"),
        ("EMBEDDINGS_BUDGET_USD", "0", "greater than"),
        ("EMBEDDINGS_WINDOW", "1", "greater than"),
        ("EMBEDDINGS_TIMEOUT_S", "0", "greater than"),
        ("EMBEDDINGS_API_KEY_FILE", "/no/file", "PC_WORKER_EMBEDDINGS_API_KEY_FILE: the file cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(f"PC_WORKER_{name}", value)

    with pytest.raises(InvalidRequest, match="PC_WORKER_") as refused:
        read_settings()

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    shown = traceback.format_exception(refused.value)
    assert not [line for line in shown if "se#cret" in line or ":secret" in line]


@pytest.mark.parametrize(
    ("inbox", "roots"),
    [
        ("/inbox", "/data"),
        ("/data/../inbox", "/data"),
        ("s3://bucket/inbox", "/data:s3://bucket/in"),
        ("s3://bucket/inbox", "/data"),
        ("/data/inbox", "s3://bucket/data"),
    ],
)
def test_an_inbox_is_under_the_data_roots(monkeypatch: pytest.MonkeyPatch, inbox: str, roots: str) -> None:
    monkeypatch.setenv("PC_WORKER_INBOX", inbox)
    assert read_settings().inbox is not None
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", f"{roots}:{inbox.rpartition('/')[0] or '/'}")
    assert read_settings().inbox is not None
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", roots)

    with pytest.raises(InvalidRequest, match=r"PC_WORKER_INBOX: .* lies outside the data roots"):
        read_settings()


def test_rate_limits_are_rows_a_second_by_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_RATE_LIMITS", "document=200, recruit=12.5,")

    assert read_settings().rate_limits == (("document", 200.0), ("recruit", 12.5))
    assert hash(read_settings())


def test_a_lease_is_short_only_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_LEASE_S", "1.5")
    monkeypatch.setenv("PC_WORKER_SHORT_LEASE", "1")

    assert read_settings().lease_s == 1.5


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_REDIS_URL", "")
    monkeypatch.setenv("PC_WORKER_GATEWAY_ADDRESS", "")

    assert read_settings().gateway_addresses == ("127.0.0.1:50051",)


def test_addresses() -> None:
    assert split_address("[::1]:80") == ("::1", 80)
    assert is_loopback("127.0.0.1:1")
    assert is_loopback("localhost:1")
    assert is_loopback("[::1]:1")
    assert not is_loopback("0.0.0.0:1")
    assert not is_loopback("127.example.org:1")


def test_a_separate_login_becomes_part_of_the_urls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    password = "p@ss/w#rd %"
    (tmp_path / "password").write_text(password + "\n")
    monkeypatch.setenv("PC_WORKER_DATABASE_URL", "postgresql://db.internal/pcw")
    monkeypatch.setenv("PC_WORKER_DATABASE_USER", "pcw")
    monkeypatch.setenv("PC_WORKER_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("PC_WORKER_REDIS_URL", "rediss://cache.internal")
    monkeypatch.setenv("PC_WORKER_REDIS_PASSWORD", password)
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", "/data")

    settings = read_settings()

    assert settings.database_url is not None
    assert settings.redis_url is not None
    database = read_database_url(settings.database_url.get_secret_value())
    redis = read_redis_url(settings.redis_url.get_secret_value())
    assert (database.user, database.password, database.database) == ("pcw", password, "pcw")
    assert (redis.user, redis.password, redis.port) == (None, password, 6379)
    assert password not in repr(settings) + str(settings.model_dump())


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if "Secret" in str(field)])
def test_every_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    values = {"database_url": "postgresql://u:p@h:1/db", "redis_url": "redis://:p@h:1/0", "flower_auth": "u:p"}
    (tmp_path / "secret").write_text(values.get(name, "p") + "\n")
    monkeypatch.setenv(f"PC_WORKER_{name.upper()}_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", "/data")
    for server, url in (("database", "postgresql://u@h/db"), ("redis", "redis://h")):
        if name == f"{server}_password":
            monkeypatch.setenv(f"PC_WORKER_{server.upper()}_URL", url)

    assert getattr(read_settings(), name).get_secret_value() == values.get(name, "p")

    monkeypatch.setenv(f"PC_WORKER_{name.upper()}", values.get(name, "p"))
    with pytest.raises(InvalidRequest, match="leave one out"):
        read_settings()


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"\n", "empty"), (b"\xff", "not UTF-8"), (b"x" * 70_000, "too long")]
)
def test_a_file_without_a_secret_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("PC_WORKER_TOKEN_FILE", str(tmp_path / "secret"))

    with pytest.raises(InvalidRequest, match=words):
        read_settings()


def test_language_models_are_a_list_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_LLM", "openai:llama3:8b@http://localhost:11434/v1/, anthropic:claude-x,")
    monkeypatch.setenv("PC_WORKER_LLM_PRICES", '{"llama3:8b": {"input": 0, "output": 0}, "x": [1, 2.5]}')

    settings = read_settings()

    assert settings.llm == (
        LanguageModel("openai", "llama3:8b", "http://localhost:11434/v1"),
        LanguageModel("anthropic", "claude-x"),
    )
    assert settings.llm_prices == (LlmPrice("llama3:8b", 0.0, 0.0), LlmPrice("x", 1.0, 2.5))
    assert hash(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM", "gemini:x"),
        ("LLM", "openai"),
        ("LLM", "openai:"),
        ("LLM", "openai:@http://localhost/v1"),
        ("LLM", "openai:a,openai:a"),
        ("LLM", "openai:a@http:///v1"),
        ("LLM", "openai:a@http://h:port/v1"),
        ("LLM", "openai:a@http://user:hunter2@h/v1"),
        ("LLM_PRICES", "1"),
        ("LLM_PRICES", '{"a": 1}'),
        ("LLM_PRICES", '{"a": {"input": -1, "output": 1}}'),
        ("LLM_PRICES", '{"a": {"input": "1", "output": 1}}'),
        ("LLM_PRICES", '{"a": [1, NaN]}'),
        ("LLM_PRICES", '{"a": [1, 1%s]}' % ("0" * 400)),
        ("LLM_BUDGET_USD", "-1"),
        ("LLM_BUDGET_USD", "nan"),
        ("LLM_TIMEOUT_S", "0"),
        ("ANSWER_RETENTION_S", "-1"),
    ],
)
def test_wrong_settings_of_answers_are_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PC_WORKER_{name}", value)

    with pytest.raises(InvalidRequest, match=f"PC_WORKER_{name}: ") as caught:
        read_settings()

    assert "hunter2" not in str(caught.value)


def test_a_provider_key_is_in_its_variable_or_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert provider_key("OPENAI_API_KEY") is None

    (tmp_path / "key").write_text("k\n")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    assert provider_key("OPENAI_API_KEY") == "k"

    monkeypatch.setenv("OPENAI_API_KEY", "other")
    with pytest.raises(InvalidRequest, match="both set"):
        provider_key("OPENAI_API_KEY")


def test_query_models_are_read_by_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_QUERY_MODELS", "recruit = openai:a:b@http://127.0.0.1:1/v1, candidate=builtin,")

    expected = (("recruit", "openai:a:b@http://127.0.0.1:1/v1"), ("candidate", "builtin"))
    assert read_settings().query_models == expected


def test_an_insecure_network_may_be_crossed_in_clear_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_MODEL", "openai:m@http://tei/v1")
    monkeypatch.setenv("PC_WORKER_INSECURE", "1")

    assert read_settings().model == "openai:m@http://tei/v1"


@pytest.mark.parametrize(
    ("source", "insecure", "accepted"),
    [
        ("https://keys.example.org/", "0", True),
        ("http://127.0.0.1:8000/keys", "0", True),
        ("/etc/keys.json", "0", True),
        ("http://keys.example.org/", "0", False),
        ("http://127.0.0.1.example.org/", "0", False),
        ("HTTP://KEYS.EXAMPLE.ORG/", "0", False),
        ("http://keys.example.org/", "1", True),
    ],
)
def test_keys_come_encrypted_or_from_this_machine(
    monkeypatch: pytest.MonkeyPatch, source: str, insecure: str, accepted: bool
) -> None:
    for name, value in {"JWT_JWKS": source, "JWT_ISSUER": "i", "JWT_AUDIENCE": "a", "INSECURE": insecure}.items():
        monkeypatch.setenv(f"PC_WORKER_{name}", value)
    if accepted:
        assert read_settings().jwt_jwks == source
        return
    with pytest.raises(InvalidRequest, match="use https"):
        read_settings()


def test_a_user_without_a_home_folder_needs_only_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def without() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pc_worker.settings.values.default_home", without)

    with pytest.raises(InvalidRequest, match="PC_WORKER_HOME must be set"):
        read_settings()
    monkeypatch.setenv("PC_WORKER_HOME", str(tmp_path))
    assert read_settings().home == tmp_path
