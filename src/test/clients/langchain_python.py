"""LangChain's chat model for OpenAI against a running server; see run.sh."""

from typing import Literal

import openai
from importlib.metadata import version
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

import suite
from suite import ASK, BASE_URL, KEY, LONG, MODEL, assert_aborted, case, equal, raises

SETUP = 'ChatOpenAI(base_url="http://127.0.0.1:8000/v1", api_key="any", model="…")'


class Weather(BaseModel):
    """Weather of a city."""

    city: Literal["Quito", "Cusco"]
    days: Literal[1, 2, 3]


@tool
def get_weather(city: Literal["Quito", "Cusco"]) -> str:
    """Weather of a city."""
    return suite.SUNNY + " in " + city


@tool
def get_time() -> str:
    """The time now."""
    return "noon"


def model(**more):
    options = dict(
        base_url=BASE_URL, api_key=KEY, model=MODEL, temperature=0, max_tokens=40, max_retries=0
    )
    return ChatOpenAI(**options | more)


def parrot():
    return model(base_url=suite.scripted_url(), api_key="any", model=suite.PARROT, max_tokens=300)


def merged(chunks):
    message = None
    for chunk in chunks:
        message = chunk if message is None else message + chunk
    return message


def calls_of(message):
    return [(c["name"], c["args"]) for c in message.tool_calls]


@case("plain")
def plain():
    answer = model().invoke([SystemMessage("You are terse."), HumanMessage(ASK)])
    assert answer.content
    usage = answer.usage_metadata
    equal(usage["total_tokens"], usage["input_tokens"] + usage["output_tokens"])


@case("plain")
def conversation():
    for first in (model().invoke(ASK), merged(model().stream(ASK))):
        assert model().invoke([HumanMessage(ASK), first, HumanMessage("And then?")]).content


@case("streaming")
def streaming():
    whole = model().invoke(ASK)
    streamed = merged(model(stream_usage=True).stream(ASK))
    equal(streamed.content, whole.content)
    equal(streamed.response_metadata["finish_reason"], whole.response_metadata["finish_reason"])
    equal(streamed.usage_metadata["output_tokens"], whole.usage_metadata["output_tokens"])


@case("streaming")
async def streaming_async():
    streamed = merged([chunk async for chunk in model().astream(ASK)])
    equal(streamed.content, (await model().ainvoke(ASK)).content)


@case("parameters")
def parameters():
    answer = model(max_tokens=5).invoke(ASK)
    equal(answer.usage_metadata["output_tokens"], 5)
    equal(answer.response_metadata["finish_reason"], "length")
    text = model().invoke(ASK).content
    middle = text[len(text) // 2 : len(text) // 2 + 3]
    equal(model(stop=[middle]).invoke(ASK).content, text[: text.index(middle)])
    seeded = model(temperature=1, seed=7)
    equal(seeded.invoke(ASK).content, seeded.invoke(ASK).content)
    logprobs = model(logprobs=True, top_logprobs=3).invoke(ASK).response_metadata["logprobs"]["content"]
    equal("".join(entry["token"] for entry in logprobs), text)


@case("tools")
def tool_round_trip():
    bound = model(max_tokens=120).bind_tools([get_weather, get_time], tool_choice="get_weather")
    answer = bound.invoke(ASK)
    equal([c["name"] for c in answer.tool_calls], ["get_weather"])
    assert not answer.invalid_tool_calls, answer.invalid_tool_calls
    result = get_weather.invoke(answer.tool_calls[0])
    assert isinstance(result, ToolMessage), result
    free = model().bind_tools([get_weather, get_time], tool_choice="none")
    final = free.invoke([HumanMessage(ASK), answer, result])
    assert final.content and not final.tool_calls, final


@case("tools")
def tool_streaming():
    for choice in ("get_weather", "any"):
        bound = model(max_tokens=120).bind_tools([get_weather, get_time], tool_choice=choice, strict=True)
        whole = bound.invoke(ASK)
        assert whole.tool_calls, whole
        equal(calls_of(merged(bound.stream(ASK))), calls_of(whole))


@case("tools")
def tool_without_arguments():
    bound = model().bind_tools([get_time], tool_choice="get_time")
    equal(calls_of(bound.invoke(ASK)), [("get_time", {})])
    equal(calls_of(merged(bound.stream(ASK))), [("get_time", {})])


@case("tools")
def parallel_tool_calls_false():
    bound = model(max_tokens=120).bind_tools(
        [get_weather, get_time], tool_choice="required", parallel_tool_calls=False
    )
    equal(len(bound.invoke(ASK).tool_calls), 1)


@case("tools")
def tool_history():
    calls = [{"id": id, "name": "get_weather", "args": {"city": city}} for id, city in (("a", "Quito"), ("b", "Cusco"))]
    results = [ToolMessage(suite.SUNNY, tool_call_id=id) for id in ("a", "b")]
    assert model().invoke([HumanMessage(ASK), AIMessage("", tool_calls=calls), *results]).content


@case("auto tools")
def auto_agent():
    agent = create_agent(parrot(), [get_weather, get_time])
    for cities in (["Quito"], ["Quito", "Cusco"]):
        request = {"messages": [HumanMessage(suite.calls(*cities, before="Let me look. "))]}
        messages = agent.invoke(request)["messages"]
        equal([c["args"]["city"] for c in messages[1].tool_calls], cities)
        equal([type(m) for m in messages[2:-1]], [ToolMessage] * len(cities))
        assert suite.SUNNY + " in " + cities[-1] in messages[-1].content, messages[-1]


@case("auto tools")
def auto_streaming():
    bound = parrot().bind_tools([get_weather])
    for text in (suite.calls("Quito", "Cusco"), suite.calls("Quito", before="Let me look. ")):
        whole, streamed = bound.invoke(text), merged(bound.stream(text))
        assert whole.tool_calls, whole
        equal(calls_of(streamed), calls_of(whole))
        equal(streamed.content, whole.content)


@case("JSON schema")
def structured_output():
    structured = model(max_tokens=200).with_structured_output(Weather, method="json_schema", strict=True)
    assert isinstance(structured.invoke(ASK), Weather)
    assert isinstance(list(structured.stream(ASK))[-1], Weather)


@case("JSON schema")
def structured_output_by_call():
    structured = model(max_tokens=200).with_structured_output(Weather, method="function_calling")
    assert isinstance(structured.invoke(ASK), Weather)


@case("abort")
def abort_stream():
    def begin():
        stream = model(max_tokens=1500, extra_body={"ignore_eos": True}).stream(LONG)
        for _ in range(3):
            next(stream)
        assert suite.is_running()
        stream.close()

    assert_aborted(begin)


@case("errors")
def unknown_model():
    e = raises(openai.NotFoundError, lambda: model(model="no-such-model").invoke(ASK))
    equal(e.code, "model_not_found")


@case("errors")
def bad_value():
    e = raises(openai.BadRequestError, lambda: model(temperature=9).invoke(ASK))
    equal(e.param, "temperature")
    e = raises(openai.BadRequestError, lambda: model(extra_body={"temprature": 1}).invoke(ASK))
    equal((e.param, e.code), ("temprature", "unknown_parameter"))


@case("errors")
def context_too_long():
    e = raises(openai.BadRequestError, lambda: model(max_tokens=10_000_000).invoke(ASK))
    equal(e.code, "context_length_exceeded")


@case("errors")
def wrong_key():
    suite.needs_keys()
    e = raises(openai.AuthenticationError, lambda: model(api_key="wrong").invoke(ASK))
    equal(e.code, "invalid_api_key")


suite.run("LangChain (Python)", version("langchain") + ", langchain-openai " + version("langchain-openai"), SETUP)
