"""A stand-in for an OpenAI-compatible endpoint: a real HTTP server on loopback that answers by a rule of words.

What it answers shows nothing of how well a language model reads; it shows what the backend makes of answers.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOGETHER = {"sign", "signs", "agree", "agrees", "hails", "hail", "joint", "accord", "record"}
APART = {"clash", "slams", "halts", "bans", "rebukes", "cuts", "cancels"}
TOKENS = (900, 60)


@dataclass(frozen=True)
class Scripted:
    """One answer that stands in for the rule: a status with any body, or a content for the message."""

    status: int = 200
    body: bytes | None = None
    content: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: object = None
    hold: bool = False
    """Wait until the server is closed, as an endpoint does that never answers."""


@dataclass(frozen=True)
class Posted:
    """A request that arrived; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def asked(self) -> dict[str, Any]:
        """The user's message."""
        message: dict[str, Any] = json.loads(self.body["messages"][1]["content"])
        return message


class ChatServer:
    """Answers what is scripted, in order, and by the rule after that."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.script: deque[Scripted] = deque()
        self.always: Scripted | None = None
        self.side_by_side = self.most_side_by_side = 0
        self.together: threading.Barrier | None = None
        """Set, no request is answered before as many others have arrived."""
        self._closing = threading.Event()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with server._lock:
                    posted = Posted(self.path, headers, json.loads(raw))
                    server.posted.append(posted)
                    scripted = server.script.popleft() if server.script else server.always
                    server.side_by_side += 1
                    server.most_side_by_side = max(server.most_side_by_side, server.side_by_side)
                try:
                    self._send(posted, scripted or Scripted())
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with server._lock:
                        server.side_by_side -= 1

            def _send(self, posted: Posted, scripted: Scripted) -> None:
                if server.together is not None:
                    server.together.wait(timeout=10)
                if scripted.hold:
                    server._closing.wait()
                    self.close_connection = True
                    return
                body = scripted.body
                if body is None:
                    content = rule(posted.body) if scripted.content is None else scripted.content
                    usage = scripted.usage or {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1]}
                    body = as_body(content, usage)
                self.send_response(scripted.status)
                for name, value in scripted.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test reads `posted`."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        """What RICWATCH_LLM_BASE_URL is set to."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        """Stop, also where an answer is held back."""
        self._closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def as_body(content: object, usage: object = None, finish: str = "stop") -> bytes:
    """A chat completion that holds *content*."""
    message = {"role": "assistant", "content": content}
    return json.dumps(
        {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}
    ).encode()  # fmt: skip


def answer(
    pairs: Mapping[str, tuple[int, int, int, int]], themes: Mapping[str, int] | None = None, evidence: int = 0
) -> str:
    """The content of an answer: per pair how likely it is concerned, then minus, zero, plus."""
    names = ("concerns", "minus", "zero", "plus")
    return json.dumps(
        {
            "pairs": [
                {"dyad": dyad, **dict(zip(names, values, strict=True))} for dyad, values in pairs.items()
            ],
            "themes": [{"code": code, "p": p} for code, p in ({"trade": 80} if themes is None else themes).items()],
            "evidence": evidence,
        }
    )  # fmt: skip


def rule(body: dict[str, Any]) -> str:
    """Each pair by the words of the sentences that name both its states, as the system message calls them."""
    system = body["messages"][0]["content"]
    named = {code: (a, b) for code, a, b in re.findall(r"^- (\S+): (.+) and (.+)$", system, re.MULTILINE)}
    asked = json.loads(body["messages"][1]["content"])
    pairs: dict[str, tuple[int, int, int, int]] = {}
    evidence = 0
    for dyad in asked["pairs"]:
        score = 0
        for sentence in asked["sentences"]:
            if all(side[:4] in sentence["text"] for side in named[dyad]):  # India, Indian
                words = re.findall(r"\w+", sentence["text"].lower())
                own = sum(word in TOGETHER for word in words) - sum(word in APART for word in words)
                evidence = sentence["n"] if own else evidence
                score += own
        pairs[dyad] = (90, 5, 15, 80) if score > 0 else (90, 80, 15, 5) if score < 0 else (70, 10, 80, 10)
    return answer(pairs, evidence=evidence)
