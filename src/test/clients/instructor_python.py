"""Instructor against a running server; see run.sh."""

import logging
from importlib.metadata import version
from typing import Literal

import instructor
import openai
from openai import OpenAI
from pydantic import BaseModel

import suite
from suite import ASK, BASE_URL, KEY, MODEL, assert_aborted, case, equal, raises

SETUP = """client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="any")
instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA)"""

logging.disable(logging.CRITICAL)  # it would print the expected errors


class Weather(BaseModel):
    """Weather of a city."""

    city: Literal["Quito", "Cusco"]
    days: Literal[1, 2, 3]


def client(mode=instructor.Mode.JSON_SCHEMA, key=KEY):
    return instructor.from_openai(OpenAI(base_url=BASE_URL, api_key=key, max_retries=0), mode=mode)


def request(kind, more):
    messages = [{"role": "user", "content": ASK}]
    options = dict(model=MODEL, temperature=0, max_tokens=200, max_retries=0)
    return dict(response_model=kind, messages=messages) | options | more


def ask(client, kind=Weather, **more):
    return client.chat.completions.create(**request(kind, more))


def stream(client, kind=Weather, **more):
    return client.chat.completions.create_partial(**request(kind, more))


@case("plain")
def plain():
    answer = ask(client(), None, max_tokens=40)
    assert answer.choices[0].message.content


@case("streaming")
def streaming():
    whole = ask(client())
    partials = list(stream(client()))
    equal((partials[-1].city, partials[-1].days), (whole.city, whole.days))


@case("JSON schema")
def structured_output():
    assert isinstance(ask(client()), Weather)


@case("tools")
def output_by_call():
    for mode in (instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT):
        assert isinstance(ask(client(mode)), Weather)


@case("tools")
def output_by_streamed_call():
    whole = ask(client(instructor.Mode.TOOLS))
    partials = list(stream(client(instructor.Mode.TOOLS)))
    equal((partials[-1].city, partials[-1].days), (whole.city, whole.days))


class Story(BaseModel):
    chapters: list[str]


@case("abort")
def abort_by_timeout():
    # What Instructor streams it collects first, so a caller can leave by a limit of time only.
    hasty = instructor.from_openai(
        OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=1), mode=instructor.Mode.JSON_SCHEMA
    )
    story = dict(kind=Story, max_tokens=1500, temperature=1, seed=1)
    assert_aborted(lambda: raises(Exception, lambda: ask(hasty, **story)))


def refused(client, **more):
    e = raises(Exception, lambda: ask(client, **more))
    while not isinstance(e, openai.APIStatusError) and e.__cause__:
        e = e.__cause__
    assert isinstance(e, openai.APIStatusError), repr(e)
    return type(e), e.code


@case("errors")
def unknown_model():
    equal(refused(client(), model="no-such-model"), (openai.NotFoundError, "model_not_found"))


@case("errors")
def bad_value():
    equal(refused(client(), temperature=9), (openai.BadRequestError, "invalid_value"))


@case("errors")
def wrong_key():
    suite.needs_keys()
    equal(refused(client(key="wrong")), (openai.AuthenticationError, "invalid_api_key"))


suite.run("Instructor", version("instructor"), SETUP)
