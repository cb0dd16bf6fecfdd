"""A real Better Auth server, which signs people up and issues their tokens over HTTP."""

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from e2e.node import installed
from tests.people import SECRET
from tests.service import clean_environment, free_port

START_SECONDS = 30


@dataclass(frozen=True)
class Session:
    """Somebody signed in: their user id, and a client that has their cookies."""

    user_id: str
    http: httpx.Client


class BetterAuth:
    """A running server; people, sessions and keys outlive `stop`.

    Args:
        origins: whose pages may call it. Its cookies are SameSite=Lax, so such pages have to come from
            127.0.0.1 too, on whatever port.
        options: what Better Auth's jwt plugin is configured with, such as `jwks` and `jwt`.
    """

    def __init__(self, origins: Iterable[str] = (), **options: Any) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.origins, self.options = ",".join(origins), options
        self.resources = ExitStack()

    def __enter__(self) -> Self:
        self.directory = Path(self.resources.enter_context(tempfile.TemporaryDirectory()))
        self.http = self.client()
        self.start(**self.options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.resources.close()

    def client(self) -> httpx.Client:
        # Better Auth refuses writes with cookies that do not say which page they come from.
        return self.resources.enter_context(httpx.Client(base_url=self.url, headers={"Origin": self.url}))

    def start(self, **options: Any) -> None:
        """Start, with other options for the jwt plugin if need be."""
        environment = clean_environment(
            BETTER_AUTH_URL=self.url, BETTER_AUTH_SECRET=SECRET, BETTER_AUTH_TRUSTED_ORIGINS=self.origins
        )
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                ["node", "server.mjs", self.directory / "db", json.dumps(options)],
                cwd=installed("auth"),
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def restart(self, **options: Any) -> None:
        self.stop()
        self.start(**options)

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def answers(self) -> bool:
        try:
            return self.http.get("/api/auth/ok").is_success
        except httpx.TransportError:
            return False

    def sign_up(self, name: str, email: str) -> Session:
        http = self.client()
        person = {"name": name, "email": email, "password": "correct horse battery staple"}
        answer = http.post("/api/auth/sign-up/email", json=person)
        assert answer.is_success, answer.text
        return Session(answer.json()["user"]["id"], http)

    def token(self, session: Session) -> str:
        """A token for services, signed with the newest key; it counts for 15 minutes."""
        return str(self.ask(session, "GET", "/api/auth/token")["token"])

    def shared_secret_token(self, session: Session) -> str:
        """A token that a frontend without the jwt plugin signs with the secret it shares with us."""
        return str(self.ask(session, "GET", "/shared-secret-token"))

    def verification_token(self, session: Session, email: str) -> str:
        """What the mail holds that asks whether the address is theirs."""
        self.ask(session, "POST", "/api/auth/send-verification-email", json={"email": email})
        return str(self.ask(session, "GET", "/mails")[-1])

    def rotate(self) -> None:
        """Sign with a new key from now on; the old ones stay published."""
        assert self.http.post("/rotate").is_success

    def ask(self, session: Session, method: str, path: str, **kwargs: Any) -> Any:
        answer = session.http.request(method, path, **kwargs)
        assert answer.is_success, answer.text
        return answer.json()
