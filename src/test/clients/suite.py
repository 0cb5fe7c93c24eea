"""What the Python suites share: cases, checks, the server's figures, and the verdicts."""

import asyncio
import inspect
import json
import os
import platform
import time
import traceback
import urllib.request

BASE_URL = os.environ["OPENAI_BASE_URL"].rstrip("/")
KEY = os.environ.get("OPENAI_API_KEY") or "none"
METRICS = os.environ.get("METRICS_URL") or BASE_URL.removesuffix("/v1") + "/metrics"
# A server whose model repeats the last message: calls of a model that is free to make none.
SCRIPTED_URL = os.environ.get("SCRIPTED_URL", "")
PARROT = "parrot"
ASK = "Name three colours, then count from one to ten in words."
LONG = "Write a very long story about a river."
SUNNY = "18 degrees and sunny"
cases = []
# One loop for all cases, as in a program: clients keep connections that belong to it.
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)


class Skip(Exception):
    """The case cannot run here."""


def first_model():
    request = urllib.request.Request(BASE_URL + "/models", headers={"Authorization": f"Bearer {KEY}"})
    return json.load(urllib.request.urlopen(request, timeout=10))["data"][0]["id"]


MODEL = os.environ.get("MODEL") or first_model()


def case(pattern):
    """Declares a case of one column of the table."""

    def declare(function):
        cases.append((pattern, function))
        return function

    return declare


def calls(*cities, before=""):
    """What a model says that calls get_weather once for each city."""
    return before + "\n".join(
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "%s"}}\n</tool_call>' % city
        for city in cities
    )


def scripted_url():
    if not SCRIPTED_URL:
        raise Skip("needs the server with the scripted model, SCRIPTED_URL")
    return SCRIPTED_URL


def needs_keys():
    if not os.environ.get("OPENAI_API_KEY"):
        raise Skip("the server has no keys; set OPENAI_API_KEY to one")


def call(function):
    if inspect.iscoroutinefunction(function):
        loop.run_until_complete(function())
    else:
        function()


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


def is_running():
    return metric("vllm:num_requests_running") + metric("vllm:num_requests_waiting") > 0


def wait_until_idle(seconds=10):
    end = time.time() + seconds
    while is_running():
        assert time.time() < end, "requests still running"
        time.sleep(0.05)


def assert_aborted(begin):
    """That what this function begins, and leaves early, leaves nothing running at the server."""
    wait_until_idle()
    aborted = metric("chasqui_requests_aborted_total")
    call(begin)
    wait_until_idle()
    equal(metric("vllm:kv_cache_usage_perc"), 0)
    equal(metric("chasqui_requests_aborted_total"), aborted + 1)


def verdict_of(function):
    try:
        call(function)
        return "PASS", ""
    except Skip as e:
        return "SKIP", str(e)
    except Exception as e:
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.name == function.__name__]
        return "FAIL", f"line {lines[-1] if lines else '?'}: {type(e).__name__}: {e}"


def run(client, version, setup):
    """Runs the cases and exits; `setup` is what a user writes to point the client at a server."""
    runtime = f"Python {platform.python_version()}"
    print(f"{client} {version} ({runtime}), {BASE_URL}, {MODEL}", flush=True)
    results = []
    for pattern, function in cases:
        begin = time.time()
        verdict, detail = verdict_of(function)
        name = function.__name__
        print(f"{verdict} {name} ({time.time() - begin:.1f} s){': ' if detail else ''}{detail}", flush=True)
        results.append({"pattern": pattern, "name": name, "verdict": verdict, "detail": detail})
    failed = sum(r["verdict"] == "FAIL" for r in results)
    print(f"{len(results)} cases, {failed} failed", flush=True)
    if folder := os.environ.get("RESULTS"):
        report = dict(client=client, version=version, runtime=runtime, setup=setup, cases=results)
        with open(os.path.join(folder, client.replace("/", "-") + ".json"), "w") as file:
            json.dump(report, file)
    os._exit(1 if failed else 0)  # without waiting for clients' background threads
