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
    ("invalid_json", None),  # depth, and digits of numbers
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


def obey(body):
    """The rules between members."""
    if body.get("stream_options") is not None:
        body["stream"] = True
    if body.get("top_logprobs"):
        body["logprobs"] = True
    if body.get("continue_final_message"):
        body["add_generation_prompt"] = False
    if body.get("max_tokens") == 0:
        body["echo"] = True
    if body.get("structured_outputs") is not None:
        body.pop("response_format", None)
    if body.get("tool_choice") not in (None, "none", "auto") and not body.get("tools"):
        del body["tool_choice"]


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


def whole(value):
    """1.0 is an integer to JSON Schema, and none to the server."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(v) for v in value]
    if isinstance(value, dict):
        return {k: whole(v) for k, v in value.items()}
    return value


def fit(case):
    positive = case.meta is None or case.meta.generation.mode.is_positive
    if isinstance(case.body, dict):
        if positive:
            case.body = whole(case.body)
        localise(case.body)
        if case.path.endswith("completions"):
            shorten(case.body)
        if positive:
            obey(case.body)
            relate(case.body)
            name_tools(case.body)
    timeout = case.headers.get("X-Request-Timeout-Ms") if case.headers else None
    if positive and timeout is not None and int(timeout) < LONG_MILLIS:
        case.headers["X-Request-Timeout-Ms"] = str(LONG_MILLIS)
    if positive and case.path_parameters and "id" in case.path_parameters:
        case.path_parameters["id"] = MODEL


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Leaves out the limits that a body of 2 MiB reaches, which take minutes each, and rules
    between members, with which Schemathesis 4.32 makes hardly any request; see `obey`."""
    def visit(node):
        if isinstance(node, dict):
            for limit, most in (("maxLength", 4096), ("maxItems", 200), ("maxProperties", 200)):
                if is_integer(node.get(limit), most, HIGHEST_ID):
                    del node[limit]
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, (dict, list)):
                visit(child)

    schemas = raw_schema["components"]["schemas"]
    visit(schemas)
    for request in ("ChatCompletionRequest", "CompletionRequest"):
        del schemas[request]["allOf"]
    del schemas["TokenizeRequest"]["oneOf"][1]["allOf"]


@schemathesis.hook
def map_case(context, case):
    fit(case)
    return case


@schemathesis.hook
def before_add_examples(context, examples):
    for case in examples:
        fit(case)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps every failure but the refusals that are allowed."""
    kind = type(failure).__name__
    if kind == "ServerError" and response.status_code == 504:
        return response.json()["error"]["code"] != "deadline_exceeded"  # the request's own
    if kind != "RejectedPositiveData" or response.status_code != 400:
        return True
    error = response.json()["error"]
    return not any(
        error["code"] == code and (param is None or (error["param"] or "").startswith(param))
        for code, param in REFUSABLE
    )
