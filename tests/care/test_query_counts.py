"""How often each page asks the database: a fixed number of times, whatever is in the clinic.

A look is audited in the test's own transaction: on SQLite three statements, on PostgreSQL one.
"""

from __future__ import annotations

import pytest
from treated import dosing, first_session, planned

LONG = 12


@pytest.fixture
def many(register):
    return [register("Example", f"Number{number}") for number in range(LONG)]


@pytest.mark.parametrize(
    ("key", "most"),
    [("ada", 17), ("ben", 12), ("cora", 12), ("tess", 6), ("dov", 14), ("sia", 12), ("ari", 4)],
)
def test_the_home_page_of_each_role(cast, many, key, most, django_assert_max_num_queries):
    client = cast.client(key)
    client.get("/home/")
    with django_assert_max_num_queries(most):
        assert client.get("/home/").status_code == 200


@pytest.mark.parametrize(
    ("route", "most"),
    [
        ("/patients/", 7),
        ("/patients/?q=exam", 7),
        ("/patients/{patient}/", 19),
        ("/patients/{patient}/contacts/", 13),
        ("/patients/{patient}/timeline/", 33),
        ("/patients/{patient}/screening/", 20),
        ("/patients/{patient}/consent/", 20),
        ("/patients/{patient}/courses/", 20),
        ("/patients/{patient}/outcomes/", 30),
    ],
)
def test_lists_and_the_pages_of_a_chart(cast, many, route, most, django_assert_max_num_queries):
    client, address = cast.client("ada"), route.format(patient=many[0].uid)
    client.get(address)
    with django_assert_max_num_queries(most):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("route", "most"),
    [("courses/{course}/", 34), ("sessions/{session}/", 60), ("sessions/{session}/now/", 40)],
)
def test_a_course_and_a_session_under_way(cast, patient, watch, route, most, django_assert_max_num_queries):
    session = dosing(cast, first_session(planned(cast, patient)), watch)
    client = cast.client("ben")
    address = f"/patients/{patient.uid}/" + route.format(course=session.course.uid, session=session.uid)
    client.get(address)
    with django_assert_max_num_queries(most):
        assert client.get(address).status_code == 200
