"""Flower's list reads well: arguments and results as words, no payloads, nothing to steer with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flower.options import options
from tornado.options import options as tornado_options

import flowerconfig


@pytest.mark.parametrize(
    ("kwargs", "shown"),
    [
        pytest.param("{'job_id': 'a1', 'chunk_no': 0}", "chunk_no=0, job_id=a1", id="the part that differs first"),
        pytest.param("{'domain': 'recruit', 'source': None}", "domain=recruit", id="without what was not given"),
        pytest.param("{}", "", id="none"),
        pytest.param("{'path': '/a/very/lo...", "{'path': '/a/very/lo...", id="cut short by Celery"),
        pytest.param(None, None, id="not known yet"),
    ],
)
def test_arguments_read_as_words(kwargs: str | None, shown: str | None) -> None:
    task = flowerconfig.format_task(SimpleNamespace(kwargs=kwargs, result=None))

    assert task.kwargs == shown


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        pytest.param("{'result': 'done', 'written': 300, 'dead': 0}", "result=done, written=300", id="of a chunk"),
        pytest.param("{'job_finished': True, 'written': 9}", "written=9, job_finished=True", id="what matters first"),
        pytest.param("{, ...}", "(rows, for its caller)", id="of a search"),
    ],
)
def test_results_read_as_words(result: str, shown: str) -> None:
    task = flowerconfig.format_task(SimpleNamespace(kwargs=None, result=result))

    assert task.result == shown


def test_every_setting_is_one_that_flower_knows() -> None:
    ours = {name for name in vars(flowerconfig) if name.islower() and not name.startswith("_")}

    assert options is tornado_options
    assert ours - {"annotations", "ast"} <= set(options.as_dict())
