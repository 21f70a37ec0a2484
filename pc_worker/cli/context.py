"""What commands start from: checked settings, quiet logs, and the services."""

from __future__ import annotations

from pc_worker.logs import set_up_logs_when_needed
from pc_worker.services.dependencies import Services
from pc_worker.settings import Settings, read_settings
from pc_worker.tracing import set_up_tracing
from pc_worker.wiring import make_services


def one_shot() -> Settings:
    """Read the settings of a command that ends by itself; it logs only what a user must know."""
    settings = read_settings()
    set_up_logs_when_needed(log_format=settings.log_format, level="ERROR")
    return settings


def connected() -> Services:
    """Return the services of a one-shot command.

    Raises:
        Unavailable: If nothing runs under this HOME and no servers are configured.
    """
    settings = one_shot()
    set_up_tracing("cli")
    return make_services(settings, application="pc_worker cli")
