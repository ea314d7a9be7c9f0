"""The end of the demo: a team that passes its budget is warned, swapped and refused, streams included."""

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from openai import OpenAI, PermissionDeniedError
from rich.console import Console
from rich.table import Table

from chargeback.cli.exit_codes import ExitCode
from stack.processes import StackError

CODE = "LAUNCH"
AMOUNT = "0.30"
STEPS = (
    {"percent": 40, "do": "warn"},
    {"percent": 70, "do": "swap", "swap": {"gpt-5.5": "gpt-5.4-mini"}},
    {"percent": 100, "do": "block"},
)
TRIALS = {CODE: (AMOUNT, STEPS)}

_SECONDS = 90
_PAUSE = 0.1
_SWAPPED = 5
_LONG = "A long report that no budget of this size can pay. " * 4_000
"""For a model that has no other one in its place: it costs more than what is left."""


@dataclass
class Course:
    """What the team saw.

    Attributes:
        answers: calls by what their answers said of the budget.
        refusal: what the first refused call was told.
        seconds: from the end of the answer that passed the limit to the first refusal.
    """

    answers: Counter[str] = field(default_factory=Counter)
    refusal: str = ""
    seconds: float = 0.0


def run_into_limit(gateway: str, key: str) -> Course:
    """Call until calls are swapped, every second time as a stream; then pass the limit in one call, until refused."""
    headers = {"api-key": key, "x-billing-code": CODE}
    course, until = Course(), time.monotonic() + _SECONDS
    passed = None
    with OpenAI(base_url=f"{gateway}/openai/v1", api_key="unused", default_headers=headers) as client:
        while time.monotonic() < until:
            try:
                course.answers[_ask(client, is_stream=course.answers.total() % 2 == 1)] += 1
            except PermissionDeniedError as refused:
                course.refusal = refused.message
                course.seconds = time.monotonic() - (passed or time.monotonic())
                return course
            if passed is None and course.answers["swap"] >= _SWAPPED:
                course.answers[_ask(client, prompt=_LONG, model="gpt-5.4")] += 1
                passed = time.monotonic()
            time.sleep(_PAUSE)
    raise StackError(f"the budget of {AMOUNT} USD refused nothing in {_SECONDS} s: {dict(course.answers)}")


def _ask(
    client: OpenAI, *, is_stream: bool = False, prompt: str = "Say hello to the launch team.", model: str = "gpt-5.5"
) -> str:
    """What an answer said of the budget, in a word."""
    message: list[Any] = [{"role": "user", "content": prompt}]
    options: dict[str, Any] = {"model": model, "messages": message, "max_completion_tokens": 100}
    if is_stream:
        with client.chat.completions.with_streaming_response.create(stream=True, **options) as streamed:
            assert any("[DONE]" in line for line in streamed.iter_lines())
            return _state(streamed.headers)
    answer = client.chat.completions.with_raw_response.create(**options)
    assert answer.parse().usage
    return _state(answer.headers)


def _state(headers: Any) -> str:
    return str(headers.get("x-budget-state", "served")).partition(";")[0]


def _printed(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (ExitCode.DONE, ExitCode.FINDINGS):
        raise StackError(f"{' '.join(command[1:])}: {done.stderr.strip()}")
    return done.stdout.strip()


def show_limit(course: Course, console: Console) -> None:
    """What callers saw, and how far the budget is overrun, read from the product's own command."""
    found = json.loads(_printed("chargeback", "budgets", "status", CODE, "--json"))
    (budget,) = found["budgets"]
    table = Table("the answers said", "calls", title=f"a budget of {budget['limit']} USD a day")
    for state, calls in course.answers.items():
        table.add_row(state, str(calls))
    console.print(table)
    console.print(f"Then: {course.refusal}", markup=False)
    overrun = max(Decimal(budget["spent"]) - Decimal(budget["limit"]), Decimal(0))
    console.print(
        f"Spent are {Decimal(budget['spent']):.4f} USD ({Decimal(budget['estimated']):.4f} by estimate): {overrun:.4f}"
        f" USD too many. The first refusal came {course.seconds:.1f} s after the answer that passed the limit."
    )
