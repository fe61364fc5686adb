"""One request to an OpenAI-compatible chat endpoint: retries, time limit, budget. Only this module knows the key."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from classify.llm_prompt import Question
from classify.outcome import Usage, Why
from ingest.policy import retry_after
from store.errors import ConfigError
from store.settings import Settings

T = TypeVar("T")

TRIES = 4
"""Requests for one item, the first included."""
MAX_BYTES = 1_000_000
"""Largest answer that is read."""
_TOLD = 160
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSING = frozenset({408, 409, 425, 429})  # these, and all of 5xx, may pass; other 4xx will not
_WRONG_FOR_ALL = frozenset({401, 402, 403, 404, 405})


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of an answer, not looked into yet."""

    content: str


@dataclass(frozen=True, slots=True)
class NoReply:
    """No content came; *for_all* when no other item will fare better in this run."""

    why: Why
    detail: str
    for_all: bool = False


@dataclass(frozen=True, slots=True)
class _Again:
    """May pass: try again after *wait* seconds, or after the usual back-off."""

    failure: NoReply
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens."""

    tokens_in: float
    tokens_out: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """In the currency of the prices."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


class Meter:
    """What was used, and whether one more request fits. What is under way counts with its estimate from above, so that
    requests side by side cannot pass the limit together. A limit of 0 is none."""

    def __init__(self, most_tokens: int, most_cost: float, prices: Prices) -> None:
        self._most_tokens, self._most_cost, self._prices = most_tokens, most_cost, prices
        self._held_in = self._held_out = 0
        self.requests = self.tokens_in = self.tokens_out = 0
        self.estimated = False

    @property
    def cost(self) -> float:
        """Of all that was used."""
        return self._prices.cost(self.tokens_in, self.tokens_out)

    def reserve(self, question: Question) -> bool:
        """Set the question's estimate aside; False where it does not fit any more."""
        tokens_in = self.tokens_in + self._held_in + question.tokens_in
        tokens_out = self.tokens_out + self._held_out + question.tokens_out
        if self._most_tokens and tokens_in + tokens_out > self._most_tokens:
            return False
        if self._most_cost and self._prices.cost(tokens_in, tokens_out) > self._most_cost:
            return False
        self._held_in += question.tokens_in
        self._held_out += question.tokens_out
        self.requests += 1
        return True

    def settle(self, question: Question, used: tuple[int, int] | None, *, sent: bool = True) -> None:
        """Put what was *used* in place of the estimate; where that is not known it stays, if anything was done."""
        self._held_in -= question.tokens_in
        self._held_out -= question.tokens_out
        if used is None and sent:
            used = question.tokens_in, question.tokens_out
            self.estimated = True
        if used is not None:
            self.tokens_in += used[0]
            self.tokens_out += used[1]

    def usage(self, *, cached: int, spared: int) -> Usage:
        """The report of what was used."""
        return Usage(
            self.requests, cached, spared, self.tokens_in, self.tokens_out, round(self.cost, 6), self.estimated
        )


def chat_address(settings: Settings) -> str:
    """Where requests are posted.

    Raises:
        ConfigError: no endpoint or model is set, or the address is none.
    """
    if not settings.llm_base_url or not settings.llm_model:
        raise ConfigError(
            "the backend llm needs an endpoint and a model: set RICWATCH_LLM_BASE_URL (for example "
            "http://127.0.0.1:8080/v1) and RICWATCH_LLM_MODEL, and RICWATCH_LLM_API_KEY where the endpoint wants one"
        )
    parts = urlsplit(settings.llm_base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigError(
            "RICWATCH_LLM_BASE_URL must be an http or https address without user, query or fragment, for example "
            "http://127.0.0.1:8080/v1"
        )
    key = settings.llm_api_key.get_secret_value()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError("RICWATCH_LLM_API_KEY holds a space, a line break or a character that no key has")
    if settings.llm_max_cost and not (settings.llm_price_in or settings.llm_price_out):
        raise ConfigError(
            "RICWATCH_LLM_MAX_COST needs prices: set RICWATCH_LLM_PRICE_IN and _PRICE_OUT, per million tokens"
        )
    return settings.llm_base_url.rstrip("/") + "/chat/completions"


class ChatClient:
    """Asks one endpoint. *sleep* and *now* are the clock, which tests replace."""

    def __init__(
        self,
        settings: Settings,
        meter: Meter,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._address = chat_address(settings)
        self._near = urlsplit(self._address).hostname in _LOOPBACK
        self._key = settings.llm_api_key.get_secret_value()
        self._timeout = settings.llm_timeout
        self._too_slow = f"no answer within {settings.llm_timeout:g} s"
        self._agent = settings.user_agent
        self._meter = meter
        self._sleep, self._now = sleep, now

    def open(self) -> httpx.AsyncClient:
        """A client for one batch, closed by the caller; follows no redirect, which would carry the key elsewhere."""
        headers = {"User-Agent": self._agent}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        limit = self._timeout
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(limit, connect=min(limit, 10.0), pool=None),
            trust_env=not self._near,  # the machine's proxy serves an endpoint elsewhere, never one on this machine
        )

    async def ask(self, client: httpx.AsyncClient, question: Question) -> Reply | NoReply:
        """The answer to *question*, with retries, within the time for one item."""
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await self._tries(client, question, limit.when() or 0.0)
        except TimeoutError:
            return NoReply(Why.TIMEOUT, self._too_slow)

    async def _tries(self, client: httpx.AsyncClient, question: Question, deadline: float) -> Reply | NoReply:
        pause = 1.0
        for left in reversed(range(TRIES)):
            outcome = await self._once(client, question)
            if not isinstance(outcome, _Again):
                return outcome
            wait = pause if outcome.wait is None else outcome.wait
            if not left or asyncio.get_running_loop().time() + wait >= deadline:
                return outcome.failure
            await self._sleep(wait)
            pause *= 2
        raise AssertionError("unreachable: the last try returns")

    async def _once(self, client: httpx.AsyncClient, question: Question) -> Reply | NoReply | _Again:
        if not self._meter.reserve(question):
            return NoReply(Why.BUDGET, "the most tokens or cost of one run are used")
        used: tuple[int, int] | None = None
        sent = True
        outcome: Reply | NoReply | _Again
        try:
            async with client.stream("POST", self._address, json=question.body) as response:
                body = await _body(response)
        except httpx.ConnectError as error:
            sent = False
            outcome = _Again(NoReply(Why.UNREACHABLE, self._told(str(error) or "no connection")))
        except httpx.TimeoutException:
            outcome = NoReply(Why.TIMEOUT, self._too_slow)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            outcome = _Again(NoReply(Why.UNREACHABLE, self._told(f"{type(error).__name__}: {error}")))
        except _TooLong:
            outcome = NoReply(Why.BAD_ANSWER, f"the answer is larger than {MAX_BYTES:,} bytes")
        else:
            if response.status_code == 200:
                content, used = _content(body)
                outcome = content if isinstance(content, Reply) else NoReply(Why.BAD_ANSWER, content)
            else:
                sent = False  # an endpoint that answers with an error has made no text
                outcome = self._failed(response, body)
        finally:
            # Also where the item's time ran out: the endpoint may have made, and charged, a text that nobody saw.
            self._meter.settle(question, used, sent=sent)
        return outcome

    def _failed(self, response: httpx.Response, body: bytes) -> NoReply | _Again:
        status = response.status_code
        detail = self._told(f"HTTP {status} {_message(body)}")
        if status in _PASSING or status >= 500:
            asked = retry_after(response.headers.get("Retry-After"), self._now())
            return _Again(NoReply(Why.BUSY, detail), asked.total_seconds() if asked is not None else None)
        return NoReply(Why.REFUSED, detail, for_all=status in _WRONG_FOR_ALL or 300 <= status < 400)

    def _told(self, text: str) -> str:
        """One short line in which the key does not stand, whatever the endpoint echoes."""
        if self._key:
            text = text.replace(self._key, "***")
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return line if len(line) <= _TOLD else line[: _TOLD - 1] + "…"


class _TooLong(Exception):
    """The answer passes MAX_BYTES."""


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _TooLong
    return bytes(body)


def _content(body: bytes) -> tuple[Reply | str, tuple[int, int] | None]:
    """Content, or what is wrong, and the tokens used where the endpoint tells them."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "the endpoint's answer is no JSON", None
    if not isinstance(value, dict):
        return "the endpoint's answer is no object", None
    used = _used(value.get("usage"))
    try:
        choice = value["choices"][0]
        content, finish = choice["message"]["content"], choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        return "the endpoint's answer holds no message", used
    if finish == "length":
        return "the answer was cut off; raise RICWATCH_LLM_ANSWER_TOKENS", used
    if not isinstance(content, str):
        return "the model gave no text", used
    return Reply(content), used


def _used(usage: Any) -> tuple[int, int] | None:
    if not isinstance(usage, dict):
        return None
    counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not all(isinstance(count, int) and 0 <= count < 10**9 for count in counts):
        return None
    return counts[0], counts[1]  # type: ignore[return-value]


def _message(body: bytes) -> str:
    """What the endpoint says of an error, in the usual forms; else nothing."""
    try:
        error = json.loads(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in a thread with an event loop of its own, and wait for it.

    The caller may itself stand in a running loop (a Prefect task does), where ``asyncio.run`` is refused. An interrupt
    of the caller cancels the work.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="llm", daemon=True)
    thread.start()
    try:  # from here on an interrupt may come at any step, even before the work is waited for
        return asyncio.run_coroutine_threadsafe(work, loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(_end(loop), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is still under way, and let it clean up."""
    rest = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await loop.shutdown_asyncgens()
