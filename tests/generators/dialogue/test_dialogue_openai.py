"""The client of OpenAI-compatible servers, against a small faulty server and against `transformers serve`."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from tiny_chat import save_tiny_chat

from synthgen.errors import UserError
from synthgen.generators.dialogue.config import ServerConfig
from synthgen.generators.dialogue.realisers.openai import OpenAIRealiser, check_url, open_openai
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Response, Sampling

PRIVATE = "the parrot Quibble bit the bishop"

Reply = Callable[[BaseHTTPRequestHandler, dict[str, Any], int], None]


def send(handler: BaseHTTPRequestHandler, status: int, body: str | bytes = b"", **headers: str) -> None:
    content = body.encode() if isinstance(body, str) else body
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def completion(text: str | None, finish: str = "stop") -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}]})


def echo(handler: BaseHTTPRequestHandler, body: dict[str, Any], n: int) -> None:
    send(handler, 200, completion(f"you said {body['messages'][-1]['content']} with {body['seed']}"))


@contextmanager
def server(reply: Reply) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A real HTTP server on this machine; yields its base URL and the bodies that it was sent."""
    bodies: list[dict[str, Any]] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                bodies.append({**body, "path": self.path, "key": self.headers.get("Authorization")})
                n = len(bodies) - 1
            with suppress(BrokenPipeError, ConnectionResetError):
                reply(self, body, n)

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/v1", bodies
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def client(url: str, pauses: list[float] | None = None, **config: Any) -> OpenAIRealiser:
    settings = ServerConfig(url=url, **{"retries": 3, "timeout": 5.0, "concurrency": 4, **config})
    realiser = open_openai("tiny", settings)
    realiser._sleep = (pauses if pauses is not None else []).append
    return realiser


def ask(n: int = 1, **values: Any) -> list[Prompt]:
    return [Prompt(2**40 + i, (Message("system", "s"), Message("user", f"{PRIVATE} {i}")), **values) for i in range(n)]


def test_requests_carry_what_they_should_and_answers_keep_their_order() -> None:
    with server(echo) as (url, bodies):
        answers = client(url).generate(ask(9, sampling=Sampling(33, 0.4, 0.8)))
    assert [answer.text for answer in answers] == [
        f"you said {PRIVATE} {i} with {(2**40 + i) % 2**31}" for i in range(9)
    ]
    body = bodies[0]
    assert (body["path"], body["model"], body["max_tokens"]) == ("/v1/chat/completions", "tiny", 33)
    assert (body["temperature"], body["top_p"], body["stream"]) == (0.4, 0.8, False)
    assert "response_format" not in body and body["key"] is None


def test_requests_under_way_are_bounded() -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def slow(handler: BaseHTTPRequestHandler, body: dict[str, Any], n: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1
        echo(handler, body, n)

    with server(slow) as (url, _):
        assert len(client(url, concurrency=3).generate(ask(12))) == 12
    assert most == 3


def once(fault: Reply) -> Reply:
    return lambda handler, body, n: fault(handler, body, n) if n == 0 else echo(handler, body, n)


def slow(handler: BaseHTTPRequestHandler, body: dict[str, Any], n: int) -> None:
    time.sleep(0.6)
    echo(handler, body, n)


def torn(handler: BaseHTTPRequestHandler, body: dict[str, Any], n: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')


FAULTS: dict[str, Reply] = {
    "429": lambda h, b, n: send(h, 429, "busy"),
    "500": lambda h, b, n: send(h, 500, f"oops {PRIVATE}"),
    "503": lambda h, b, n: send(h, 503),
    "truncated JSON": lambda h, b, n: send(h, 200, completion(PRIVATE)[:-7]),
    "torn connection": torn,
    "no choices": lambda h, b, n: send(h, 200, '{"choices": []}'),
    "a list": lambda h, b, n: send(h, 200, "[1]"),
    "not UTF-8": lambda h, b, n: send(h, 200, b"\xff\xfe{"),
    "empty body": lambda h, b, n: send(h, 200),
    "empty answer": lambda h, b, n: send(h, 200, completion("  ")),
    "null answer": lambda h, b, n: send(h, 200, completion(None)),
    "slow": slow,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_tried_again(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with server(once(FAULTS[fault])) as (url, bodies):
        (answer,) = client(url, timeout=0.3).generate(ask())
    assert answer.finish == "stop" and PRIVATE in answer.text
    assert len(bodies) == 2 and bodies[0] == bodies[1]
    assert PRIVATE not in caplog.text


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "slow"])
def test_a_fault_that_stays_fails_the_request_without_its_text(fault: str) -> None:
    def half(handler: BaseHTTPRequestHandler, body: dict[str, Any], n: int) -> None:
        (FAULTS[fault] if body["messages"][-1]["content"].endswith("1") else echo)(handler, body, n)

    with server(half) as (url, bodies):
        good, bad = client(url, retries=2).generate(ask(2))
    assert good.finish == "stop" and bad.finish == "failed" and bad.text == ""
    assert bad.reason.endswith(", 3 times") and PRIVATE not in bad.reason
    assert len(bodies) == 4


def test_a_server_that_answers_nothing_ends_the_run_in_one_line() -> None:
    with server(FAULTS["500"]) as (url, _), pytest.raises(UserError) as caught:
        client(url, retries=1).generate(ask(3))
    assert "answered nothing: the server answered 500" in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert "\n" not in str(caught.value) and PRIVATE not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_pauses_grow_and_retry_after_is_obeyed_up_to_a_minute() -> None:
    pauses: list[float] = []
    with server(lambda h, b, n: echo(h, b, n) if n == 3 else send(h, 500)) as (url, _):
        client(url, pauses).generate(ask())
    assert pauses == [0.5, 1.0, 2.0]
    for value, low, high in (
        ("7", 7, 7),
        ("9999", 60, 60),
        (formatdate(time.time() + 30, usegmt=True), 25, 31),
        ("?", 0.5, 0.5),
    ):
        pauses.clear()
        reply = once(lambda h, b, n, value=value: send(h, 429, Retry_After=value))  # type: ignore[misc]
        with server(reply) as (url, _):
            client(url, pauses).generate(ask())
        assert len(pauses) == 1 and low <= pauses[0] <= high


@pytest.mark.parametrize(
    ("status", "says"), [(404, "does not know"), (401, "API key"), (302, "redirects"), (422, "status 422")]
)
def test_what_will_not_pass_is_not_tried_again(status: int, says: str) -> None:
    with server(lambda h, b, n: send(h, status, PRIVATE, Location="http://example.invalid/")) as (url, bodies):
        with pytest.raises(UserError, match=says) as caught:
            client(url).generate(ask())
        assert len(bodies) == 1
    assert PRIVATE not in str(caught.value)


def test_a_context_that_overflows_is_met_by_dropping_the_front() -> None:
    def small(handler: BaseHTTPRequestHandler, body: dict[str, Any], n: int) -> None:
        if len(body["messages"]) > 12:
            send(handler, 400, '{"error": {"message": "This model\'s maximum context length is 8 tokens"}}')
        else:
            echo(handler, body, n)

    turns = tuple(Message("user" if i % 2 == 0 else "assistant", f"turn {i}") for i in range(41))
    request = Prompt(1, (Message("system", "s"), *turns))
    with server(small) as (url, bodies):
        (answer,) = client(url).generate([request])
    assert "turn 40" in answer.text
    sent = [message["content"] for message in bodies[-1]["messages"]]
    assert sent[0] == "s" and sent[-1] == "turn 40" and len(sent) <= 12 and len(sent) % 2 == 0
    with (
        server(lambda h, b, n: send(h, 400, "the request exceeds the available context size")) as (url, _),
        pytest.raises(UserError, match="start the server with a longer context"),
    ):
        client(url).generate([request])


def test_structured_answers_ask_for_the_schema_and_are_checked() -> None:
    schema: dict[str, Any] = {"type": "object", "required": ["score"]}
    with server(lambda h, b, n: send(h, 200, completion('{"score": 4}'))) as (url, bodies):
        (answer,) = client(url).generate(ask(schema=schema))
    assert json.loads(answer.text) == {"score": 4}
    assert bodies[0]["response_format"]["json_schema"]["schema"] == schema
    with server(lambda h, b, n: send(h, 200, completion("four"))) as (url, _):
        (answer,) = client(url).generate(ask(schema=schema))
    assert answer == Response("", "failed", "the answer is not JSON of the schema")


def test_finish_by_length_is_told() -> None:
    with server(lambda h, b, n: send(h, 200, completion("I was", "length"))) as (url, _):
        assert client(url).generate(ask())[0].finish == "length"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1/", "http://localhost/v1", "https://127.1.2.3/v1", "http://[::1]:11434/v1"]
)
def test_this_machine_is_allowed(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "http://10.0.0.5:8000/v1",
        "http://0.0.0.0:8000/v1",
        "http://127.0.0.1.example.com/v1",
        "http://localhost.example.com/v1",
        "http://127.0.0.1@example.com/v1",
        "http://localhost:pass@127.0.0.1/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://2130706433/v1",
        "ftp://127.0.0.1/v1",
        "127.0.0.1:8000/v1",
        "http:///v1",
        "http://127.0.0.1:notaport/v1",
    ],
)
def test_any_other_host_is_refused(url: str) -> None:
    with pytest.raises(UserError, match=r"server\.url"):
        open_openai("m", ServerConfig(url=url))


def test_a_remote_host_is_allowed_by_its_exact_name_only() -> None:
    url = "https://gpu.hospital.example/v1"
    assert check_url(url, "gpu.hospital.example") == url
    for other in ("hospital.example", "example", "*", "gpu.hospital.example.com", "10.0.0.5"):
        with pytest.raises(UserError, match=r"allow_remote=gpu\.hospital\.example"):
            check_url(url, other)


def test_proxies_of_the_environment_get_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(echo) as (proxy, caught), server(echo) as (url, bodies):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.removesuffix("/v1"))
        client(url).generate(ask())
    assert len(bodies) == 1 and not caught


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINY_KEY", raising=False)
    with server(echo) as (url, bodies):
        with pytest.raises(UserError, match="TINY_KEY"):
            client(url, key_variable="TINY_KEY")
        monkeypatch.setenv("TINY_KEY", "k1")
        client(url, key_variable="TINY_KEY").generate(ask())
    assert bodies[0]["key"] == "Bearer k1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_no_server_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"no server answers at http://127.0.0.1:\d+ \(ConnectError\)") as caught:
        client(f"http://127.0.0.1:{free_port()}/v1", retries=2).generate(ask(3))
    assert PRIVATE not in str(caught.value)


# transformers serve --------------------------------------------------------------------------------------------------


@contextmanager
def serving(model: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`transformers serve` on this machine; killed by its own process id at the end."""
    binary = Path(sys.executable).with_name("transformers")
    command = [str(binary), "serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    with log.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
        try:
            until = time.monotonic() + 120
            while time.monotonic() < until and process.poll() is None:
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            assert process.poll() is None, log.read_text()[-2000:]
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def test_transformers_serve_killed_in_the_middle_of_a_batch_and_started_again(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    model = save_tiny_chat(tmp_path / "tiny", length=40)
    port, log = free_port(), tmp_path / "serve.log"
    config = ServerConfig(url=f"http://127.0.0.1:{port}/v1", retries=100, timeout=60, concurrency=2)
    realiser = open_openai(str(model), config)
    realiser._sleep = lambda _: time.sleep(2.0)
    asked = [
        Prompt(i, (Message("system", "you are a doctor"), Message("user", f"i feel tired {i}")), Sampling(60))
        for i in range(40)
    ]
    answers: list[Response] = []
    with serving(model, port, log) as process:
        first = realiser.generate(asked[:3])
        assert all(answer.finish != "failed" and answer.text for answer in first)
        batch = threading.Thread(target=lambda: answers.extend(realiser.generate(asked)))
        batch.start()
        time.sleep(0.3)
        assert batch.is_alive()  # the batch is under way
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert batch.is_alive() and not answers  # it waits for the server to come back
    with serving(model, port, log):
        batch.join(timeout=300)
        seeds = [replace(asked[0], seed=seed) for seed in range(4)]
        greedy = realiser.generate(seeds)
        drawn = open_openai(str(model), config.model_copy(update={"draws": True})).generate(seeds)
    assert len(answers) == 40
    assert len({answer.text for answer in greedy}) == 1  # it heeds temperature only where its model's settings draw
    assert len({answer.text for answer in drawn}) == 4
    assert all(answer.finish != "failed" and answer.text for answer in answers)
