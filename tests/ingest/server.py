"""A real HTTP server on loopback whose answers a test scripts; it keeps what it was asked."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """A response. `chunks` replaces the body by a stream that is sent until the client hangs up."""

    body: bytes = b""
    status: int = 200
    headers: Headers = field(default_factory=dict)
    chunks: Callable[[], Iterator[bytes]] | None = None
    length: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request that arrived; header names in lower case."""

    path: str
    headers: Headers


class FeedServer:
    """Answers each path with what was set for it: an `Answer`, or a function of the request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self._answers: dict[str, Answer | Callable[[Asked], Answer]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
                server.asked.append(asked)
                answer = server._answers.get(self.path, Answer(status=404))
                if not isinstance(answer, Answer):
                    answer = answer(asked)
                try:
                    self._send(answer)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def _send(self, answer: Answer) -> None:
                if "Date" in answer.headers:  # the library's own would be a second one
                    self.send_response_only(answer.status)
                else:
                    self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Connection", "close")
                self.close_connection = True
                if answer.chunks is None:
                    if answer.status != 304:
                        self.send_header("Content-Length", str(answer.length or len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                    return
                self.end_headers()
                for chunk in answer.chunks():
                    if server.stopping.is_set():
                        return
                    self.wfile.write(chunk)
                    self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test reads `asked`."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        """Address without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def set(self, path: str, answer: Answer | Callable[[Asked], Answer]) -> str:
        """Answer *path* so from now on; gives its address."""
        self._answers[path] = answer
        return self.base + path

    def close(self) -> None:
        """Stop, also where a stream is being sent."""
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def gzipped(body: bytes) -> Answer:
    """*body* with gzip as its content encoding."""
    return Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})
