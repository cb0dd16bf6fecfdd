"""Fractional indexing: a position is a text between those of its neighbours, so that a move writes one row.

Positions sort by code point. What is new, or moved to an end, gets one made of the write's own revision, so
that nothing has to be read first: `top` counts down and `bottom` up, both at fixed width. Read as fractions
in base 36, any two have room between them; only longer it gets with each task that goes there.
"""

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"  # in the order of their code points
LONGEST = 64  # characters, beyond which the neighbourhood is spread anew
LAST_REVISION = 2**63 - 1
HIGHEST, LOWEST = "", "~"  # no position, but all lie between
MIDDLE = "i"  # behind each number, so that there is room on both sides of it

# How positions begin: tops are hexadecimal; behind them lies what is older than positions, then the bottoms.
OLDER = "k"
BOTTOM = "z"


class NoRoom(Exception):
    """Between two positions there is none that is short enough."""


def top(revision: int) -> str:
    """A position above all that writes before this revision have given."""
    return f"{LAST_REVISION - revision:016x}{MIDDLE}"


def bottom(revision: int) -> str:
    """A position below all that writes before this revision have given."""
    return f"{BOTTOM}{revision:016x}{MIDDLE}"


def spread(high: str, low: str, count: int, *, room: int = 1, longest: int) -> list[str]:
    """So many positions between two others, evenly spread and as short as can be.

    Args:
        room: how many positions of their length are to fit between two of them.
        longest: how many characters they may have.

    Raises:
        NoRoom: they would have more.
    """
    for length in range(max(len(high), len(low)), longest + 1):
        first, last = (int(end.ljust(length, DIGITS[0]), 36) for end in (high, low))
        step = (last - first) // (count + 1)
        if step >= room:
            return [text(first + step * place, length) for place in range(1, count + 1)]
    raise NoRoom


def text(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits
