"""A prepared read answers what the ORM answers, and refuses what would make it answer something old."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.signals import post_init
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from openkap.care.moment import now
from openkap.care.patients.models import Contact, Identity, Patient, TeamMember
from openkap.care.prepared import MOST_KEPT, insert, prepared


@prepared
def born_between(clinic: int, after: date, before: date) -> QuerySet[Patient]:
    return (
        Patient.objects.filter(
            clinic_id=clinic, identity__birth_date__gt=after, identity__birth_date__lt=before
        )
        .select_related("identity", "merged_into")
        .annotate(
            has_team=Exists(TeamMember.objects.filter(patient=OuterRef("pk"))),
            contacts_count=Count("contacts"),
        )
        .order_by("pk")
    )


@prepared
def among(ids: list[int]) -> QuerySet[Patient, tuple[str, date | None]]:
    return Patient.objects.filter(pk__in=ids).order_by("pk").values_list("uid", "identity__birth_date")


@prepared
def named(part: str) -> QuerySet[Identity, str]:
    found = Identity.objects.filter(family_name__contains=part).order_by("pk")
    return found.values_list("family_name", flat=True)


@prepared
def begun_by(moment) -> QuerySet[TeamMember, int]:
    return TeamMember.objects.filter(since__lte=moment).order_by("pk").values_list("pk", flat=True)


@pytest.fixture
def people(register):
    return [
        register(name, birth_date=date(1970 + at, 1, 1))
        for at, name in enumerate(("Ash", "Bo%", "C_d", "D\\e"))
    ]


def test_rows_related_rows_and_annotations_are_those_of_the_orm(people):
    given = (people[0].clinic_id, date(1969, 1, 1), date(1972, 6, 1))
    rows, same = born_between(*given), list(born_between.__wrapped__(*given))
    assert rows == same == people[:3]
    for row, like in zip(rows, same, strict=True):
        assert row.__dict__.keys() == like.__dict__.keys()
        assert (row.identity, row.merged_into, row.has_team) == (like.identity, None, True)
        assert row.created_at == like.created_at
        row.status = Patient.Status.CLOSED
        row.save(update_fields=["status"])
    assert Patient.objects.filter(status=Patient.Status.CLOSED).count() == 3


def test_a_model_that_is_listened_to_makes_its_rows_as_all_do(people):
    heard = []

    def listen(instance, **_) -> None:
        heard.append(instance.family_name)

    post_init.connect(listen, sender=Identity)
    try:
        read = prepared(lambda part: Identity.objects.filter(family_name__contains=part).only("family_name"))
        (found,) = read("Ash")
    finally:
        post_init.disconnect(listen, sender=Identity)
    assert heard == ["Ash"]
    assert found.get_deferred_fields() >= {"given_name", "birth_date"}


def test_a_field_that_was_not_read_is_read_when_it_is_asked_for(people):
    read = prepared(lambda part: Identity.objects.filter(family_name__contains=part).only("family_name"))
    (found,) = read("Ash")
    assert found.birth_date == date(1970, 1, 1)


def test_whoever_counts_sees_each_read_and_a_fault_is_the_library_s(people, monkeypatch):
    with CaptureQueriesContext(connection) as counted:
        named("Ash")
    assert len(counted) == 1
    broken = prepared(lambda part: Identity.objects.filter(family_name=part).extra(where=["no_such = 1"]))
    with pytest.raises(DatabaseError), transaction.atomic():
        broken("Ash")
    assert named("Ash")
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            named("Ash")


def test_every_call_binds_its_own_values_and_builds_no_sql_again(people, monkeypatch):
    ids = [each.pk for each in people]
    assert [row[1] for row in among(ids[:1])] == [date(1970, 1, 1)]
    built = []
    build = SQLCompiler.as_sql
    monkeypatch.setattr(
        SQLCompiler, "as_sql", lambda self, *a, **k: built.append(self) or build(self, *a, **k)
    )
    with CaptureQueriesContext(connection) as asked:
        assert [row[1] for row in among(ids[2:3])] == [date(1972, 1, 1)]
    assert (len(asked), built) == (1, [])
    assert among(ids[:2]) == [(people[0].uid, date(1970, 1, 1)), (people[1].uid, date(1971, 1, 1))]


def test_an_empty_list_asks_nothing_and_a_long_one_is_answered_too(people):
    with CaptureQueriesContext(connection) as asked:
        assert among([]) == []
    assert len(asked) == 0
    ids = [each.pk for each in people]
    assert len(among(ids + list(range(10**6, 10**6 + MOST_KEPT)))) == len(people)


@pytest.mark.parametrize(
    ("part", "found"), [("%", ["Bo%"]), ("_", ["C_d"]), ("\\", ["D\\e"]), ("o%", ["Bo%"])]
)
def test_signs_that_mean_something_in_a_pattern_are_words_here(people, part, found):
    assert named(part) == found


def test_a_moment_is_compared_as_a_moment(people, watch):
    assert len(begun_by(now())) == 4 * len(people)
    watch.forward(days=-1)
    assert begun_by(now()) == []


def test_a_read_that_asks_the_time_is_refused_before_it_keeps_the_answer(db):
    read = prepared(lambda clinic: Patient.objects.filter(clinic_id=clinic, created_at__lt=now()))
    with pytest.raises(TypeError, match="must not ask the time"):
        read(1)


@pytest.mark.parametrize("value", [None, True, 1.5, object()])
def test_a_value_that_would_change_the_query_itself_is_refused(db, value):
    with pytest.raises(TypeError, match="takes no"):
        among(value)


def test_an_argument_the_query_does_not_use_is_refused(db):
    read = prepared(lambda clinic, unused: Patient.objects.filter(clinic_id=clinic))
    with pytest.raises(TypeError, match="not in the query"):
        read(1, 2)


def test_a_read_that_would_be_empty_for_every_value_is_refused(db):
    read = prepared(lambda clinic: Patient.objects.filter(clinic_id=clinic, pk__in=[]))
    with pytest.raises(TypeError, match="no rows"):
        read(1)


def test_rows_it_cannot_make_are_refused(db):
    with pytest.raises(TypeError, match="values_list"):
        prepared(lambda clinic: Patient.objects.filter(clinic_id=clinic).values("uid"))(1)


def contact(patient, **changes) -> Contact:
    fields = {"kind": "carer", "name": "Robin", "telephone": "+1 555 0100", "added_at": now()} | changes
    return Contact(patient=patient, **fields)


def test_inserted_rows_are_stored_as_bulk_create_stores_them(people):
    rows = [contact(people[0], may_be_told=None), contact(people[1], relation="sister", may_be_told=True)]
    insert(rows)
    assert all(row.pk and not row._state.adding for row in rows)
    for row in rows:
        stored = Contact.objects.get(pk=row.pk)
        assert {f.name: getattr(stored, f.attname) for f in Contact._meta.concrete_fields} == {
            f.name: getattr(row, f.attname) for f in Contact._meta.concrete_fields
        }
    insert([])


def test_an_inserted_row_meets_the_constraints_of_the_database(people):
    row = contact(people[0])
    insert([row])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([contact(people[0], uid=row.uid)])
