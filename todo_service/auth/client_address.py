"""Forwarded headers: what trusted proxies say of a client's address and of the path they took away."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, current_app, request

from todo_service.config import Settings
from todo_service.setting_types import Proxies

NEIGHBOURHOOD = 64  # bits: what one IPv6 customer has at least, and may roam in

# A hop as RFC 7239 §6 writes it, too: in quotes, IPv6 in brackets, and with its port, which always differs.
HOP = re.compile(r'"?(?:\[(.+)\]|([\d.]+))(?::\w+)?"?')
PREFIX = re.compile(r"(/[\w.~%-]+)+", re.ASCII)  # none of these leads to another host, or out of a header


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["trusted_proxies"] = settings.trusted_proxies
    app.wsgi_app = apply_forwarded_prefix(app.wsgi_app, settings.trusted_proxies)  # type: ignore[assignment, method-assign]  # Flask's own way


def apply_forwarded_prefix(app: WSGIApplication, trusted: Proxies) -> WSGIApplication:
    """Put `X-Forwarded-Prefix` before `SCRIPT_NAME` (PEP 3333), with which all addresses in answers begin.

    The nearest proxy's counts, if that is trusted. Werkzeug's ProxyFix knows no networks, takes `//elsewhere`
    for a path, and forgets where the server has mounted us below it.
    """

    def below_prefix(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        prefix = environ.get("HTTP_X_FORWARDED_PREFIX", "").rpartition(",")[2].strip().rstrip("/")
        if PREFIX.fullmatch(prefix) and trusted.trusts(parse_address(environ.get("REMOTE_ADDR", "")), 0):
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")
        return app(environ, start_response)

    return below_prefix


def client_address() -> str:
    """The address of the client; of an IPv6 client, the network that is surely its own.

    Each proxy appends to `X-Forwarded-For` the address it was called from. So the list is read from its
    end, for as long as the hop that wrote the entry is trusted; what stands before may be made up. An entry
    that is no address ends it, too: the nearest trusted address counts.
    """
    trusted: Proxies = current_app.extensions["trusted_proxies"]
    client = parse_address(request.remote_addr or "")
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    for hop, entry in enumerate(reversed(forwarded)):
        if not trusted.trusts(client, hop) or not (before := parse_address(entry)):
            break
        client = before
    is_network = isinstance(client, IPv6Address)
    return str(IPv6Network((client, NEIGHBOURHOOD), strict=False) if is_network else client)


def parse_address(entry: str) -> IPv4Address | IPv6Address | None:
    """The address of a hop; None if it is no IP address: that of a Unix socket's peer, say."""
    host = HOP.fullmatch(entry.strip())
    try:
        address = ip_address(host[1] or host[2] if host else entry.strip())
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
