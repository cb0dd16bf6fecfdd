"""Entity tags (RFC 9110 §8.8.3): a task's is its revision in quotes."""

import re
from collections.abc import Iterable
from hashlib import sha256

TAG = re.compile(r'(?:W/)?"([^"]*)"')
SUFFIX = re.compile(r'--?(?:gzip|br|zstd|deflate)(?=")')  # what a compressing proxy adds to a tag


def list_version(user_id: str, revision: int, members: Iterable[str]) -> str:
    """What a list's tag names: which revision, whose, and which members its tasks have.

    All users' lists have one address. Browsers ask with the tag that they have for it even if somebody else
    signed in since, or tasks have got members since, and would show what they have kept on a 304.
    """
    form = "\n".join((user_id, *members))
    return f"{revision}.{sha256(form.encode()).hexdigest()[:16]}"


def etag(version: int | str) -> str:
    return f'"{version}"'


def etag_matches(version: int | str, condition: str) -> bool:
    """Whether the value of an If-Match or If-None-Match field covers this version."""
    return condition.strip() == "*" or str(version) in TAG.findall(without_proxy_suffix(condition))


def without_proxy_suffix(condition: str) -> str:
    """The field's value with the tags as we sent them, whatever a proxy has added (contract §6)."""
    return SUFFIX.sub("", condition)
