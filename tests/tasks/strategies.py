"""What the requests that Hypothesis makes up are made of."""

from hypothesis import strategies as st

from tests.tasks.model import DESCRIPTIONS, DUE_DATES, PRIORITIES, TAGS, TITLES

users = st.sampled_from(["ada", "bob"])
keys = st.none() | st.sampled_from(["one", "two", "three"])
members = {
    "description": st.sampled_from(DESCRIPTIONS),
    "completed": st.booleans(),
    "priority": st.sampled_from(PRIORITIES),
    "due_date": st.sampled_from(DUE_DATES),
    "tags": st.sampled_from(TAGS),
}
titles = st.sampled_from(TITLES)
new_fields = st.fixed_dictionaries({"title": titles}, optional=members)
some_fields = st.fixed_dictionaries({}, optional={"title": titles, **members})

# If-Match as it may be written, and how far it is from the revision that the task has.
conditions = st.sampled_from(
    [("", 0), ("", 0), ("*", 0), ('"{}"', 0), ('W/"{}"', 0), ('"0", "{}-gzip"', 0), ('"{}"', -1), ('"{}"', 1)]
)
