"""Entity tags (RFC 9110 §8.8.3): a task's is its revision in quotes."""

import re
from hashlib import sha256

# Another one whenever tasks get members: else a 304 leaves browsers with what they have kept, without these.
FORM = b"tags and position:"
TAG = re.compile(r'(?:W/)?"([^"]*)"')
SUFFIX = re.compile(r'--?(?:gzip|br|zstd|deflate)(?=")')  # what a compressing proxy adds to a tag


def list_version(user_id: str, revision: int) -> str:
    """What a list's tag names: which revision, whose, and in which form tasks are shown.

    All users' lists have one address. Browsers ask with the tag that they have for it even if somebody else
    signed in since, and would show the cached list on a 304; so no two users' tags may be the same.
    """
    return f"{revision}.{sha256(FORM + user_id.encode()).hexdigest()[:16]}"


def etag(version: int | str) -> str:
    return f'"{version}"'


def etag_matches(version: int | str, condition: str) -> bool:
    """Whether the value of an If-Match or If-None-Match field covers this version."""
    return condition.strip() == "*" or str(version) in TAG.findall(without_proxy_suffix(condition))


def without_proxy_suffix(condition: str) -> str:
    """The field's value with the tags as we sent them, whatever a proxy has added (contract §6)."""
    return SUFFIX.sub("", condition)
