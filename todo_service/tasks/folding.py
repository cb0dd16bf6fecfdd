"""Folding: texts that people take for the same word become the same text, for search and for A to Z."""

import re
from collections.abc import Callable
from unicodedata import normalize

from sqlalchemy import Connection, bindparam, select, tuple_, update

from todo_service.models import Task

KEY_CHARACTERS = 300  # 1,200 bytes: PostgreSQL's index takes 2,704 of a key, its user's id 1,020 of them
BATCH = 500  # tasks that are looked at at once

# Left out because people leave it out. Not every nonspacing mark (Mn): what spells words stays, as vowels and
# tones of Thai, vowel signs, virama and nukta of Hindi and its kin, the voicing of kana; so do overlays (≠).
IGNORED = re.compile(
    "["
    "\u0300-\u0333\u0339-\u036f\u0483-\u0487\u1ab0-\u1aff\u1dc0-\u1dff\u2de0-\u2dff\ufe20-\ufe2f"  # accents
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\ufb1e"  # points of Hebrew
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # of Arabic
    "\u0898-\u089f\u08ca-\u08e1\u08e3-\u08ff\u0711\u0730-\u074a"  # of Arabic and Syriac
    "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"  # invisible
    "]"
)
# What Unicode does not decompose: letters with a stroke, ligatures, and the dotless i, whose capital is I.
PLAIN = str.maketrans({"\u0131": "i", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe"})


def fold(text: str) -> str:
    """A text without what people do not type: case, accents, and differences of form alone.

    That is compatibility caseless matching (The Unicode Standard, D146: full case folding and NFKD, twice,
    for each makes work for the other), without IGNORED. Composed in the end, so that the Korean 가 is no part
    of 각, nor the Japanese か of が. Folded again it stays as it is. It may be 18 times as long.
    """
    decomposed = normalize("NFKD", normalize("NFKD", text).casefold()).casefold()
    return normalize("NFC", IGNORED.sub("", decomposed).translate(PLAIN))


def title_key(title: str) -> str:
    """What titles are ordered by; those that agree in all of it are ties. Cursors hold it, too."""
    return fold(title)[:KEY_CHARACTERS]


def search_columns(title: str, description: str | None) -> dict[str, str]:
    """What is stored of a task for finding it: by its title's order, and by its words."""
    return {"title_key": title_key(title), "search_text": fold(f"{title}\n{description or ''}")}


TASK = (Task.user_id, Task.id)
NEXT = (
    select(*TASK, Task.title, Task.description, Task.title_key, Task.search_text)
    .where(tuple_(*TASK) > tuple_(bindparam("user"), bindparam("task", type_=Task.id.type)))
    .order_by(*TASK)
    .limit(BATCH)
)
REFOLD = update(Task).where(  # unless it was changed meanwhile: then that is what counts
    Task.user_id == bindparam("user"),
    Task.id == bindparam("task"),
    Task.title_key == bindparam("old_key"),
    Task.search_text == bindparam("old_text"),
)
FIRST = ("", "00000000-0000-0000-0000-000000000000")  # before every task


def refold(
    connection: Connection, columns: Callable[[str, str | None], dict[str, str]] = search_columns
) -> int:
    """Store of every task what `columns` makes of its title and description; return of how many it was not.

    Each task is a transaction of its own, so that people write on meanwhile, wait for one row at most and
    cannot run into a deadlock. Whatever ends it halfway, it can be begun again.

    Args:
        connection: in autocommit mode.
    """
    done, last = 0, FIRST
    while tasks := connection.execute(NEXT, {"user": last[0], "task": last[1]}).all():
        found = [(task, columns(task.title, task.description)) for task in tasks]
        stale = [
            {
                "user": task.user_id,
                "task": task.id,
                "old_key": task.title_key,
                "old_text": task.search_text,
                **new,
            }
            for task, new in found
            if (task.title_key, task.search_text) != (new["title_key"], new["search_text"])
        ]
        if stale:
            connection.execute(REFOLD, stale)
        done, last = done + len(stale), (tasks[-1].user_id, tasks[-1].id)
    return done
