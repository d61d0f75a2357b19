"""Sessions in the database: what was put in is there again, and one that was ended stays ended."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.base import UpdateError

from openkap.care.accounts.sessions import SessionStore


@pytest.fixture
def held(db):
    made = SessionStore()
    made["clinic"] = "north"
    made.create()
    return made.session_key


def test_what_is_changed_is_stored_in_one_statement(held, django_assert_num_queries):
    opened = SessionStore(held)
    assert opened["clinic"] == "north"
    opened["clinic"] = "south"
    with django_assert_num_queries(1):
        opened.save()
    assert SessionStore(held)["clinic"] == "south"


def test_a_session_that_was_ended_meanwhile_is_not_opened_again_by_a_late_answer(held):
    late = SessionStore(held)
    late["clinic"] = "south"
    SessionStore(held).delete()
    with pytest.raises(UpdateError):
        late.save()
    assert not SessionStore().exists(held)
