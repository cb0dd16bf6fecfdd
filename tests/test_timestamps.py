"""Timestamps (contract §1): any RFC 3339 in, UTC with `Z` out."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.people import Person, body
from todo_service.api.fields import Timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-02-10T14:30:00Z", "2026-02-10T14:30:00Z"),
        ("2026-02-10t14:30:00z", "2026-02-10T14:30:00Z"),
        ("2026-02-10 14:30:00Z", "2026-02-10T14:30:00Z"),
        ("2026-02-10T14:30:00", "2026-02-10T14:30:00Z"),
        ("2026-02-10T14:30", "2026-02-10T14:30:00Z"),
        ("2026-02-10T14:30+05:30", "2026-02-10T09:00:00Z"),
        ("2026-02-10", "2026-02-10T00:00:00Z"),
        ("2026-02-10T14:30:00+00:00", "2026-02-10T14:30:00Z"),
        ("2026-02-10T14:30:00-00:00", "2026-02-10T14:30:00Z"),
        ("2026-02-10T23:30:00-01:00", "2026-02-11T00:30:00Z"),
        ("2026-02-10T14:30:00+23:59", "2026-02-09T14:31:00Z"),
        ("2026-02-10T14:30:00.5Z", "2026-02-10T14:30:00.500000Z"),
        ("2026-02-10T14:30:00.123456Z", "2026-02-10T14:30:00.123456Z"),
        ("2026-02-10T14:30:00.123456999+01:00", "2026-02-10T13:30:00.123456Z"),
        ("2026-02-10T14:30:00.000000000000000000001Z", "2026-02-10T14:30:00Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("0001-01-01", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        ("0044-03-15T12:00:00Z", "0044-03-15T12:00:00Z"),
    ],
)
def test_a_due_date_is_kept_in_utc(ada: Person, sent: str, kept: str) -> None:
    task = ada.adds(due_date=sent)
    assert task["due_date"] == kept
    assert body(ada.get(f"/api/tasks/{task['id']}"))["due_date"] == kept


@pytest.mark.parametrize(
    "sent",
    [
        "2026-02-30",
        "2025-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-01-00",
        "0000-01-01",
        "10000-01-01T00:00:00Z",
        "+2026-02-10",
        "-0001-01-01",
        "26-02-10",
        "2026-2-1",
        "20260210",
        "20260210T143000Z",
        "2026-W07-2",
        "2026-041",
        "2026-02-10T",
        "2026-02-10T14",
        "2026-02-10T14Z",
        "2026-02-10Z",
        "2026-02-10+01:00",
        "2026-02-10T24:00:00Z",
        "2026-02-10T14:60:00Z",
        "2026-02-10T14:30:60Z",
        "2026-02-10T14:30:00.Z",
        "2026-02-10T14:30:00,5Z",
        "2026-02-10T14:30.5Z",
        "2026-02-10T14:30:00+1:00",
        "2026-02-10T14:30:00+0100",
        "2026-02-10T14:30:00+01",
        "2026-02-10T14:30:00+24:00",
        "2026-02-10T14:30:00+01:60",
        "2026-02-10T14:30:00 Z",
        "2026-02-10T14:30:00Z\n",
        " 2026-02-10T14:30:00Z",
        "2026-02-10T14:30:00ZZ",
        "2026-02-10T14:30:00 Europe/Berlin",
        "Tue, 10 Feb 2026 14:30:00 GMT",
        "\u0662\u0660\u0662\u0666-\u0660\u0662-\u0661\u0660",
        "2026\u201302\u201310",
        "now",
        "NaN",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "x" * 100_000,
        "2026-02-10T14:30:00." + "9" * 100_000,
    ],
)
def test_what_is_no_timestamp_or_overflows_is_refused(ada: Person, sent: str) -> None:
    answer = ada.post(json={"title": "x", "due_date": sent})
    if sent.startswith("2026-02-10T14:30:00.9"):  # however many digits: they are cut
        assert body(answer)["due_date"] == "2026-02-10T14:30:00.999999Z"
        return
    assert answer.status_code == 400, answer.text
    assert list(body(answer)["errors"]) == ["due_date"]


@given(st.datetimes(timezones=st.timezones()))
def test_what_goes_out_comes_back_as_the_same_moment(moment: datetime) -> None:
    field = Timestamp()
    try:
        sent = parse_timestamp(moment.isoformat())
    except (OverflowError, ValueError):  # beyond the years 1 to 9999, or an offset with seconds
        return
    assert field.deserialize(field.serialize("due_date", {"due_date": sent})) == sent
