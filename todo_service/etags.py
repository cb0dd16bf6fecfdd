"""Entity tags (RFC 9110 §8.8.3): a task's is its revision in quotes."""

import re

# A tag as it may come back: marked weak, or with what a compressing proxy adds to it.
TAG = re.compile(r'(?:W/)?"([^"]*?)(?:-(?:gzip|br|zstd|deflate))?"')


def etag(revision: int) -> str:
    return f'"{revision}"'


def is_listed(revision: int, condition: str) -> bool:
    """Whether the value of an If-Match or If-None-Match field covers this revision."""
    return condition.strip() == "*" or str(revision) in TAG.findall(condition)
