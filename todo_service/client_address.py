"""Whose connection a request came over: the proxies' word counts, but only that of trusted ones."""

from ipaddress import IPv6Address, IPv6Network, ip_address

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
        if not trusted.cover(address, hop) or not is_address(entry.strip()):
            break
        address = entry.strip()
    return neighbourhood(address)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def neighbourhood(address: str) -> str:
    if not is_address(address):  # of a Unix socket's peer, say
        return address
    found = ip_address(address)
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, NEIGHBOURHOOD), strict=False))
