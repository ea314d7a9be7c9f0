"""Answers files, batches and fine-tuning jobs: they are stored on the account, and done at the second request."""

import time
from typing import Any

from aiohttp import web

from stack.openai_backends.account import Account
from stack.openai_backends.refusals import INVALID, Refused, not_found
from stack.openai_backends.replies import headers_of, reply

_BATCH_USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 80,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 200,
}


async def files(request: web.Request, account: Account, rest: list[str], form: dict[str, Any]) -> web.StreamResponse:
    """POST, GET and DELETE of files, and the content of one."""
    if request.method == "POST":
        content, name = form.get("file"), account.identifier("file-")
        if not isinstance(content, bytes):
            raise Refused(400, None, "'file' is a required property", type=INVALID, param="file")
        about = {"id": name, "object": "file", "bytes": len(content), "created_at": int(time.time())}
        about |= {
            "filename": form.get("filename", "data.jsonl"),
            "purpose": form.get("purpose"),
            "status": "processed",
        }
        account.files[name] = (about, content)
        return reply(account, about, status=201)
    if not rest:
        return reply(account, {"object": "list", "data": [about for about, _ in account.files.values()]})
    about, content = _found(account.files, rest[0], "file")
    if request.method == "DELETE":
        del account.files[rest[0]]
        return reply(account, {"id": rest[0], "object": "file", "deleted": True})
    if rest[1:] == ["content"]:
        headers = {**headers_of(account), "Content-Type": "application/octet-stream"}
        return web.Response(body=content, headers=headers)
    return reply(account, about)


async def batches(
    request: web.Request, account: Account, rest: list[str], document: dict[str, Any]
) -> web.StreamResponse:
    """POST, GET and cancel of batches."""
    if request.method == "POST" and not rest:
        _found(account.files, str(document.get("input_file_id")), "file")
        batch: dict[str, Any] = {"id": account.identifier("batch_"), "object": "batch", "created_at": int(time.time())}
        batch |= {
            "status": "validating",
            "endpoint": document.get("endpoint"),
            "model": document.get("model", "gpt-4o"),
        }
        batch |= {"input_file_id": document.get("input_file_id"), "usage": None}
        account.batches[batch["id"]] = batch
        account.enter(request.headers, "batches", "", usage=_BATCH_USAGE, stream=False, batchId=batch["id"])
        return reply(account, batch)
    return await _job(request, account, account.batches, rest, "batch", {"usage": _BATCH_USAGE})


def _left(account: Account) -> str:
    """The file that a batch leaves when it has ended."""
    name, content = account.identifier("file-"), b'{"custom_id": "1"}\n'
    about = {
        "id": name,
        "object": "file",
        "bytes": len(content),
        "filename": f"{name}.jsonl",
        "purpose": "batch_output",
    }
    account.files[name] = (about, content)
    return name


async def fine_tuning(
    request: web.Request, account: Account, rest: list[str], document: dict[str, Any]
) -> web.StreamResponse:
    """POST, GET and cancel of fine-tuning jobs.

    What was trained before a job was cancelled is billed; reinforcement is billed by time
    (learn.microsoft.com/azure/foundry/fine-tuning/cost-management). A job does not say its training type.
    """
    if request.method == "POST" and not rest:
        _found(account.files, str(document.get("training_file")), "file")
        job: dict[str, Any] = {
            "id": account.identifier("ftjob-"),
            "object": "fine_tuning.job",
            "created_at": int(time.time()),
        }
        job |= {
            "status": "pending",
            "model": document.get("model"),
            "training_file": document.get("training_file"),
            "method": document.get("method") or {"type": "supervised"},
            "finished_at": None,
        }
        account.jobs[job["id"]] = {**job, "trained_tokens": None}
        account.enter(request.headers, "fine_tuning.jobs", "", trainingTokens=5000, usage=None, stream=False)
        return reply(account, account.jobs[job["id"]], status=201)
    return await _job(
        request, account, account.jobs, rest, "job", {"trained_tokens": 5000, "finished_at": int(time.time())}
    )


async def _job(
    request: web.Request,
    account: Account,
    known: dict[str, dict[str, Any]],
    rest: list[str],
    kind: str,
    result: dict[str, Any],
) -> web.StreamResponse:
    if not rest:
        return reply(account, {"object": "list", "data": list(known.values()), "has_more": False})
    job = _found(known, rest[0], kind)
    if rest[1:] == ["cancel"]:
        begun = kind == "job" and job["status"] == "in_progress"
        job |= {"status": "cancelled", **({"trained_tokens": 2000, "finished_at": int(time.time())} if begun else {})}
    elif request.method == "GET" and job["status"] not in ("cancelled", "completed", "succeeded"):
        finished = job["status"] == "in_progress"
        job["status"] = ("succeeded" if kind == "job" else "completed") if finished else "in_progress"
        job |= result if finished else {}
        if finished and kind == "batch":
            job["output_file_id"] = _left(account)
    return reply(account, job)


def _found(known: dict[str, Any], name: str, kind: str) -> Any:
    if name not in known:
        raise not_found(kind.capitalize(), name)
    return known[name]
