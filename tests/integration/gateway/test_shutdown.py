"""The gateway's own command ends with 0, in any state in which it is asked to stop."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.fuzz.fuzz_gateway import fill, gateway_command
from tests.integration.gateway.servers import Servers
from tests.integration.search.databases import fresh_database


def test_asked_to_end_while_its_model_loads_it_ends_with_0(servers: Servers, tmp_path: Path) -> None:
    """It listens before the model is there; loading it takes seconds, in native code."""
    database_url = fresh_database(servers.database_url)
    fill(tmp_path, database_url, servers.redis_url)
    codes, logs = [], []
    for number in (signal.SIGTERM, signal.SIGINT):
        with gateway_command(tmp_path, database_url, servers.redis_url) as (process, _):
            process.send_signal(number)
            process.send_signal(signal.SIGTERM)  # asked again, it is in no more of a hurry
            codes.append(process.wait(60))
        logs.append((tmp_path / "gateway.log").read_text())

    assert codes == [0, 0], logs
    assert not [log for log in logs if "terminate called" in log or "Traceback" in log]
