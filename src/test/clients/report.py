"""Prints the table of clients and patterns from a folder of results; writes the page of docs too."""

import datetime
import glob
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

ROOT = os.path.join(os.path.dirname(__file__), "../../..")
PATTERNS = ["plain", "streaming", "parameters", "tools", "auto tools", "JSON schema", "abort", "errors"]
ORDER = ["openai (P", "openai (N", "openai-java", "langchain4j", "LangChain (P", "LangChain (N", "ai + ", "@openai", "openai-a"]
# The column of a Java test is what its name begins with, after the client's.
JAVA_PATTERNS = {
    "plain": "plain", "models": "plain", "completions": "plain", "stream": "streaming", "auto": "auto tools",
    "tool": "tools", "schema": "JSON schema", "abort": "abort", "error": "errors",
}
JAVA_CLIENTS = {
    "openai-java": (
        "openai-java",
        'OpenAIOkHttpClient.builder().baseUrl("http://127.0.0.1:8000/v1").apiKey("any").build()',
    ),
    "langchain4j": (
        "langchain4j",
        """OpenAiChatModel.builder().baseUrl("http://127.0.0.1:8000/v1").apiKey("any").modelName("…")
    .supportedCapabilities(Capability.RESPONSE_FORMAT_JSON_SCHEMA).strictJsonSchema(true).build()""",
    ),
}


def java_client_of(suite, name):
    """The client that a Java test is about, and the test's name without the client's."""
    for client, pattern in (("openai-java", "openAi"), ("langchain4j", "langChain4j")):
        if name.startswith(pattern):
            return client, name[len(pattern)].lower() + name[len(pattern) + 1 :]
        if pattern.lower() in suite.lower():
            return client, name
    return None, name


def java_reports():
    """What the build's own tests of the Java clients say, as results like those of the suites."""
    pom = open(os.path.join(ROOT, "pom.xml")).read()
    found = {}
    for file in glob.glob(os.path.join(ROOT, "target/*-reports/TEST-*.xml")):
        for test in ElementTree.parse(file).getroot().iter("testcase"):
            client, name = java_client_of(test.get("classname").rsplit(".", 1)[1], test.get("name").split("(")[0])
            if client:
                pattern = next((p for n, p in JAVA_PATTERNS.items() if name.startswith(n)), "parameters")
                bad = [e for e in test if e.tag in ("failure", "error", "skipped")]
                verdict = "PASS" if not bad else "SKIP" if bad[0].tag == "skipped" else "FAIL"
                detail = (bad[0].get("message") or "").split("\n")[0] if bad else ""
                case = dict(pattern=pattern, name=name, verdict=verdict, detail=detail)
                found.setdefault(client, []).append(case)
    for client, cases in found.items():
        title, setup = JAVA_CLIENTS[client]
        version = re.search(f"<{client}.version>(.*)</", pom)[1]
        yield dict(client=title, version=version, runtime="in the build", setup=setup, cases=cases)


def place(report):
    return next((i for i, name in enumerate(ORDER) if report["client"].startswith(name)), len(ORDER))


def counts(cases):
    run = [c for c in cases if c["verdict"] != "SKIP"]
    if not run:
        return "skipped" if cases else "–"
    passed = sum(c["verdict"] == "PASS" for c in run)
    return f"{passed}/{len(run)}"


def row(report):
    cells = [counts([c for c in report["cases"] if c["pattern"] == p]) for p in PATTERNS]
    return [report["client"], report["version"], *cells, counts(report["cases"])]


def print_table(rows):
    widths = [max(len(line[i]) for line in rows) for i in range(len(rows[0]))]
    for line in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def page(reports, head, rows):
    lines = [
        "# Clients",
        "",
        "SDKs and agent frameworks that were run against Chasqui, unmodified. This page is written by",
        f"`src/test/clients/run.sh`; this run is of {datetime.date.today()}. The figures are cases passed of cases run.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(r) + " |" for r in rows),
        "",
        NOTES.strip(),
        "",
        "## Setup",
    ]
    for report in reports:
        language = "java" if report["runtime"] == "in the build" else report["runtime"].split()[0].lower()
        fence = {"node": "js"}.get(language, language)
        lines += ["", f"### {report['client']}", "", f"{report['version']}, {report['runtime']}.", ""]
        lines += [f"```{fence}", report["setup"], "```"]
        for case in report["cases"]:
            if case["verdict"] != "PASS":
                lines.append(f"\n{case['verdict']} {case['name']}: {case['detail']}")
    return "\n".join(lines) + "\n"


NOTES = """
- **plain**: one answer; its usage; for SDKs also the list of models and completions.
- **streaming**: the pieces, put together by the client, are the answer that comes without streaming.
- **parameters**: token limit, stop, seed; where the client has them choices, logprobs, bias.
- **tools**: calls that the request forces (required, named, allowed tools; none, no parallel calls),
  streamed and not, their result sent back, history with calls; run with the default model.
- **auto tools**: calls that the model makes by itself, also two at once and after prose, until the
  client's own loop has the final text; run with a scripted model, since small ones make none.
- **JSON schema**: typed answers, streamed and not.
- **abort**: the client leaves after two tokens or by a limit of time; the server then runs nothing,
  has freed the KV cache and counted one aborted request.
- **errors**: wrong key, unknown model, bad and unknown fields, context too long: the client's class
  of error, with `param` and `code` where it shows them.

What to know:

- A client that speaks the Responses API by default needs the switch below; otherwise it gets 404
  with a message that says so. This holds for `@ai-sdk/openai` without `.chat` and both
  frameworks for agents.
- `@ai-sdk/openai-compatible` sends a schema only with `supportsStructuredOutputs: true`; langchain4j
  only with the capability `RESPONSE_FORMAT_JSON_SCHEMA`. Without, the answer is any JSON or text.
- langchain4j calls a tool's parameters `arg0`, `arg1` unless the code is compiled with `-parameters`.
"""

if __name__ == "__main__":
    reports = [json.load(open(file)) for file in glob.glob(os.path.join(sys.argv[1], "*.json"))]
    if len(sys.argv) > 2:
        reports += java_reports()
    reports.sort(key=lambda r: (place(r), r["client"]))
    head, rows = ["client", "version", *PATTERNS, "all"], [row(r) for r in reports]
    print()
    print_table([head, *rows])
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as file:
            file.write(page(reports, head, rows))
