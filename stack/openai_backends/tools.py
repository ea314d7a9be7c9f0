"""Makes the items that hosted tools leave in an answer; the usage does not have the cost of these tools.

Code Interpreter is billed by session, file search by call and storage, web search by call, and an image that a
Responses call makes is priced as the image deployment's, which the header x-ms-oai-image-generation-deployment names
(learn.microsoft.com/azure/foundry/openai/how-to/responses).
"""

from typing import Any

from aiohttp import web

from stack.openai_backends.account import Account
from stack.openai_backends.refusals import INVALID, Refused, unknown_deployment

IMAGE_DEPLOYMENT = "x-ms-oai-image-generation-deployment"


def tool_items(request: web.Request, account: Account, document: dict[str, Any]) -> list[dict[str, Any]]:
    """One item for each hosted tool of the call."""
    found = []
    for tool in document.get("tools") or []:
        make = _ITEMS.get(str(tool.get("type")))
        if make:
            found.append({"status": "completed", **make(request, account, tool)})
    return found


def _code(_request: web.Request, account: Account, tool: dict[str, Any]) -> dict[str, Any]:
    container = tool.get("container")
    if not isinstance(container, str):
        container = account.identifier("cntr_")
        account.objects[container] = {"id": container, "object": "container", "status": "running", "below": []}
    item = {"id": account.identifier("ci_"), "type": "code_interpreter_call", "code": "print(1)"}
    return {**item, "container_id": container, "outputs": None}


def _files(_request: web.Request, account: Account, _tool: dict[str, Any]) -> dict[str, Any]:
    return {"id": account.identifier("fs_"), "type": "file_search_call", "queries": ["q"], "results": None}


def _web(_request: web.Request, account: Account, _tool: dict[str, Any]) -> dict[str, Any]:
    return {"id": account.identifier("ws_"), "type": "web_search_call", "action": {"type": "search", "query": "q"}}


def _mcp(_request: web.Request, account: Account, tool: dict[str, Any]) -> dict[str, Any]:
    item = {"id": account.identifier("mcp_"), "type": "mcp_call", "server_label": tool.get("server_label", "")}
    return {**item, "name": "call", "arguments": "{}", "output": "done", "error": None}


def _image(request: web.Request, account: Account, tool: dict[str, Any]) -> dict[str, Any]:
    deployment = request.headers.get(IMAGE_DEPLOYMENT, "")
    if not deployment:
        message = f"The image generation tool needs the header {IMAGE_DEPLOYMENT}."
        raise Refused(400, None, message, type=INVALID, param="tools")
    if not str(account.deployments.get(deployment, {}).get("model", "")).startswith("gpt-image"):
        raise unknown_deployment()
    item = {"id": account.identifier("ig_"), "type": "image_generation_call", "result": "iVBORw0KGgo="}
    return {**item, "quality": tool.get("quality", "medium"), "size": tool.get("size", "1024x1024")}


_ITEMS = {
    "code_interpreter": _code,
    "file_search": _files,
    "web_search": _web,
    "web_search_preview": _web,
    "mcp": _mcp,
    "image_generation": _image,
}
