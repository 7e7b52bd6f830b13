"""Any OpenAI-compatible server: `vllm serve`, `transformers serve`, llama.cpp, Ollama.

The server runs on this machine, unless one other host is allowed by name.

Nothing of a prompt or an answer appears in an error. Proxies of the environment are not used and redirects are not
followed: either could carry a prompt elsewhere.
"""

from __future__ import annotations

import email.utils
import ipaddress
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.dialogue.config import ServerConfig
from synthgen.generators.dialogue.realisers.messages import STEP, structured, without_front
from synthgen.generators.dialogue.realisers.protocol import Finish, Message, Prompt, Response
from synthgen.records import JsonValue

if TYPE_CHECKING:
    import httpx

_AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_LONGEST_PAUSE = 60.0


def check_url(url: str, allow_remote: str = "") -> str:
    """The base URL without a slash at its end, if it is on this machine or on the one host that is allowed by name.

    Raises:
        UserError: another host, or no http(s) URL.
    """
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise UserError(f"server.url must be like http://127.0.0.1:8000/v1, got {parts.scheme or 'no'} scheme")
    if not _is_loopback(host) and host.casefold() != allow_remote.casefold():
        raise UserError(
            f"server.url names the host {host}, which is not this machine: transcripts may not leave it. Run the "
            f"server here, or set server.allow_remote={host} if that host may see them"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host.casefold() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and (address.version == 4 or address == ipaddress.ip_address("::1"))


class _Again(Exception):  # noqa: N818 (never leaves the module)
    """The request failed in a way that may pass.

    Attributes:
        pause: seconds that the server asks to wait; None leaves it to us.
        reachable: False where no server answered at all.
    """

    def __init__(self, reason: str, pause: float | None = None, *, reachable: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.pause, self.reachable = reason, pause, reachable


class OpenAIRealiser:
    """Answers by a server, with as many requests under way as ``config.concurrency``.

    Args:
        model: the name by which the server knows the model.
        sleep: waits that many seconds.
    """

    def __init__(
        self, *, model: str, config: ServerConfig, client: httpx.Client, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._model, self._config, self._client, self._sleep = model, config, client, sleep
        self._url = check_url(config.url, config.allow_remote) + "/chat/completions"

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
        """One answer per request. One that the server fails to give after all retries is marked as failed.

        Raises:
            UserError: the server cannot be reached, refuses the request, or answered none of the batch.
        """
        if not requests:
            return []
        with ThreadPoolExecutor(min(self._config.concurrency, len(requests))) as pool:
            answers = list(pool.map(self._answer, requests))
        if all(answer.finish == "failed" for answer in answers) and any(request.schema is None for request in requests):
            raise UserError(f"the server at {self._where} answered nothing: {answers[0].reason}. {_RESUME}")
        return answers

    @property
    def _where(self) -> str:
        parts = urlsplit(self._config.url)
        return f"{parts.scheme}://{parts.netloc}"

    def _answer(self, request: Prompt) -> Response:
        messages, trouble = request.messages, _Again("")
        for attempt in range(self._config.retries + 1):
            if attempt:
                pause = min(30.0, 0.5 * 2 ** (attempt - 1)) if trouble.pause is None else trouble.pause
                self._sleep(min(pause, _LONGEST_PAUSE))
            try:
                response = self._post(request, messages)
                while response is None:  # longer than the model's context
                    messages = self._shorter(messages)
                    response = self._post(request, messages)
            except _Again as again:
                trouble = again
                continue
            return structured(response, request.schema)
        if not trouble.reachable:
            raise UserError(f"no server answers at {self._where} ({trouble.reason}). {_RESUME}")
        return Response("", "failed", f"{trouble.reason}, {self._config.retries + 1} times")

    def _shorter(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        shorter = without_front(messages, STEP)
        if len(shorter) == len(messages):
            raise UserError(
                "the instructions and one turn are longer than the context of the server's model: "
                "start the server with a longer context"
            )
        return shorter

    def _post(self, request: Prompt, messages: Sequence[Message]) -> Response | None:
        """One try. None where the server says that the prompt is too long.

        Raises:
            _Again: what may pass.
            UserError: what will not.
        """
        import httpx

        body = _body(self._model, request, messages, self._config.draws)
        try:
            answer = self._client.post(self._url, json=body, timeout=self._config.timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Again(type(error).__name__, reachable=False) from None
        except httpx.TimeoutException:
            raise _Again(f"no answer within {self._config.timeout:g} s") from None
        except httpx.TransportError as error:
            raise _Again(f"the connection broke ({type(error).__name__})") from None
        if answer.status_code in _AGAIN:
            raise _Again(f"the server answered {answer.status_code}", _retry_after(answer.headers.get("retry-after")))
        if answer.status_code == 400 and _says_too_long(answer.text):
            return None
        if answer.status_code != 200:
            raise UserError(_refusal(answer.status_code, self._where, self._model))
        try:
            return _parse(answer.json())
        except (ValueError, KeyError, TypeError, IndexError):
            raise _Again("the server's answer is not the JSON of a chat completion") from None


_RESUME = "Start the server (or let it recover) and run the same command again: what was answered is kept"


def _refusal(status: int, where: str, model: str) -> str:
    if status == 404:
        return f"the server at {where} does not know /chat/completions or the model {model}: check server.url and base"
    if status in {401, 403}:
        return f"the server at {where} wants an API key: name its environment variable in server.key_variable"
    if 300 <= status < 400:
        return f"the server at {where} redirects elsewhere, which is not followed: give the final address as server.url"
    return f"the server at {where} refuses the request with status {status}: its log says why"


def _body(model: str, request: Prompt, messages: Sequence[Message], draws: bool = False) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "max_tokens": request.sampling.max_tokens,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "seed": request.seed % 2**31,  # llama.cpp and Ollama read 32 bits
        "stream": False,
    }
    if draws:
        settings = {
            "do_sample": request.sampling.temperature > 0,
            "max_new_tokens": request.sampling.max_tokens,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
        }
        body["generation_config"] = json.dumps(settings)
    if request.schema is not None:
        schema: JsonValue = {"name": "answer", "strict": True, "schema": dict(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _parse(value: Any) -> Response:
    """A chat completion as an answer.

    Raises:
        _Again: if it is empty.
        ValueError, KeyError, TypeError, IndexError: if it is none.
    """
    choice = value["choices"][0]
    text = choice["message"].get("content") or ""
    if not isinstance(text, str):
        raise TypeError("content is not text")
    if not text.strip():
        raise _Again("the server's answer is empty")
    finish: Finish = "length" if choice.get("finish_reason") == "length" else "stop"
    return Response(text.strip(), finish)


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _says_too_long(text: str) -> bool:
    """True where a refusal speaks of the context: vLLM's, llama.cpp's, OpenAI's wording."""
    plain = text.casefold()
    return any(phrase in plain for phrase in ("context length", "context_length", "context size", "context window"))


def open_openai(model: str, config: ServerConfig) -> OpenAIRealiser:
    """A realiser for the server of ``config``; the server need not be up yet.

    Raises:
        UserError: a host that is not allowed, or an API key that is not in the environment.
        MissingExtraError: without httpx.
    """
    try:
        import httpx
    except ModuleNotFoundError:
        raise MissingExtraError("the openai realiser", "dialogue") from None
    check_url(config.url, config.allow_remote)
    headers = {}
    if config.key_variable:
        key = os.environ.get(config.key_variable)
        if not key:
            raise UserError(f"the environment variable {config.key_variable} (server.key_variable) is not set")
        headers["Authorization"] = f"Bearer {key}"
    limits = httpx.Limits(max_connections=config.concurrency, max_keepalive_connections=config.concurrency)
    client = httpx.Client(headers=headers, limits=limits, trust_env=False, follow_redirects=False)
    return OpenAIRealiser(model=model, config=config, client=client)
