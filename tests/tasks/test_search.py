"""Words are found, and titles ordered, as people type them: whatever case, accents and form (contract §5)."""

from collections.abc import Callable
from functools import partial
from unicodedata import normalize
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.pages import walked
from tests.people import Person
from todo_service.tasks.folding import fold

NORMAL_FORMS: list[Callable[[str], str]] = [
    partial(normalize, "NFC"),
    partial(normalize, "NFD"),
    partial(normalize, "NFKC"),
    partial(normalize, "NFKD"),
]
FORMS = [str.upper, str.lower, str.swapcase, *NORMAL_FORMS]


def finds(person: Person, word: str) -> list[str]:
    return person.titles(f"?q={quote(word)}")


SAME = [
    ("Straße", "STRASSE"),
    ("Café", "cafe"),
    ("Łódź", "lodz"),
    ("smørrebrød", "SMORREBROD"),
    ("cœur", "Coeur"),
    ("İstanbul", "istanbul"),
    ("ışık", "IŞIK"),
    ("Οδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
    ("ᾠδή", "ΩΙΔΗ"),
    ("ёлка", "ЕЛКА"),
    ("Đặng", "dang"),
    ("full", "ｆｕｌｌ"),
    ("カタカナ", "ｶﾀｶﾅ"),
    ("مُحَمَّد", "محمد"),
    ("أحمد", "احمد"),
    ("مرحبا", "مـــرحبا"),
    ("ﷺ", "صلى الله عليه وسلم"),
    ("שָׁלוֹם", "שלום"),
    ("क़लम", "क\u093cलम"),
    ("한국", normalize("NFD", "한국")),
    ("น้ำ", normalize("NFKD", "น้ำ")),
    ("❤\ufe0f", "❤"),
    ("co\u00adop", "coop"),
    ("\u200fשלום\u200f", "שלום"),
    ("𝐁𝐨𝐥𝐝", "bold"),
    ("ﬁne", "FINE"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_word_is_found_however_it_is_written(ada: Person, one: str, other: str) -> None:
    ada.adds("something else")
    ada.adds("in the title", description=f"before {one} after")
    ada.adds("another", description=other)
    for word in (one, other):
        assert finds(ada, word) == ["another", "in the title"]


DIFFERENT = [
    ("มา", "ม้า"),  # come, horse: a tone
    ("กิน", "กัน"),  # eat, each other: a vowel
    ("दिन", "दीन"),  # day, poor: a vowel sign
    ("कम", "कर्म"),  # little, deed: a virama
    ("かき", "かぎ"),  # persimmon, key: a voiced consonant
    ("ハハ", "パパ"),
    ("무", "물"),  # radish, water: not even in the Jamo of which the one is a part of the other
    ("কে", "কো"),
    ("கெட", "கொட"),
    ("a≠b", "a=b"),
    ("שלום", "שלוש"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
@pytest.mark.parametrize("form", NORMAL_FORMS[:2], ids=["NFC", "NFD"])
def test_words_that_differ_are_told_apart(
    ada: Person, one: str, other: str, form: Callable[[str], str]
) -> None:
    for word in (one, other):
        ada.adds(form(word))
    for word in (one, other):
        assert finds(ada, word) == [form(word)]


def test_words_are_found_within_longer_ones_in_any_order(ada: Person) -> None:
    ada.adds("Frühstück im Café", description="mit Ömer")
    assert finds(ada, "OME cafe  stuck") == ["Frühstück im Café"]
    assert finds(ada, "cafe tee") == []


def test_titles_are_ordered_as_words_are_found(ada: Person) -> None:
    ordered = ["ångström", "Äpfel", "APFELMUS", "Łódź", "lübeck", "Zoë", "zoé 2", "あか", "あか゛"]
    for title in reversed(ordered):
        ada.adds(title)
    assert ada.titles("?sort=title") == ordered
    assert [task["title"] for task in walked(ada, "/api/tasks?sort=title&limit=1")] == ordered
    assert ada.titles("?sort=title&order=desc") == ordered[::-1]


def test_titles_that_agree_but_for_accents_are_ties(ada: Person) -> None:
    for title in ("cafe", "Café", "CAFÉ"):
        ada.adds(title)
    assert ada.titles("?sort=title") == ada.titles("?sort=title&order=desc") == ["CAFÉ", "Café", "cafe"]


def test_titles_that_agree_in_all_that_an_index_keeps_of_them_are_ties(client: FlaskClient) -> None:
    """Folded, one such character is eighteen."""
    person = Person(client, "\U00010400" * 255)
    titles = ["ﷺ" * 199 + ending for ending in ("ج", "ب", "ا")]
    for title in reversed(titles):
        person.adds(title, description=title * 5)
    assert person.titles("?sort=title") == person.titles("?sort=title&order=desc") == titles
    assert [task["title"] for task in walked(person, "/api/tasks?sort=title&limit=1")] == titles


def test_the_form_of_no_character_matters() -> None:
    for number in (*range(0x3400), *range(0xA000, 0xAE00), *range(0xF900, 0x11A00), *range(0x1D000, 0x1F300)):
        folded = fold(chr(number))
        assert fold(folded) == folded
        for written in FORMS:
            assert fold(written(chr(number))) == folded, (hex(number), written)


@given(st.text(), st.sampled_from(FORMS))
def test_the_form_of_no_text_matters(text: str, written: Callable[[str], str]) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(written(text)) == fold(text)
