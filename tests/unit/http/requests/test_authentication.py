"""A token is found in any bytes that a client can send it in."""

from __future__ import annotations

import pytest

from pc_worker.access import EVERYTHING, TokenTable, digest_of
from pc_worker.errors import Unauthenticated
from pc_worker.http.requests.authentication import Authenticator, header_token

TOKENS = ["plain", "two words", "key-é", "schlüssel-à", "열쇠", "🔑"]


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator(TokenTable(tokens={digest_of(token).hex(): EVERYTHING for token in TOKENS}))


@pytest.mark.parametrize("token", TOKENS)
async def test_a_token_of_any_letters_is_known(authenticator: Authenticator, token: str) -> None:
    sent = f"bearer  {token}\t".encode()

    found = await authenticator.grant(sent.decode("latin-1"))  # as the framework reads headers

    assert found.token == digest_of(token).hex()
    assert (await authenticator.grant(f"Bearer {header_token(token)}")).token == found.token


@pytest.mark.parametrize("sent", ["Bearer \xff\xfe", "Bearer \x85", "Bearer ", "Bearer ключ"])
async def test_other_bytes_are_no_token(authenticator: Authenticator, sent: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.grant(sent)
