"""Pydantic AI against a running server; see run.sh."""

from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    ModelAuthenticationError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    NativeOutput,
    Tool,
    ToolOutput,
)
from pydantic_ai.direct import model_request_sync
from pydantic_ai.messages import ModelRequest, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from openai import AsyncOpenAI

import suite
from suite import ASK, BASE_URL, KEY, LONG, MODEL, assert_aborted, case, equal, raises

SETUP = """provider = OpenAIProvider(base_url="http://127.0.0.1:8000/v1", api_key="any")
Agent(OpenAIChatModel("…", provider=provider), output_type=NativeOutput(Type))"""
called = []


class Weather(BaseModel):
    """Weather of a city."""

    city: Literal["Quito", "Cusco"]
    days: Literal[1, 2, 3]


def get_weather(city: Literal["Quito", "Cusco"]) -> str:
    """Weather of a city."""
    called.append(city)
    return suite.SUNNY + " in " + city


def get_time() -> str:
    """The time now."""
    called.append("time")
    return "noon"


def chat_model(name=MODEL, base_url=BASE_URL, key=KEY):
    client = AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0)
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))


def agent(model=None, settings=None, **more):
    called.clear()
    options = dict(temperature=0, max_tokens=60) | (settings or {})
    return Agent(model or chat_model(), model_settings=options, **more)


def parrot(**more):
    model = chat_model(suite.PARROT, suite.scripted_url(), "any")
    return agent(model, dict(max_tokens=300), tools=[get_weather, get_time], **more)


@case("plain")
def plain():
    result = agent(system_prompt="You are terse.").run_sync(ASK)
    assert result.output
    assert result.usage.input_tokens > 0 and result.usage.output_tokens > 0, result.usage


@case("plain")
def conversation():
    first = agent().run_sync(ASK)
    assert agent().run_sync("And then?", message_history=first.all_messages()).output


@case("streaming")
async def streaming():
    async with agent().run_stream(ASK) as result:
        text = "".join([delta async for delta in result.stream_text(delta=True)])
        assert result.usage.output_tokens > 0
    equal(text, (await agent().run(ASK)).output)


@case("parameters")
def parameters():
    equal(agent(settings=dict(max_tokens=5)).run_sync(ASK).usage.output_tokens, 5)
    text = agent().run_sync(ASK).output
    middle = text[len(text) // 2 : len(text) // 2 + 3]
    equal(agent(settings=dict(stop_sequences=[middle])).run_sync(ASK).output, text[: text.index(middle)])
    seeded = agent(settings=dict(temperature=1, seed=7, presence_penalty=0.5, logit_bias={"5": -3}))
    equal(seeded.run_sync(ASK).output, seeded.run_sync(ASK).output)


def request(messages, choice, **settings):
    parameters = ModelRequestParameters(
        function_tools=[Tool(f).tool_def for f in (get_weather, get_time)], allow_text_output=True
    )
    options = dict(temperature=0, max_tokens=120, tool_choice=choice) | settings
    return model_request_sync(
        chat_model(), messages, model_settings=options, model_request_parameters=parameters
    )


@case("tools")
def tool_round_trip():
    question = ModelRequest(parts=[UserPromptPart(ASK)])
    for choice in ("required", ["get_weather"]):
        answer = request([question], choice, parallel_tool_calls=False)
        calls = [p for p in answer.parts if isinstance(p, ToolCallPart)]
        equal(len(calls), 1)
        name, arguments = calls[0].tool_name, calls[0].args_as_dict()
        assert (name, list(arguments)) in [("get_weather", ["city"]), ("get_time", [])], calls
        result = ToolReturnPart(name, suite.SUNNY, calls[0].tool_call_id)
        final = request([question, answer, ModelRequest(parts=[result])], "none")
        assert final.text, final


@case("tools")
async def output_by_call():
    # Pydantic AI's default way to a typed answer: the model has to call a tool that takes it.
    helper = agent(output_type=ToolOutput(Weather), settings=dict(max_tokens=200))
    whole = await helper.run(ASK)
    assert isinstance(whole.output, Weather)
    async with helper.run_stream(ASK) as result:
        equal(await result.get_output(), whole.output)


@case("auto tools")
def auto_agent():
    for cities in (["Quito"], ["Quito", "Cusco"]):
        result = parrot().run_sync(suite.calls(*cities, before="Let me look. "))
        equal(sorted(called), sorted(cities))
        assert suite.SUNNY + " in " + cities[-1] in result.output, result.output


@case("auto tools")
async def auto_streaming():
    async with parrot().run_stream(suite.calls("Quito", "Cusco")) as result:
        output = await result.get_output()
    equal(sorted(called), ["Cusco", "Quito"])
    assert suite.SUNNY in output, output


@case("JSON schema")
async def structured_output():
    helper = agent(output_type=NativeOutput(Weather, strict=True), settings=dict(max_tokens=200))
    whole = await helper.run(ASK)
    assert isinstance(whole.output, Weather)
    async with helper.run_stream(ASK) as result:
        equal(await result.get_output(), whole.output)


@case("abort")
def abort_stream():
    async def begin():
        settings = dict(max_tokens=1500, extra_body={"ignore_eos": True})
        async with agent(settings=settings).run_stream(LONG) as result:
            seen = 0
            async for _ in result.stream_text(delta=True, debounce_by=None):
                seen += 1
                if seen == 2:
                    assert suite.is_running()
                    await result.cancel()
                    break

    assert_aborted(begin)


def refused(kind, **options):
    e = raises(kind, lambda: agent(**options).run_sync(ASK))
    return e.status_code, e.body["code"], e.body["param"]


@case("errors")
def unknown_model():
    equal(refused(ModelNotFoundError, model=chat_model("no-such-model"))[:2], (404, "model_not_found"))


@case("errors")
def bad_value():
    equal(refused(ModelHTTPError, settings=dict(temperature=9)), (400, "invalid_value", "temperature"))
    typo = dict(extra_body={"temprature": 1})
    equal(refused(ModelHTTPError, settings=typo), (400, "unknown_parameter", "temprature"))


@case("errors")
def context_too_long():
    equal(refused(ModelContextWindowExceededError, settings=dict(max_tokens=10_000_000))[:2], (400, "context_length_exceeded"))


@case("errors")
def wrong_key():
    suite.needs_keys()
    equal(refused(ModelAuthenticationError, model=chat_model(key="wrong"))[:2], (401, "invalid_api_key"))


suite.run("Pydantic AI", version("pydantic-ai-slim"), SETUP)
