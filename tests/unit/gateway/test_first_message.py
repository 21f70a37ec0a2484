from __future__ import annotations

import pytest

from pc_worker.gateway.calls.stream_embedding import is_held_back


@pytest.mark.parametrize(
    ("user_agent", "held"),
    [
        ("grpc-java-netty/1.68.1", True),
        ("batch/2.0 grpc-java-okhttp/1.50.0", True),
        ("", True),
        ("curl/8.5.0", True),
        ("grpc-python-asyncio/1.76.0 grpc-c/51.0.0 (linux; chttp2)", False),
        ("grpc-go/1.70.0", False),
        ("importer grpc-dotnet/2.66.0 (.NET 8.0.8)", False),
    ],
)
def test_first_message_is_held_back_for_java_and_unknown_clients(user_agent: str, held: bool) -> None:
    """The stock Java reader may block if a message arrives before it has subscribed."""
    assert is_held_back(user_agent) is held
