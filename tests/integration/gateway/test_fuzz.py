"""The fuzz in small; all of it: ``python -m tests.fuzz.fuzz_gateway --seed N --inputs 10000``."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.fuzz_gateway import fuzz, fuzzed_gateway
from tests.integration.gateway.servers import Servers
from tests.integration.search.databases import fresh_database


async def test_any_input_of_a_client_gets_an_answer_of_the_contract(servers: Servers, tmp_path: Path) -> None:
    database_url = fresh_database(servers.database_url)
    with fuzzed_gateway(tmp_path, database_url, servers.redis_url) as target:
        findings = await fuzz(target, seed=20_261_129, inputs=400)

    assert findings.words == []
    assert len(findings.statuses) > 15
