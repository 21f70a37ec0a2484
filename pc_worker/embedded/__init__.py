"""The embedded PostgreSQL and Valkey under a home, and the supervision of all components of a running stack.

What starts servers and processes is imported when it is first used: most commands only read where the stack answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pc_worker.embedded.home.addresses import Addresses, read_addresses, remove_addresses, write_addresses
from pc_worker.errors import HomeInUse, HomeUnusable, ServiceFailed
from pc_worker.late_names import late_names

if TYPE_CHECKING:
    from pc_worker.embedded.embedded_servers import EmbeddedServers, start_servers
    from pc_worker.embedded.home.placement import remove_home
    from pc_worker.embedded.home.private_file import write_private
    from pc_worker.embedded.listening import is_own_port
    from pc_worker.embedded.processes.parent_death import die_with_parent
    from pc_worker.embedded.processes.process import Command, Process
    from pc_worker.embedded.processes.supervisor import Supervisor

__all__ = [
    "Addresses",
    "Command",
    "EmbeddedServers",
    "HomeInUse",
    "HomeUnusable",
    "Process",
    "ServiceFailed",
    "Supervisor",
    "die_with_parent",
    "is_own_port",
    "read_addresses",
    "remove_addresses",
    "remove_home",
    "start_servers",
    "write_addresses",
    "write_private",
]

__getattr__ = late_names(
    __name__,
    {
        **dict.fromkeys(("EmbeddedServers", "start_servers"), "embedded_servers"),
        "remove_home": "home.placement",
        "write_private": "home.private_file",
        "is_own_port": "listening",
        "die_with_parent": "processes.parent_death",
        **dict.fromkeys(("Command", "Process"), "processes.process"),
        "Supervisor": "processes.supervisor",
    },
)
