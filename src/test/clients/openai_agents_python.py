"""OpenAI's agents framework for Python, by chat completions, against a running server; see run.sh."""

import logging
from importlib.metadata import version
from typing import Literal

import openai
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseFunctionCallArgumentsDeltaEvent, ResponseTextDeltaEvent
from pydantic import BaseModel

import suite
from suite import ASK, BASE_URL, KEY, LONG, MODEL, assert_aborted, case, equal, raises

SETUP = """set_tracing_disabled(True)
client = AsyncOpenAI(base_url="http://127.0.0.1:8000/v1", api_key="any")
Agent(name="…", model=OpenAIChatCompletionsModel(model="…", openai_client=client))"""
set_tracing_disabled(True)
logging.getLogger("openai.agents").setLevel(logging.CRITICAL)  # it would print the expected errors
called = []


class Weather(BaseModel):
    city: Literal["Quito", "Cusco"]
    days: Literal[1, 2, 3]


@function_tool
def get_weather(city: Literal["Quito", "Cusco"]) -> str:
    """Weather of a city."""
    called.append(city)
    return suite.SUNNY + " in " + city


@function_tool
def get_time() -> str:
    """The time now."""
    called.append("time")
    return "noon"


def chat_model(model=MODEL, base_url=BASE_URL, api_key=KEY):
    client = AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0)
    return OpenAIChatCompletionsModel(model=model, openai_client=client)


def agent(model=None, settings=None, **more):
    options = dict(temperature=0, max_tokens=60) | (settings or {})
    return Agent(name="helper", model=model or chat_model(), model_settings=ModelSettings(**options), **more)


def parrot(**more):
    model = chat_model(suite.PARROT, suite.scripted_url(), "any")
    return agent(model, dict(max_tokens=300), tools=[get_weather, get_time], **more)


def run(agent, prompt=ASK):
    called.clear()
    return Runner.run_sync(agent, prompt)


async def stream(agent, prompt=ASK):
    called.clear()
    result = Runner.run_streamed(agent, prompt)
    events = [e.data async for e in result.stream_events() if e.type == "raw_response_event"]
    return result, events


@case("plain")
def plain():
    result = run(agent(instructions="You are terse."))
    assert result.final_output
    usage = result.context_wrapper.usage
    equal(usage.total_tokens, usage.input_tokens + usage.output_tokens)


@case("plain")
async def conversation():
    for first in (await Runner.run(agent(), ASK), (await stream(agent()))[0]):
        more = [*first.to_input_list(), {"role": "user", "content": "And then?"}]
        assert (await Runner.run(agent(), more)).final_output


@case("streaming")
async def streaming():
    result, events = await stream(agent(settings=dict(include_usage=True)))
    text = "".join(e.delta for e in events if isinstance(e, ResponseTextDeltaEvent))
    equal(text, result.final_output)
    equal(text, (await Runner.run(agent(), ASK)).final_output)
    assert result.context_wrapper.usage.output_tokens > 0


@case("parameters")
def parameters():
    five = run(agent(settings=dict(max_tokens=5)))
    equal(five.context_wrapper.usage.output_tokens, 5)
    extras = dict(store=False, metadata={"a": "b"}, extra_args={"seed": 7, "service_tier": "auto", "user": "me"})
    seeded = agent(settings=dict(temperature=1, **extras))
    equal(run(seeded).final_output, run(seeded).final_output)


@case("tools")
def tool_round_trip():
    for choice in ("required", "get_weather"):
        helper = agent(tools=[get_weather], settings=dict(tool_choice=choice, parallel_tool_calls=False))
        result = run(helper)
        equal([c in ("Quito", "Cusco") for c in called], [True])
        equal(len(result.raw_responses), 2)
        assert result.final_output


@case("tools")
async def tool_streaming():
    helper = agent(tools=[get_weather], settings=dict(tool_choice="required", parallel_tool_calls=False))
    result, events = await stream(helper)
    whole = list(called)
    assert any(isinstance(e, ResponseFunctionCallArgumentsDeltaEvent) for e in events)
    equal((len(whole), len(result.raw_responses)), (1, 2))
    await Runner.run(helper, ASK)
    equal(called, whole * 2)


@case("tools")
def tool_without_arguments():
    run(agent(tools=[get_time], settings=dict(tool_choice="required", parallel_tool_calls=False)))
    equal(called, ["time"])


@case("tools")
def hand_off():
    colleague = Agent(name="colleague", model=chat_model(), model_settings=ModelSettings(max_tokens=20))
    result = run(agent(handoffs=[colleague], settings=dict(tool_choice="required", parallel_tool_calls=False)))
    equal(result.last_agent.name, "colleague")
    assert result.final_output


@case("auto tools")
def auto_agent():
    for cities in (["Quito"], ["Quito", "Cusco"]):
        result = run(parrot(), suite.calls(*cities, before="Let me look. "))
        equal(sorted(called), sorted(cities))
        assert suite.SUNNY + " in " + cities[-1] in result.final_output, result.final_output


@case("auto tools")
async def auto_streaming():
    result, events = await stream(parrot(), suite.calls("Quito", "Cusco"))
    equal(sorted(called), ["Cusco", "Quito"])
    deltas = [e for e in events if isinstance(e, ResponseFunctionCallArgumentsDeltaEvent)]
    assert len(deltas) >= 2, deltas  # how many depends on how fast they are read
    assert suite.SUNNY in result.final_output, result.final_output


@case("JSON schema")
async def structured_output():
    helper = agent(output_type=Weather, settings=dict(max_tokens=200))
    whole = (await Runner.run(helper, ASK)).final_output
    assert isinstance(whole, Weather), whole
    equal((await stream(helper))[0].final_output, whole)


async def leave_stream():
    settings = dict(max_tokens=1500, extra_body={"ignore_eos": True})
    result = Runner.run_streamed(agent(settings=settings), LONG)
    seen = 0
    async for event in result.stream_events():
        seen += event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent)
        if seen == 2 and not result.is_complete:
            assert suite.is_running()
            result.cancel()
    equal(seen, 2)


@case("abort")
def abort_stream():
    assert_aborted(leave_stream)


@case("errors")
def unknown_model():
    e = raises(openai.NotFoundError, lambda: run(agent(chat_model("no-such-model"))))
    equal(e.code, "model_not_found")


@case("errors")
def bad_value():
    e = raises(openai.BadRequestError, lambda: run(agent(settings=dict(temperature=9))))
    equal(e.param, "temperature")
    extra = dict(extra_body={"temprature": 1})
    e = raises(openai.BadRequestError, lambda: run(agent(settings=extra)))
    equal((e.param, e.code), ("temprature", "unknown_parameter"))


@case("errors")
def default_api():
    # Without the switch to chat completions; the message has to say what to do.
    client = AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0)
    model = OpenAIResponsesModel(model=MODEL, openai_client=client)
    e = raises(openai.NotFoundError, lambda: run(agent(model)))
    assert "chat" in e.message and "completions" in e.message, e.message


@case("errors")
def wrong_key():
    suite.needs_keys()
    e = raises(openai.AuthenticationError, lambda: run(agent(chat_model(api_key="wrong"))))
    equal(e.code, "invalid_api_key")


suite.run("openai-agents (Python)", version("openai-agents"), SETUP)
