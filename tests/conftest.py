"""Both databases, the application on each, and the people who use it."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.auth_server import AuthServer
from tests.log_lines import LogLines
from tests.openapi_document import JSON
from tests.people import SECRET, Person, body
from tests.pgbouncer import PgBouncer
from tests.postgres import Postgres
from tests.service import Service
from todo_service import create_app
from todo_service.config import Settings

MakeApp = Callable[..., Flask]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--behind-pgbouncer", action="store_true", help="reach the tests' databases on PostgreSQL through it"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no report hold half a character: it could not be sent to the process that runs the others."""
    report = yield
    report.sections = [
        (title, said.encode(errors="backslashreplace").decode()) for title, said in report.sections
    ]
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server that the tests of one module may stop, freeze and kill."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def create_on_postgresql(postgres: Postgres, pytestconfig: pytest.Config) -> Iterator[Callable[[str], str]]:
    """Makes an empty database of that name; gives its URL, through PgBouncer where that is wished."""
    if not pytestconfig.getoption("--behind-pgbouncer", default=False):
        yield postgres.create
        return
    bouncer = PgBouncer(postgres)
    yield bouncer.create
    bouncer.remove()


@pytest.fixture(scope="session")
def todo_on_postgresql(create_on_postgresql: Callable[[str], str]) -> str:
    return create_on_postgresql("todo")


@pytest.fixture(scope="session")
def todo_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/todo.db"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"todo_on_{request.param}"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings for a database in which nothing is yet."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/empty.db"
    else:
        url = request.getfixturevalue("create_on_postgresql")(f"empty-{uuid4().hex}")
    return {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": url}


@pytest.fixture(scope="session")
def environment(database_url: str) -> dict[str, str]:
    return {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": database_url,
        "CORS_ORIGINS": "https://app.example.com,http://localhost:3000",
        "RATE_LIMIT": "",
    }


@pytest.fixture(scope="session")
def shared_app(environment: dict[str, str]) -> Flask:
    app = create_app(Settings.from_environ(environment))
    bring_up_to_date(app)
    return app


def bring_up_to_date(app: Flask) -> None:
    """The first request migrates the database; those of a busy machine may have to come back."""
    ada = Person(app.test_client(), "ada")
    assert any(ada.get().status_code == 200 for _ in range(10))


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """The application on an empty database."""
    forget_everything(shared_app)
    return shared_app


def forget_everything(app: Flask) -> None:
    db = app.extensions["sqlalchemy"]
    with app.app_context():
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ada(client: FlaskClient) -> Person:
    return Person(client, "ada")


@pytest.fixture
def bob(client: FlaskClient) -> Person:
    return Person(client, "bob")


@pytest.fixture
def log_lines(shared_app: Flask, capfd: pytest.CaptureFixture[str]) -> LogLines:  # it is the app that logs so
    """What is logged from now on."""
    return LogLines(capfd)


@pytest.fixture
def make_app(environment: dict[str, str], app: Flask) -> Iterator[MakeApp]:
    """An application with other settings; what they do to logs is undone in the end."""
    changed = set[str]()

    def make(**changes: str) -> Flask:
        changed.update(changes)
        return create_app(Settings.from_environ({**environment, **changes}))

    yield make
    if changed & {"LOG_FORMAT", "LOG_LEVEL"}:
        make()


@pytest.fixture
def auth_server() -> Iterator[AuthServer]:
    server = AuthServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def start_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, str]], Service]]:
    """Gives the service on a database, which is started when it is first asked for and runs to the end."""
    services: dict[str, Service] = {}
    with ExitStack() as running:

        def started(environment: dict[str, str]) -> Service:
            url = environment["DATABASE_URL"]
            if url not in services:
                service = Service(environment, tmp_path_factory.mktemp("service"))
                services[url] = running.enter_context(service)
            return services[url]

        yield started


@pytest.fixture(scope="session")
def running_service(environment: dict[str, str], start_once: Callable[[dict[str, str]], Service]) -> Service:
    return start_once(environment)


@pytest.fixture
def service(running_service: Service, app: Flask) -> Service:
    """The service as it really runs: gunicorn with two workers on the empty database of `app`."""
    return running_service


@pytest.fixture
def document(client: FlaskClient) -> JSON:
    """The OpenAPI document."""
    return dict(body(client.get("/openapi.json")))
