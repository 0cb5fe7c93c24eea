"""What Schemathesis cannot know of a server from its OpenAPI document.

Requests are made to fit the served model and to end soon. A request that breaks a rule which the
document states in words only may be refused, if the error says so.
"""

import json
import os
import urllib.request

import schemathesis

MAX_TOKENS = 4
LONG_MILLIS = 60_000
HIGHEST_ID = 2**31 - 1

# Errors of requests that are valid by the document: what can be wrong beyond its schemas.
REFUSABLE = (
    ("context_length_exceeded", None),
    ("invalid_schema", None),
    ("unsupported_parameter", "structured_outputs."),  # with tools
    ("invalid_value", "stop"),  # a limit in bytes
)


def first_model():
    request = urllib.request.Request(
        os.environ["CHASQUI_URL"] + "/v1/models",
        headers={"Authorization": "Bearer " + os.environ.get("CHASQUI_API_KEY", "none")},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"][0]["id"]


MODEL = first_model()
VOCABULARY = int(os.environ.get("VOCABULARY", "49152"))


def is_integer(value, low, high):
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def token(value):
    return value % VOCABULARY if is_integer(value, 0, HIGHEST_ID) else value


def tokens(value):
    return [token(v) if not isinstance(v, list) else tokens(v) for v in value]


def shorten(body):
    """Few tokens, and never more of them demanded than allowed."""
    names = [n for n in ("max_tokens", "max_completion_tokens") if n in body]
    for name in names:
        if is_integer(body[name], MAX_TOKENS + 1, HIGHEST_ID) or body[name] is None:
            body[name] = MAX_TOKENS
    if not names:
        body["max_tokens"] = MAX_TOKENS
    if is_integer(body.get("min_tokens"), 1, HIGHEST_ID):
        body["min_tokens"] = 0 if 0 in [body.get(n) for n in names] else 1


def localise(body):
    """The served model's name and ids of its tokens."""
    if isinstance(body.get("model"), str) and len(body["model"]) <= 256:
        body["model"] = MODEL
    for name in ("prompt", "stop_token_ids", "tokens"):
        if isinstance(body.get(name), list):
            body[name] = tokens(body[name])
    bias = body.get("logit_bias")
    if isinstance(bias, dict):
        body["logit_bias"] = {
            str(token(int(k))) if k.isascii() and k.isdigit() and (k == "0" or k[0] != "0") else k: v
            for k, v in bias.items()
        }
    if is_integer(body.get("best_of"), 1, HIGHEST_ID):
        body["best_of"] = 1


def is_object(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def relate(body):
    """Tool results belong to calls, arguments are objects, and only an assistant is continued."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        return
    related, ids = [], set()
    for message in messages:
        for call in message.get("tool_calls") or []:
            ids.add(call["id"])
            if not is_object(call["function"]["arguments"]):
                call["function"]["arguments"] = "{}"
        wanted = message.get("tool_call_id")
        if message["role"] == "tool" and wanted not in ids:
            function = {"name": "f", "arguments": "{}"}
            related.append(
                {"role": "assistant", "tool_calls": [{"id": wanted, "function": function}]}
            )
            ids.add(wanted)
        related.append(message)
    if body.get("continue_final_message") and related[-1]["role"] != "assistant":
        related.append({"role": "assistant", "content": "So"})
    body["messages"] = related


def name_tools(body):
    """Tools have different names, and what is chosen is one of them."""
    tools = body.get("tools")
    if not tools or not all(isinstance(t, dict) for t in tools):
        return
    for i, tool in enumerate(tools):
        tool["function"] = {**tool["function"], "name": f"tool{i}"}
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        chosen = choice["allowed_tools"]["tools"] if "allowed_tools" in choice else [choice]
        for reference in chosen:
            reference["function"] = {"name": "tool0"}


@schemathesis.hook
def map_case(context, case):
    positive = case.meta is None or case.meta.generation.mode.is_positive
    if isinstance(case.body, dict):
        localise(case.body)
        if case.path.endswith("completions"):
            shorten(case.body)
        if positive:
            relate(case.body)
            name_tools(case.body)
    headers = case.headers
    timeout = headers.get("X-Request-Timeout-Ms") if headers else None
    if timeout is not None and str(timeout).isdigit() and 1 <= int(timeout) <= 86_400_000:
        headers["X-Request-Timeout-Ms"] = str(max(LONG_MILLIS, int(timeout)))
    if positive and case.path_parameters and "id" in case.path_parameters:
        case.path_parameters["id"] = MODEL
    return case


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps every failure but the refusals that are allowed."""
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code != 400:
        return True
    error = response.json()["error"]
    return not any(
        error["code"] == code and (param is None or (error["param"] or "").startswith(param))
        for code, param in REFUSABLE
    )
