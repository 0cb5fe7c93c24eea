"""The official Python SDK against a running server; see run.sh."""

import json
from typing import Literal

import openai
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from pydantic import BaseModel

import suite
from suite import BASE_URL, KEY, MODEL, assert_aborted, case, equal, metric, raises

SETUP = 'client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="any")'
client = OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=300)
ASK = [{"role": "user", "content": suite.ASK}]
LONG = [{"role": "user", "content": suite.LONG}]


def chat(**more):
    options = dict(model=MODEL, messages=ASK, temperature=0, max_completion_tokens=32) | more
    return client.chat.completions.create(**options)



@case("plain")
def models():
    assert MODEL in [m.id for m in client.models.list().data]
    equal(client.models.retrieve(MODEL).id, MODEL)
    raises(openai.NotFoundError, lambda: client.models.retrieve("no/such-model"))


@case("plain")
def plain():
    answer = chat(max_completion_tokens=None, max_tokens=48)
    choice, usage = answer.choices[0], answer.usage
    assert choice.message.content and choice.message.role == "assistant"
    assert choice.finish_reason in ("stop", "length")
    equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
    assert answer._request_id


@case("parameters")
def length():
    for n in (1, 5):
        answer = chat(max_completion_tokens=n)
        equal((answer.choices[0].finish_reason, answer.usage.completion_tokens), ("length", n))


@case("streaming")
def streaming():
    whole = chat()
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    equal(text, whole.choices[0].message.content)
    equal([c.usage for c in chunks if c.usage][0].completion_tokens, whole.usage.completion_tokens)
    equal(len([c for c in chunks if c.usage]), 1)
    equal(len([c for c in chunks if c.choices and c.choices[0].finish_reason]), 1)
    equal(len({c.id for c in chunks}), 1)


@case("streaming")
def stream_helper():
    # The helper takes an answer cut off by the token limit for an error, so end it by a stop text.
    stop = chat().choices[0].message.content[-3:]
    with client.chat.completions.stream(
        model=MODEL, messages=ASK, temperature=0, max_completion_tokens=32, stop=stop
    ) as stream:
        final = stream.get_final_completion()
    equal(final.choices[0].message.content, chat(stop=stop).choices[0].message.content)


@case("streaming")
def accumulator():
    options = dict(n=3, temperature=1, seed=5, logprobs=True, top_logprobs=2, max_completion_tokens=12)
    whole, state = chat(**options), ChatCompletionStreamState()
    for chunk in chat(stream=True, stream_options={"include_usage": True}, **options):
        state.handle_chunk(chunk)
    final = state.current_completion_snapshot
    equal([c.index for c in final.choices], [0, 1, 2])
    for streamed, expected in zip(final.choices, whole.choices, strict=True):
        equal(streamed.message.content, expected.message.content)
        equal(streamed.finish_reason, expected.finish_reason)
        equal(streamed.logprobs.content, expected.logprobs.content)
    equal(final.usage.completion_tokens, whole.usage.completion_tokens)


@case("plain")
def conversation():
    first = chat().choices[0].message
    for answer in (first, first.model_dump(), first.to_dict()):
        more = [*ASK, answer, {"role": "user", "content": "And then?"}]
        assert chat(messages=more, max_completion_tokens=8).choices[0].message.content


@case("plain")
def messages():
    def ask(user, system_role="system"):
        system = {"role": system_role, "content": "You are terse."}
        answer = chat(messages=[system, user])
        return answer.choices[0].message.content, answer.usage.prompt_tokens

    whole = ask({"role": "user", "content": "Name a colour. Now."})
    parts = [{"type": "text", "text": "Name a colour."}, {"type": "text", "text": " Now."}]
    equal(ask({"role": "user", "content": parts, "name": "ada"}), whole)
    equal(ask({"role": "user", "content": "Name a colour. Now."}, "developer"), whole)


@case("parameters")
def stop():
    text = chat().choices[0].message.content
    middle = text[len(text) // 2 : len(text) // 2 + 3]
    expected = text[: text.index(middle)]
    for value in (middle, ["\u0001never", middle]):
        choice = chat(stop=value).choices[0]
        equal((choice.message.content, choice.finish_reason), (expected, "stop"))
    streamed = "".join(c.choices[0].delta.content or "" for c in chat(stop=middle, stream=True))
    equal(streamed, expected)


@case("parameters")
def seed():
    def once(value):
        return chat(temperature=1, seed=value).choices[0].message.content

    equal(once(7), once(7))
    assert len({once(s) for s in range(4)}) > 1, "four seeds, one answer"


@case("parameters")
def two_choices():
    answer = chat(n=2, temperature=1, seed=3)
    equal([c.index for c in answer.choices], [0, 1])
    texts = [c.message.content for c in answer.choices]
    assert texts[0] != texts[1], "equal choices"
    streamed = ["", ""]
    for chunk in chat(n=2, temperature=1, seed=3, stream=True):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    equal(streamed, texts)


@case("parameters")
def logprobs():
    choice = chat(logprobs=True, top_logprobs=5).choices[0]
    content = choice.logprobs.content
    joined = bytes(b for token in content for b in token.bytes or [])
    equal(joined.decode(), choice.message.content)
    for token in content:
        top = [t.logprob for t in token.top_logprobs]
        equal((len(top), top), (5, sorted(top, reverse=True)))
        equal(token.logprob, top[0])  # greedy
    streamed = []
    for chunk in chat(logprobs=True, top_logprobs=5, stream=True):
        if chunk.choices[0].logprobs:
            streamed += chunk.choices[0].logprobs.content
    equal([t.token for t in streamed], [t.token for t in content])


@case("parameters")
def logit_bias():
    ids = client.post("/../tokenize", cast_to=object, body={"prompt": " yes", "model": MODEL})
    token = ids["tokens"][-1]
    text = chat(logit_bias={str(token): 100}, max_completion_tokens=3).choices[0].message.content
    assert text.strip().startswith("yes"), text


@case("streaming")
def unicode_text():
    messages = [{"role": "user", "content": "Repeat: 你好, grüße, 🙂🙃"}]
    whole = chat(messages=messages).choices[0].message.content
    parts = [c.choices[0].delta.content or "" for c in chat(messages=messages, stream=True)]
    equal("".join(parts), whole)


@case("plain")
def completions():
    options = dict(model=MODEL, max_tokens=8, temperature=0)
    text = client.completions.create(prompt="The capital of France is", **options)
    assert text.choices[0].text and text.usage.completion_tokens == 8
    chunks = client.completions.create(prompt="The capital of France is", stream=True, **options)
    equal("".join(c.choices[0].text for c in chunks if c.choices), text.choices[0].text)
    both = client.completions.create(prompt=["One", "Two"], **options)
    equal([c.index for c in both.choices], [0, 1])
    echo = client.completions.create(prompt="Hello world", echo=True, logprobs=1, **options)
    equal("".join(echo.choices[0].logprobs.tokens), echo.choices[0].text)
    equal(echo.choices[0].logprobs.text_offset[0], 0)
    assert echo.choices[0].logprobs.token_logprobs[0] is None


class Weather(BaseModel):
    """Weather of a city."""

    city: Literal["Quito", "Cusco"]
    days: Literal[1, 2, 3]


class Wish(BaseModel):
    class Route(BaseModel):
        start: Literal["Quito", "Cusco"]
        stops: list[Literal["Puno", "Lima"]]

    kind: Literal["train", "bus"]
    route: Route


def function(name, parameters, **more):
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}
WEATHER = function("get_weather", Weather.model_json_schema(), description="Weather of a city")
TIME = function("get_time", NOTHING)
BOTH = [WEATHER, TIME]
NAMED = {"type": "function", "function": {"name": "get_weather"}}


def tool_chat(choice=None, **more):
    if choice:
        more["tool_choice"] = choice
    options = dict(tools=BOTH, max_completion_tokens=120) | more
    return chat(messages=[{"role": "user", "content": "How is the weather in Quito?"}], **options)


def arguments(call):
    return json.loads(call.function.arguments)


def streamed_message(chunks):
    state = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(chunk)
    choice = state.current_completion_snapshot.choices[0]
    return choice.message, choice.finish_reason


def as_data(calls):
    return [(c.type, c.function.name, c.function.arguments) for c in calls]


@case("tools")
def tool_round_trip():
    answer = tool_chat(NAMED)
    message = answer.choices[0].message
    equal((message.content, len(message.tool_calls), answer.choices[0].finish_reason), (None, 1, "stop"))
    call = message.tool_calls[0]
    equal((call.type, call.function.name), ("function", "get_weather"))
    Weather.model_validate_json(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": suite.SUNNY}
    final = chat(messages=[*ASK, message, result], tools=BOTH, tool_choice="none").choices[0]
    assert final.message.content and not final.message.tool_calls, final


@case("tools")
def tool_choice_required():
    choice = tool_chat("required").choices[0]
    # A small model goes on calling until the limit.
    assert choice.finish_reason in ("tool_calls", "length"), choice
    for call in choice.message.tool_calls[: None if choice.finish_reason == "tool_calls" else -1]:
        assert call.function.name in ("get_weather", "get_time"), call
        assert isinstance(arguments(call), dict)
    assert len({c.id for c in choice.message.tool_calls}) == len(choice.message.tool_calls)


@case("tools")
def tool_streaming():
    for tool_choice in (NAMED, "required"):
        whole = tool_chat(tool_choice).choices[0]
        message, finish = streamed_message(tool_chat(tool_choice, stream=True))
        equal(as_data(message.tool_calls), as_data(whole.message.tool_calls))
        equal((message.content, finish), (whole.message.content, whole.finish_reason))


@case("tools")
def tool_stream_helper():
    options = dict(model=MODEL, messages=ASK, tools=[openai.pydantic_function_tool(Weather)])
    with client.chat.completions.stream(
        tool_choice="required", parallel_tool_calls=False, temperature=0, **options
    ) as stream:
        done = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion().choices[0].message
    equal([e.name for e in done], ["Weather"])
    equal(done[0].arguments, final.tool_calls[0].function.arguments)
    assert isinstance(final.tool_calls[0].function.parsed_arguments, Weather)


@case("tools")
def tool_choice_none():
    message = tool_chat("none").choices[0].message
    assert message.content and not message.tool_calls, message


@case("tools")
def allowed_tools():
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "get_time"}}]}
    choice = tool_chat({"type": "allowed_tools", "allowed_tools": allowed}, parallel_tool_calls=False).choices[0]
    equal([c.function.name for c in choice.message.tool_calls], ["get_time"])
    equal(choice.finish_reason, "tool_calls")


@case("tools")
def parallel_tool_calls_false():
    choice = tool_chat("required", parallel_tool_calls=False).choices[0]
    equal((len(choice.message.tool_calls), choice.finish_reason), (1, "tool_calls"))
    assert chat(parallel_tool_calls=False).choices[0].message.content
    assert chat(tools=[]).choices[0].message.content


@case("tools")
def tool_without_arguments():
    named = {"type": "function", "function": {"name": "get_time"}}
    equal(arguments(tool_chat(named).choices[0].message.tool_calls[0]), {})
    message, _ = streamed_message(tool_chat(named, stream=True))
    equal(arguments(message.tool_calls[0]), {})
    # A function may leave out its parameters and its description.
    bare = {"type": "function", "function": {"name": "get_time"}}
    equal(arguments(tool_chat(named, tools=[bare]).choices[0].message.tool_calls[0]), {})


@case("tools")
def tool_history():
    def call(id, city):
        text = json.dumps({"city": city, "days": 1})
        return {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": text}}

    def result(id):
        return {"role": "tool", "tool_call_id": id, "content": suite.SUNNY}

    one = {"role": "assistant", "content": None, "tool_calls": [call("a", "Quito")]}
    two = {"role": "assistant", "tool_calls": [call("a", "Quito"), call("b", "Cusco")]}
    for history in ([one, result("a")], [two, result("a"), result("b")], [two, result("b"), result("a")]):
        for more in ({}, {"tools": BOTH}):
            assert chat(messages=[*ASK, *history], max_completion_tokens=8, **more).choices[0].finish_reason


@case("tools")
def strict_tool():
    tool = openai.pydantic_function_tool(Wish)
    completion = client.chat.completions.parse(
        model=MODEL, messages=ASK, tools=[tool], temperature=0, parallel_tool_calls=False,
        tool_choice={"type": "function", "function": {"name": "Wish"}}, max_completion_tokens=400,
    )
    assert isinstance(completion.choices[0].message.tool_calls[0].function.parsed_arguments, Wish)


def scripted(text, **more):
    parrot = OpenAI(base_url=suite.scripted_url(), api_key="any", max_retries=0)
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    options = dict(model=suite.PARROT, tools=[function("get_weather", city), TIME]) | more
    return parrot.chat.completions.create(messages=[{"role": "user", "content": text}], **options)


@case("auto tools")
def auto_call():
    choice = scripted(suite.calls("Quito")).choices[0]
    equal(choice.finish_reason, "tool_calls")
    assert choice.message.content is None, choice.message
    equal([arguments(c) for c in choice.message.tool_calls], [{"city": "Quito"}])
    message, finish = streamed_message(scripted(suite.calls("Quito"), stream=True))
    equal(as_data(message.tool_calls), as_data(choice.message.tool_calls))
    equal(finish, "tool_calls")


@case("auto tools")
def auto_two_calls():
    text = suite.calls("Quito", "Cusco")
    calls = scripted(text).choices[0].message.tool_calls
    equal([arguments(c)["city"] for c in calls], ["Quito", "Cusco"])
    chunks = list(scripted(text, stream=True))
    deltas = [d for c in chunks for choice in c.choices for d in choice.delta.tool_calls or []]
    equal([d.index for d in deltas], sorted(d.index for d in deltas))
    equal({d.index for d in deltas}, {0, 1})
    equal(len([d for d in deltas if d.id]), 2)
    equal(as_data(streamed_message(chunks)[0].tool_calls), as_data(calls))


@case("auto tools")
def auto_prose_before_a_call():
    text = suite.calls("Quito", before="Let me look. ")
    whole = scripted(text).choices[0].message
    equal((whole.content or "").strip(), "Let me look.")
    equal(len(whole.tool_calls), 1)
    message, _ = streamed_message(scripted(text, stream=True))
    equal((message.content, as_data(message.tool_calls)), (whole.content, as_data(whole.tool_calls)))


@case("auto tools")
def auto_prose_only():
    choice = scripted("No call, { just text }").choices[0]
    equal((choice.message.content, choice.message.tool_calls), ("No call, { just text }", None))
    equal(choice.finish_reason, "stop")


@case("JSON schema")
def parse():
    options = dict(model=MODEL, messages=ASK, temperature=0, max_completion_tokens=400)
    for kind in (Weather, Wish):
        completion = client.chat.completions.parse(response_format=kind, **options)
        assert isinstance(completion.choices[0].message.parsed, kind)
        with client.chat.completions.stream(response_format=kind, **options) as stream:
            for _ in stream:
                pass
            final = stream.get_final_completion().choices[0].message
        assert isinstance(final.parsed, kind)
        equal(final.content, completion.choices[0].message.content)


@case("JSON schema")
def json_object():
    choice = chat(response_format={"type": "json_object"}, max_completion_tokens=100).choices[0]
    assert choice.message.content.lstrip().startswith("{"), choice
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content), dict)


@case("JSON schema")
def cut_by_length():
    options = dict(model=MODEL, messages=ASK, temperature=0, max_completion_tokens=4)
    raises(openai.LengthFinishReasonError, lambda: client.chat.completions.parse(response_format=Wish, **options))


@case("abort")
def abort_stream():
    def begin():
        stream = chat(messages=LONG, max_completion_tokens=1500, stream=True, extra_body={"ignore_eos": True})
        for _ in range(3):  # the role and two tokens
            next(stream)
        equal(metric("vllm:num_requests_running"), 1)
        stream.close()

    assert_aborted(begin)


@case("abort")
def abort_by_timeout():
    hasty = client.with_options(timeout=1.0)
    options = dict(model=MODEL, messages=LONG, max_completion_tokens=1500)
    assert_aborted(
        lambda: raises(
            openai.APITimeoutError,
            lambda: hasty.chat.completions.create(extra_body={"ignore_eos": True}, **options),
        )
    )


@case("errors")
def unknown_model():
    e = raises(openai.NotFoundError, lambda: chat(model="no-such-model"))
    equal((e.code, e.status_code), ("model_not_found", 404))


@case("errors")
def unknown_field():
    e = raises(openai.BadRequestError, lambda: chat(extra_body={"temprature": 1}))
    equal((e.param, e.code), ("temprature", "unknown_parameter"))


@case("errors")
def bad_value():
    equal(raises(openai.BadRequestError, lambda: chat(temperature=9)).param, "temperature")
    equal(raises(openai.BadRequestError, lambda: chat(messages=[])).param, "messages")
    orphan = {"role": "tool", "tool_call_id": "none", "content": "x"}
    e = raises(openai.BadRequestError, lambda: chat(messages=[*ASK, orphan]))
    assert e.param.startswith("messages[1]"), e.param
    e = raises(openai.BadRequestError, lambda: tool_chat({"type": "function", "function": {"name": "no"}}))
    assert e.param.startswith("tool_choice"), e.param


@case("errors")
def context_too_long():
    e = raises(openai.BadRequestError, lambda: chat(max_completion_tokens=10_000_000))
    equal(e.code, "context_length_exceeded")


@case("errors")
def wrong_key():
    suite.needs_keys()
    e = raises(openai.AuthenticationError, lambda: client.with_options(api_key="wrong").models.list())
    equal(e.code, "invalid_api_key")


suite.run("openai (Python)", openai.__version__, SETUP)
