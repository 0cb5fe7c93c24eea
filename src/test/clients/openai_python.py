"""The official Python SDK against a running server. See run.sh; prints PASS, FAIL or SKIP per case."""

import os
import sys
import time
import traceback
import urllib.request

import openai
from openai import OpenAI

BASE_URL = os.environ["OPENAI_BASE_URL"].rstrip("/")
KEY = os.environ.get("OPENAI_API_KEY") or "none"
METRICS = os.environ.get("METRICS_URL") or BASE_URL.removesuffix("/v1") + "/metrics"
client = OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=300)
MODEL = os.environ.get("MODEL") or client.models.list().data[0].id
ASK = [{"role": "user", "content": "Name three colours, then count from one to ten in words."}]
LONG = [{"role": "user", "content": "Write a very long story about a river."}]
cases = []


class Skip(Exception):
    pass


def case(function):
    cases.append(function)
    return function


def chat(**more):
    options = dict(model=MODEL, messages=ASK, temperature=0, max_completion_tokens=32) | more
    return client.chat.completions.create(**options)


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def raises(kind, call):
    try:
        call()
    except kind as e:
        return e
    raise AssertionError(f"no {kind.__name__}")


def metric(name):
    request = urllib.request.Request(METRICS, headers={"Authorization": f"Bearer {KEY}"})
    total, seen = 0.0, False
    for line in urllib.request.urlopen(request, timeout=10).read().decode().splitlines():
        if line.startswith((name + "{", name + " ")):
            total, seen = total + float(line.rsplit(" ", 1)[1]), True
    assert seen, f"{METRICS} has no {name}"
    return total


def wait_until_idle(seconds=10):
    end = time.time() + seconds
    while metric("vllm:num_requests_running") or metric("vllm:num_requests_waiting"):
        assert time.time() < end, "requests still running"
        time.sleep(0.05)


@case
def models():
    assert MODEL in [m.id for m in client.models.list().data]
    equal(client.models.retrieve(MODEL).id, MODEL)
    raises(openai.NotFoundError, lambda: client.models.retrieve("no/such-model"))


@case
def plain():
    answer = chat(max_completion_tokens=None, max_tokens=48)
    choice, usage = answer.choices[0], answer.usage
    assert choice.message.content and choice.message.role == "assistant"
    assert choice.finish_reason in ("stop", "length")
    equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
    assert answer._request_id


@case
def length():
    for n in (1, 5):
        answer = chat(max_completion_tokens=n)
        equal((answer.choices[0].finish_reason, answer.usage.completion_tokens), ("length", n))


@case
def streaming():
    whole = chat()
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    equal(text, whole.choices[0].message.content)
    equal([c.usage for c in chunks if c.usage][0].completion_tokens, whole.usage.completion_tokens)
    equal(len([c for c in chunks if c.usage]), 1)
    equal(len([c for c in chunks if c.choices and c.choices[0].finish_reason]), 1)
    equal(len({c.id for c in chunks}), 1)


@case
def stream_helper():
    # The helper takes an answer cut off by the token limit for an error, so end it by a stop text.
    stop = chat().choices[0].message.content[-3:]
    with client.chat.completions.stream(
        model=MODEL, messages=ASK, temperature=0, max_completion_tokens=32, stop=stop
    ) as stream:
        final = stream.get_final_completion()
    equal(final.choices[0].message.content, chat(stop=stop).choices[0].message.content)


@case
def stop():
    text = chat().choices[0].message.content
    middle = text[len(text) // 2 : len(text) // 2 + 3]
    expected = text[: text.index(middle)]
    for value in (middle, ["\u0001never", middle]):
        choice = chat(stop=value).choices[0]
        equal((choice.message.content, choice.finish_reason), (expected, "stop"))
    streamed = "".join(c.choices[0].delta.content or "" for c in chat(stop=middle, stream=True))
    equal(streamed, expected)


@case
def seed():
    def once(value):
        return chat(temperature=1, seed=value).choices[0].message.content

    equal(once(7), once(7))
    assert len({once(s) for s in range(4)}) > 1, "four seeds, one answer"


@case
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


@case
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


@case
def logit_bias():
    ids = client.post("/../tokenize", cast_to=object, body={"prompt": " yes", "model": MODEL})
    token = ids["tokens"][-1]
    text = chat(logit_bias={str(token): 100}, max_completion_tokens=3).choices[0].message.content
    assert text.strip().startswith("yes"), text


@case
def unicode_text():
    messages = [{"role": "user", "content": "Repeat: 你好, grüße, 🙂🙃"}]
    whole = chat(messages=messages).choices[0].message.content
    parts = [c.choices[0].delta.content or "" for c in chat(messages=messages, stream=True)]
    equal("".join(parts), whole)


@case
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


@case
def abort_stream():
    wait_until_idle()
    stream = chat(messages=LONG, max_completion_tokens=1500, stream=True, extra_body={"ignore_eos": True})
    for _ in range(3):
        next(iter(stream))
    assert metric("vllm:num_requests_running") == 1
    stream.close()
    wait_until_idle()
    equal(metric("vllm:kv_cache_usage_perc"), 0)


@case
def abort_by_timeout():
    wait_until_idle()
    hasty = client.with_options(timeout=1.0)
    raises(
        openai.APITimeoutError,
        lambda: hasty.chat.completions.create(
            model=MODEL, messages=LONG, max_completion_tokens=1500, extra_body={"ignore_eos": True}
        ),
    )
    wait_until_idle()
    equal(metric("vllm:kv_cache_usage_perc"), 0)


@case
def unknown_model():
    e = raises(openai.NotFoundError, lambda: chat(model="no-such-model"))
    equal((e.code, e.status_code), ("model_not_found", 404))


@case
def unknown_field():
    e = raises(openai.BadRequestError, lambda: chat(extra_body={"temprature": 1}))
    equal((e.param, e.code), ("temprature", "unknown_parameter"))


@case
def bad_value():
    equal(raises(openai.BadRequestError, lambda: chat(temperature=9)).param, "temperature")
    equal(raises(openai.BadRequestError, lambda: chat(messages=[])).param, "messages")


@case
def context_too_long():
    e = raises(openai.BadRequestError, lambda: chat(max_completion_tokens=10_000_000))
    equal(e.code, "context_length_exceeded")


@case
def wrong_key():
    if not os.environ.get("OPENAI_API_KEY"):
        raise Skip("the server has no keys; set OPENAI_API_KEY to one")
    e = raises(openai.AuthenticationError, lambda: client.with_options(api_key="wrong").models.list())
    equal(e.code, "invalid_api_key")


failed = 0
print(f"openai {openai.__version__} (Python {sys.version.split()[0]}), {BASE_URL}, {MODEL}")
for test in cases:
    begin = time.time()
    try:
        test()
        verdict, detail = "PASS", ""
    except Skip as e:
        verdict, detail = "SKIP", f": {e}"
    except Exception as e:
        failed += 1
        where = traceback.extract_tb(e.__traceback__)[1].lineno
        verdict, detail = "FAIL", f": line {where}: {type(e).__name__}: {e}"
    print(f"{verdict} {test.__name__} ({time.time() - begin:.1f} s){detail}", flush=True)
print(f"{len(cases)} cases, {failed} failed")
sys.exit(1 if failed else 0)
