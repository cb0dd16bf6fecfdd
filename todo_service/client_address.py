"""Whose connection a request came over: the proxies' word counts, but only that of trusted ones."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from flask import current_app, request

from todo_service.setting_types import Proxies

NEIGHBOURHOOD = 64  # bits: what one IPv6 customer has at least, and may roam in


def client_address() -> str:
    """The address of the client; of an IPv6 client, the network that is surely its own.

    Each proxy appends to `X-Forwarded-For` the address it was called from. So the list is read from its
    end, for as long as the hop that wrote the entry is trusted; what stands before may be made up.
    """
    trusted: Proxies = current_app.extensions["trusted_proxies"]
    address = request.remote_addr or ""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    for hop, entry in enumerate(reversed(forwarded)):
        if not trusted.cover(address, hop) or not parsed(entry.strip()):
            break
        address = entry.strip()
    client = parsed(address)
    if isinstance(client, IPv6Address):
        return str(client.ipv4_mapped or IPv6Network((client, NEIGHBOURHOOD), strict=False))
    return address


def parsed(address: str) -> IPv4Address | IPv6Address | None:
    """None if it is no IP address: that of a Unix socket's peer, say."""
    try:
        return ip_address(address)
    except ValueError:
        return None
