"""The timer that posts: it takes its further steps, in their order, even if the posting fails."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback.bootstrap import Container
from chargeback.functions import post_usage
from tests.support.audit_log import some_log


@pytest.mark.parametrize("fails", [False, True])
def test_the_index_of_objects_comes_last_because_it_may_take_long(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    done: list[str] = []

    def step(name: str) -> Any:
        async def work(*_: object) -> None:
            done.append(name)
            if name == "post" and fails:
                raise RuntimeError(name)

        return work

    monkeypatch.setattr(post_usage, "_report_spend", step("spend"))
    container = SimpleNamespace(
        audit_log=some_log(),
        poster=SimpleNamespace(post=step("post")),
        ledger_parts=SimpleNamespace(look=step("parts")),
        books_watch=SimpleNamespace(watch=step("watch")),
        object_index=SimpleNamespace(catch_up=step("objects")),
    )
    (function,) = post_usage.blueprint(cast(Container, container))._function_builders
    timer = function._function.get_user_function()
    run = timer(cast(Any, SimpleNamespace(past_due=False)), cast(Any, SimpleNamespace(invocation_id="run-1")))
    if fails:
        with pytest.raises(RuntimeError):
            asyncio.run(run)
    else:
        asyncio.run(run)

    assert done == ["post", "parts", "spend", "watch", "objects"]
