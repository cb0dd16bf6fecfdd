"""How settings are written: each function reads one kind, and raises ValueError saying what it must be."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

MINIMUM_SECRET_BYTES = 32  # RFC 7518 §3.2: an HS256 key is at least as long as the hash it feeds


def text(value: str) -> str:
    """Anything."""
    return value


def flag(value: str) -> bool:
    known = {"true": True, "1": True, "on": True, "yes": True}
    known |= {"false": False, "0": False, "off": False, "no": False, "": False}
    if value.lower() not in known:
        raise ValueError("must be true or false")
    return known[value.lower()]


def number(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    parse.__name__ = f"number {least}-{most}"
    return parse


def hmac_secret(value: str) -> str:
    if value and len(value.encode()) < MINIMUM_SECRET_BYTES:
        raise ValueError(f"must be at least {MINIMUM_SECRET_BYTES} bytes long")
    return value


def web_address(value: str) -> str:
    """An absolute http or https URL, without a trailing slash; empty stays empty."""
    if not value:
        return value
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # no such port, or brackets that hold no address
        usable = False
    if not usable or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be an address like https://app.example.com")
    return value.rstrip("/")


def origin(address: str) -> str:
    """The origin of an address as browsers and Better Auth write it (RFC 6454 §6.2)."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def origins(value: str) -> tuple[str, ...]:
    """Comma-separated origins, or `*` for any."""
    listed = tuple(part.strip() for part in value.split(",") if part.strip())
    if listed == ("*",):
        return listed
    for one in listed:
        if urlsplit(web_address(one)).path or "*" in one:
            raise ValueError("must be origins like https://app.example.com, or a single *")
    return tuple(dict.fromkeys(origin(one) for one in listed))


def database_url(value: str) -> URL:
    """A SQLAlchemy URL; the `postgres://` that hosting companies hand out is understood."""
    try:
        url = make_url(value)
        backend = url.drivername.partition("+")[0]
        if backend == "sqlite":
            return url.set(drivername="sqlite")
        if backend in ("postgres", "postgresql"):
            make_dsn(**{name: str(option) for name, option in url.query.items()})
            return url.set(drivername="postgresql+psycopg2")
    except psycopg2.ProgrammingError as error:  # sslmode and channel_binding are known, pgbouncer is not
        raise ValueError(f"has an option PostgreSQL does not know: {str(error).strip()}") from None
    except (ArgumentError, ValueError):
        pass  # what make_url says may repeat the password
    raise ValueError("must be a postgresql:// or sqlite:/// URL")


def rate(value: str) -> str:
    if value and not re.fullmatch("[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
        raise ValueError("must be like 600/minute, or empty for no limit")
    return value


def rate_storage(value: str) -> str:
    """Where the limits are counted: this process's memory, or a Redis."""
    try:
        parts = urlsplit(value)
        usable = value == "memory://" or (parts.scheme in ("redis", "rediss") and bool(parts.hostname))
        usable = usable and parts.port != 0
    except ValueError:  # no such port
        usable = False
    if not usable:
        raise ValueError("must be memory:// or an address like redis://host:6379/0")
    return value


@dataclass(frozen=True)
class Proxies:
    """The proxies in front that are trusted: so many of them, or those in these networks."""

    hops: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def cover(self, address: str, hop: int) -> bool:
        """Whether the proxy at this address, so many hops away from us, is trusted."""
        if hop < self.hops:
            return True
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


def proxies(value: str) -> Proxies:
    """How many proxies there are, or their addresses and networks, comma-separated."""
    if re.fullmatch("[0-9]", value):
        return Proxies(hops=int(value))
    try:
        return Proxies(networks=tuple(ip_network(part.strip()) for part in value.split(",") if part.strip()))
    except ValueError:
        raise ValueError("must be a number of proxies, or addresses like 10.0.0.0/8,::1") from None


def log_format(value: str) -> str:
    if value.lower() not in ("json", "console"):
        raise ValueError("must be json or console")
    return value.lower()


def log_level(value: str) -> str:
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return value.upper()
