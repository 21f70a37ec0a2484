"""Celery's settings, each with its reason; read by ``celery -A tasks …`` and by every component of the stack."""

from __future__ import annotations

from typing import Any

from kombu import Queue
from kombu.transport import TRANSPORT_ALIASES

from pc_worker.push import stock_domains
from pc_worker.settings import TASK_LIMIT_S, read_settings
from pc_worker.wiring import broker
from tasks.beat_schedule import Every
from tasks.broker import ALIASES
from tasks.queues import DEFAULT, all_queues
from tasks.start_errors import ended_in_one_line

with ended_in_one_line():
    _settings = read_settings()
    _broker = broker(_settings)

TRANSPORT_ALIASES.update(ALIASES)  # every entry of a queue is validated before kombu and Celery see it
worker_consumer = "tasks.reception:CarefulConsumer"

broker_url = result_backend = _broker.for_celery
broker_use_ssl = redis_backend_use_ssl = _broker.tls_for_celery

# The hard limit ends a hang in native code. Leases (330 s) and the visibility timeout (1200 s) are longer, so neither a
# second attempt nor a redelivery starts while the first attempt runs.
task_soft_time_limit = 240
task_time_limit = TASK_LIMIT_S
visibility_timeout = 1200  # the shortest of all apps on one broker applies, so it is set in all three places

broker_transport_options: dict[str, Any] = {
    "visibility_timeout": visibility_timeout,
    "unacked_restore_interval": 10,  # with a throttle of 1: a sweep every 10 s instead of every 100 s
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,  # without it a half-open connection blocks forever
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "queue_order_strategy": "round_robin",  # no kind of work waits until another is finished
    "priority_steps": [0],  # fairness comes from the queues; four lists each would make every BRPOP four times as long
}
result_backend_transport_options = {"visibility_timeout": visibility_timeout}
redis_socket_keepalive = True
redis_backend_health_check_interval = 25
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # a worker survives any outage of the broker
broker_pool_acquire_timeout = 30  # the default waits forever

# JSON only: no pickle is ever sent through the broker.
accept_content = ["json"]
task_serializer = "json"
result_serializer = "json"

# A message is acknowledged when its work is done. A lost pool process returns it, at most three times; after that
# `reconcile` finds the work in the ledger.
task_acks_late = True
worker_prefetch_multiplier = 1
worker_disable_prefetch = True  # taken when a process is free: a worker that joins late gets work at once
task_reject_on_worker_lost = True
task_retry_on_worker_lost = True
task_acks_on_failure = True
task_acks_on_timeout = True
worker_cancel_long_running_tasks_on_connection_loss = False  # True loses running tasks when Redis restarts
task_store_errors_even_if_ignored = False
result_expires = 3600  # results are for people: nothing depends on one

worker_soft_shutdown_timeout = 0  # it always sleeps its whole time: tasks/orderly_shutdown.py has the limit
worker_max_tasks_per_child = 200
worker_pool_start_method = "spawn"  # no fork into torch's or the tokenizer's threads
worker_proc_alive_timeout = 60
worker_hijack_root_logger = False
worker_send_task_events = True  # Flower needs them
task_send_sent_event = True
task_track_started = True

# Each kind of work and each domain has its own queues, so none waits behind another (tasks/queues.py). A message
# without a route here goes to the queue that its sender names, or to `celery`.
task_default_queue = DEFAULT
task_queues = [Queue(name) for name in all_queues()]
task_routes = {
    "pc_worker.search": {"queue": "pcw.search"},
    "pc_worker.send_due": {"queue": "pcw.upkeep"},
    "pc_worker.reconcile": {"queue": "pcw.upkeep"},
    "pc_worker.purge": {"queue": "pcw.upkeep"},
    "pc_worker.scan_inbox": {"queue": "pcw.upkeep"},
    "pc_worker.maintain_indexes": {"queue": "pcw.indexes"},
    "pc_worker.check_recall": {"queue": "pcw.indexes"},
    "pc_worker.check_ledger": {"queue": "pcw.upkeep"},
    "pc_worker.push_to_batch_server": {"queue": "pcw.delivery"},
}

timezone = "UTC"
beat_max_loop_interval = 30  # seconds until beat notices that the clock was set
beat_scheduler = "tasks.beat_scheduler:CarefulScheduler"  # no fault of its file stops beat
_every: dict[str, float] = {
    "reconcile": _settings.reconcile_s,
    "maintain_indexes": _settings.maintain_indexes_s,
    "check_recall": _settings.check_recall_s,
    "check_ledger": _settings.check_ledger_s,
    "purge": _settings.purge_s,
}
if _settings.inbox is not None:
    _every["scan_inbox"] = _settings.scan_inbox_s
beat_schedule: dict[str, dict[str, Any]] = {
    name: {"task": f"pc_worker.{name}", "schedule": Every(seconds)} for name, seconds in _every.items()
}
if _settings.batch_servers:
    for _domain in stock_domains():
        beat_schedule[f"push {_domain}"] = {
            "task": "pc_worker.push_to_batch_server",
            "kwargs": {"domain": _domain},
            "schedule": Every(_settings.push_s),
        }
# A maintenance message that waited for long is useless: a later one does its work. The moment is by beat's clock, and
# workers compare it with their own: with less than an hour, a small difference of clocks would stop all maintenance.
# What is done twice does no harm, and costs little.
for _entry in beat_schedule.values():
    _entry["options"] = {"expires": max(_entry["schedule"].run_every.total_seconds(), 3600.0)}
