"""What the description of the API (OpenAPI) says beyond what its views tell by themselves."""

from __future__ import annotations

from typing import Any

_REFUSAL = {"$ref": "#/components/schemas/Refusal"}
_COMMON = {
    "400": "What was sent cannot be read, or is not in the shape described.",
    "401": "Log in, or send a token.",
    "403": "Your role, or your token, does not allow it.",
    "404": "There is no such thing, or it is not yours.",
    "406": "Only JSON is given.",
    "415": "Only JSON is taken.",
}
_MODES = {
    "type": "string",
    "pattern": "^(cluster|group/[^/]{1,64}|machine/[^/]{1,64})$",
    "example": "cluster",
}


def with_common_answers(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Adds the answers that any request may get, and says what a mode in an address looks like."""
    for path in result["paths"].values():
        for operation in path.values():
            for code, text in _COMMON.items():
                content = {"application/json": {"schema": _REFUSAL}}
                operation["responses"].setdefault(code, {"description": text, "content": content})
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "mode" and parameter["in"] == "path":
                    parameter["schema"] = _MODES
    return result
