"""The SMTP way out against a real server on loopback: every answer at every stage, and none of them twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from alerts.outbox import MailState, deliver
from alerts.transport import Envelope as Handed
from alerts.transport import SmtpTransport, Unreachable
from store.db import Store
from store.errors import ConfigError
from store.settings import Settings
from tests.alerts.helpers_tls import Certificates, make_certificates
from tests.alerts.test_outbox import NOW, mail, queue

PASSWORD = "correct horse battery"


def hang_up(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


class Bound(Controller):
    """A controller on a socket that is bound already: no port is guessed, none can be taken in between."""

    def __init__(self, post: Post, **options: Any) -> None:
        self.bound = socket.create_server(("127.0.0.1", 0))
        super().__init__(post, hostname="127.0.0.1", port=self.bound.getsockname()[1], **options)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self.bound, ssl=self.ssl_context)


@dataclass
class Post:
    """What the server answers, and what it took. `drop` is the stage at which it hangs up."""

    rcpt: Callable[[str], str] = lambda address: "250 OK"
    data: str = "250 queued as 17"
    drop: str = ""
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    connections: int = 0
    secured: list[bool] = field(default_factory=list)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.drop == "rcpt":
            hang_up(server)
        answer = self.rcpt(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.secured.append(session.ssl is not None)
        if self.drop == "data":
            hang_up(server)
            await asyncio.sleep(0)
            return "250 never seen"
        if self.data.startswith("250"):
            self.taken.append(
                (str(envelope.mail_from), list(envelope.rcpt_tos), bytes(envelope.original_content or b""))
            )
        return self.data


@pytest.fixture
def served() -> Iterator[Callable[..., tuple[Post, int]]]:
    running: list[Controller] = []

    def serve(post: Post, **options: Any) -> tuple[Post, int]:
        controller = Bound(post, **options)
        controller.start()
        running.append(controller)
        return post, controller.port

    yield serve
    for controller in running:
        controller.stop()


def at(settings: Settings, port: int, **changes: Any) -> Settings:
    return settings.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "smtp_timeout": 5.0, **changes}
    )


Serve = Callable[..., tuple[Post, int]]


def test_the_mail_arrives_byte_for_byte_over_one_connection(store: Store, settings: Settings, served: Serve) -> None:
    first, _ = queue(store, "a@example.org", "b@example.org")
    post, port = served(Post())
    report = deliver(store, at(settings, port), now=NOW)
    assert (report.sent, report.problem) == (2, "")
    assert [to for _, to, _ in post.taken] == [["a@example.org"], ["b@example.org"]]
    assert post.taken[0][0] == "ricwatch@localhost"
    assert post.taken[0][2] == mail(store, first).mime
    assert post.connections == 1
    assert report.rows[0].where == "127.0.0.1: queued as 17"
    assert deliver(store, at(settings, port), now=NOW + dt.timedelta(days=1)).rows == ()


def test_lines_that_begin_with_a_dot_arrive_whole(settings: Settings, served: Serve) -> None:
    post, port = served(Post())
    way = SmtpTransport(at(settings, port))
    way.send(Handed("<x@y>", "s@example.org", "r@example.org", b"A: b\n\n.\n..two\r\n.three"), lambda: True)
    way.close()
    assert post.taken[0][2] == b"A: b\r\n\r\n.\r\n..two\r\n.three\r\n"


@pytest.mark.parametrize(
    ("post", "state", "says"),
    [
        (Post(rcpt=lambda _: "550 no such user"), MailState.FAILED, "550 no such user"),
        (Post(rcpt=lambda _: "450 greylisted"), MailState.PENDING, "450 greylisted"),
        (Post(data="554 looks like spam"), MailState.FAILED, "554 looks like spam"),
        (Post(data="451 try later"), MailState.PENDING, "451 try later"),
        (Post(data="421 shutting down"), MailState.PENDING, "421 shutting down"),
        (Post(drop="rcpt"), MailState.PENDING, "the connection broke before the mail was sent"),
        (Post(drop="data"), MailState.UNKNOWN, "the connection broke while the mail was being sent"),
    ],
    ids=[
        "5xx to RCPT",
        "4xx to RCPT",
        "5xx after DATA",
        "4xx after DATA",
        "421",
        "drop before DATA",
        "drop after DATA",
    ],
)
def test_answers_of_the_server(
    store: Store, settings: Settings, served: Serve, post: Post, state: MailState, says: str
) -> None:
    (number,) = queue(store, "a@example.org")
    post.taken.clear()
    _, port = served(post)
    deliver(store, at(settings, port), now=NOW)
    row = mail(store, number)
    assert row.state == state
    assert says in row.last_text
    assert post.taken == []


def test_a_mail_whose_fate_is_unknown_is_not_sent_by_later_runs(
    store: Store, settings: Settings, served: Serve
) -> None:
    queue(store, "a@example.org")
    _, port = served(Post(drop="data"))
    deliver(store, at(settings, port), now=NOW)
    well, port = served(Post())
    for days in range(3):
        assert deliver(store, at(settings, port), now=NOW + dt.timedelta(days=days)).unknown == 1
    assert well.taken == []
    assert well.connections == 0


def test_after_a_refusal_the_connection_serves_the_next(store: Store, settings: Settings, served: Serve) -> None:
    queue(store, "gone@example.org", "b@example.org")
    post, port = served(Post(rcpt=lambda address: "550 no" if address.startswith("gone") else "250 OK"))
    report = deliver(store, at(settings, port), now=NOW)
    assert (report.sent, report.failed) == (1, 1)
    assert post.connections == 1


def test_after_a_broken_connection_the_next_mail_gets_a_new_one(
    store: Store, settings: Settings, served: Serve
) -> None:
    queue(store, "a@example.org", "b@example.org")
    post = Post(data="421 shutting down")
    _, port = served(post)
    report = deliver(store, at(settings, port), now=NOW)
    assert report.waiting == 2
    assert post.connections == 2


def test_nobody_listening_is_a_problem_of_the_server_not_of_the_mail(store: Store, settings: Settings) -> None:
    (number,) = queue(store, "a@example.org")
    report = deliver(store, at(settings, 1), now=NOW)
    assert "cannot use 127.0.0.1:1" in report.problem
    assert mail(store, number).state == MailState.PENDING


def test_starttls_is_required_where_it_is_set(store: Store, settings: Settings, served: Serve) -> None:
    queue(store, "a@example.org")
    post, port = served(Post())
    report = deliver(store, at(settings, port, smtp_security="starttls"), now=NOW)
    assert "STARTTLS" in report.problem
    assert post.taken == []
    assert report.waiting == 1


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def login(accept: bool) -> Callable[..., AuthResult]:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        right = data.login == b"watch" and data.password == PASSWORD.encode()
        return AuthResult(success=accept and right, handled=False)  # not handled: the server words the refusal

    return check


def test_starttls_and_login(store: Store, settings: Settings, served: Serve, certificates: Certificates) -> None:
    queue(store, "a@example.org")
    post, port = served(Post(), tls_context=certificates.server, authenticator=login(True), auth_required=True)
    secure = at(settings, port, smtp_security="starttls", smtp_username="watch", smtp_password=SecretStr(PASSWORD))
    report = deliver(store, secure, now=NOW, transport=SmtpTransport(secure, certificates.trusting))
    assert (report.sent, report.problem) == (1, "")
    assert post.secured == [True]


def test_tls_on_connecting(store: Store, settings: Settings, served: Serve, certificates: Certificates) -> None:
    queue(store, "a@example.org")
    post, port = served(Post(), ssl_context=certificates.server)
    secure = at(settings, port, smtp_security="tls")
    report = deliver(store, secure, now=NOW, transport=SmtpTransport(secure, certificates.trusting))
    assert (report.sent, report.problem) == (1, "")
    assert len(post.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    store: Store, settings: Settings, served: Serve, certificates: Certificates, security: str
) -> None:
    queue(store, "a@example.org")
    options = {"tls_context": certificates.server} if security == "starttls" else {"ssl_context": certificates.server}
    post, port = served(Post(), **options)
    report = deliver(store, at(settings, port, smtp_security=security), now=NOW)
    assert "certificate verify failed" in report.problem.lower()
    assert post.taken == []


def test_a_refused_login_stops_the_run_and_keeps_the_password_to_itself(
    store: Store, settings: Settings, served: Serve, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    (number,) = queue(store, "a@example.org")
    post, port = served(Post(), tls_context=certificates.server, authenticator=login(False), auth_required=True)
    secure = at(settings, port, smtp_security="starttls", smtp_username="watch", smtp_password=SecretStr(PASSWORD))
    report = deliver(store, secure, now=NOW, transport=SmtpTransport(secure, certificates.trusting))
    assert "the login was refused" in report.problem
    assert post.taken == []
    assert mail(store, number).state == MailState.PENDING
    assert PASSWORD not in report.problem + mail(store, number).last_text + caplog.text + repr(secure)


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_outbox(
    store: Store, settings: Settings, served: Serve
) -> None:
    (number,) = queue(store, "a@example.org")
    _, port = served(Post(rcpt=lambda _: f"550 {PASSWORD} is wrong"))
    deliver(store, at(settings, port, smtp_password=SecretStr(PASSWORD)), now=NOW)
    assert mail(store, number).last_text == "550 *** is wrong"


def test_no_password_goes_over_an_open_line_to_another_machine(settings: Settings) -> None:
    open_line = settings.model_copy(
        update={"smtp_host": "mail.example.org", "smtp_security": "none", "smtp_username": "watch"}
    )
    with pytest.raises(ConfigError, match=r"mail\.example\.org"):
        SmtpTransport(open_line)
    SmtpTransport(open_line.model_copy(update={"smtp_host": "127.0.0.1"}))
    SmtpTransport(open_line.model_copy(update={"smtp_username": ""}))


def test_a_silent_server_is_given_up_in_time(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        way = SmtpTransport(at(settings, deaf.getsockname()[1], smtp_timeout=0.2))
        outcome = way.send(Handed("<x@y>", "s@example.org", "r@example.org", b"x"), lambda: True)
    assert isinstance(outcome, Unreachable)
    assert "timed out" in outcome.text
