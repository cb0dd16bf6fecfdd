"""Parsers of settings that environs does not know: each returns the value, or says what it must be."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Any
from urllib.parse import quote, urlsplit

import idna
from environs import Env, EnvError
from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

env = Env()

# What a value of each type must be, be it a parser of environs' or of this file.
MUST_BE = {"str": "text", "int": "a whole number", "bool": "true or false"}
SECRET = {"hmac_secret", "database_url", "rate_storage"}  # types that may hold one, so are never shown

MINIMUM_SECRET_BYTES = 32  # RFC 7518 §3.2: an HS256 key is at least as long as the hash it feeds
DEFAULT_PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f.]*:[0-9a-f:.]*")  # a name, IPv4 or IPv6
APP_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9_.-]+(:[0-9]+)?")  # of an app or a browser extension


def parser(must_be: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a method of `env`; a value that it raises a ValueError for `must_be` this."""

    def register(parse: Callable[..., Any]) -> Callable[..., Any]:
        MUST_BE[parse.__name__] = must_be
        return env.parser_for(parse.__name__)(parse)

    return register


@parser("one of these")
def choice(value: str, choices: Sequence[str]) -> str:
    """One of these words, whatever the case."""
    known = {word.lower(): word for word in choices}
    if value.lower() not in known:
        raise EnvError(" or ".join(choices))
    return known[value.lower()]


@parser("like 600/minute, or empty for no limit")
def rate(value: str) -> str:
    if not re.fullmatch("([1-9][0-9]{0,8}/(second|minute|hour|day))?", value):
        raise ValueError
    return value


@parser(f"at least {MINIMUM_SECRET_BYTES} bytes long")
def hmac_secret(value: str) -> str:
    if 0 < len(value.encode()) < MINIMUM_SECRET_BYTES:
        raise ValueError
    return value


@parser("an address like https://app.example.com")
def web_address(value: str) -> str:
    """An absolute http or https URL: its origin and its path, without a trailing slash; or empty."""
    parts = urlsplit(value)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError
    return value and origin(value) + quote(parts.path.rstrip("/"), "/%:@!$&'()*+,;=~")


def origin(address: str) -> str:
    """The origin (RFC 6454 §6.2) of a web address, as browsers and Better Auth write it: in lower case, the
    host in its IDNA form (UTS 46), the port only where it is not the scheme's own. Raises ValueError."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    host = host if host.isascii() else idna.encode(host, uts46=True).decode()
    if parts.scheme not in DEFAULT_PORTS or not HOST.fullmatch(host) or parts.port == 0:
        raise ValueError("no web address")
    host = f"[{host}]" if ":" in host else host
    usual = parts.port in (None, DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if usual else f":{parts.port}")


@parser("origins like https://a.example, https://*.a.example or capacitor://localhost, or a single *")
def origins(value: str) -> tuple[str, ...]:
    """Comma-separated origins, or `*` for any."""
    listed = [one.strip().rstrip("/").lower() for one in value.split(",") if one.strip()]
    return ("*",) if listed == ["*"] else tuple(dict.fromkeys(map(page_origin, listed)))


def page_origin(written: str) -> str:
    """What a browser sends as `Origin`; the `*.` that stands for all subdomains of a web host is kept."""
    scheme, _, host = written.partition("://")
    if scheme not in DEFAULT_PORTS and APP_ORIGIN.fullmatch(written):
        return written
    address = f"{scheme}://{host.removeprefix('*.')}"
    if web_address(address) != (found := origin(address)):
        raise ValueError("it has a path")
    return found.replace("://", "://*.") if host.startswith("*.") else found


@parser("a postgresql:// or sqlite:/// URL")
def database_url(value: str) -> URL:
    """A SQLAlchemy URL; the `postgres://` that hosting companies hand out is understood."""
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError from None
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite" and not url.host:  # after two slashes, the file's name stands for a host
        if "?" in value and "uri" not in url.query:
            raise EnvError("a ? in the file's name is written %3F")
        return url.set(drivername="sqlite")
    if backend not in ("postgres", "postgresql"):
        raise ValueError
    try:  # libpq knows the options sslmode and channel_binding, but not pgbouncer
        make_dsn(**dict.fromkeys(url.query, "any"))
    except ProgrammingError as error:
        raise EnvError(str(error).strip()) from None
    return url.set(drivername="postgresql+psycopg2")


@parser("memory:// or an address like redis://host:6379/0")
def rate_storage(value: str) -> str:
    """Where the limits are counted: this process's memory, or a Redis."""
    parts = urlsplit(value)
    is_redis = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
    if not is_redis and value != "memory://":
        raise ValueError
    return value


@dataclass(frozen=True)
class Proxies:
    """The proxies in front that are trusted: so many of them, or those in these networks."""

    hops: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def trusts(self, address: IPv4Address | IPv6Address | None, hop: int) -> bool:
        """Whether the proxy at this address, so many hops away from us, is trusted."""
        return hop < self.hops or any(address in network for network in self.networks if address)


@parser("a number of proxies, or addresses like 10.0.0.0/8,::1")
def proxies(value: str) -> Proxies:
    if re.fullmatch("[0-9]", value):
        return Proxies(hops=int(value))
    return Proxies(networks=tuple(ip_network(part.strip()) for part in value.split(",") if part.strip()))
