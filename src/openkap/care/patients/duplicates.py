"""Who might be the same person: candidates with the reasons in words, strongest first.

The machine proposes; a person looks at both and decides. Reasons are ranked, not summed into a score that
nobody can question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce

from openkap.care.accounts.actor import Actor
from openkap.care.patients.access import patients_of
from openkap.care.patients.models import Closing, Identifier, Patient
from openkap.care.patients.names import search_form
from openkap.care.patients.out_of_care import DIED, standing_closings
from openkap.care.patients.telephones import is_same_telephone, shared_digits, telephoned

# Two names this alike differ by a letter or two: Meyer and Meier, Sara and Sarah.
ALIKE = 0.84
MOST_COMPARED = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be about the same person."""

    uid: str
    name: str
    code: str
    birth_date: date | None
    reasons: tuple[str, ...]
    is_certain: bool
    # Why the record is closed, in words; empty while the person is treated here.
    closed: str = ""
    has_died: bool = False


def find_candidates(
    by: Actor,
    *,
    family_name: str,
    given_name: str,
    birth_date: date | None,
    telephone: str = "",
    identifiers: Iterable[tuple[str, str]] = (),
    but_not: int = 0,
) -> list[Candidate]:
    """Records at the person's clinic that may be the same patient, the surest first."""
    numbers = [(system, value) for system, value in identifiers if value]
    family, given = search_form(family_name), search_form(given_name)
    likely = _likely(numbers, birth_date, telephone, family, given)
    if not likely:
        return []
    # Of many whose names begin alike, the surest are compared first: nobody with the same number is cut off.
    rank = Case(*(When(each, then=place) for place, each in enumerate(likely)), output_field=IntegerField())
    in_use = Coalesce("merged_into", "pk")
    closed = Subquery(standing_closings(OuterRef("in_use")).values("reason")[:1])
    rows = (
        patients_of(by)
        .annotate(in_use=in_use)
        .exclude(in_use=but_not)
        .annotate(rank=rank, because=closed)
        .filter(rank__isnull=False, in_use__in=patients_of(by).values("pk"))
        .select_related("identity", "merged_into__identity")
        .prefetch_related("identifiers")
        .order_by("rank", "pk")[:MOST_COMPARED]
    )
    found: dict[str, Candidate] = {}
    for row in rows:
        shared = [value for system, value in numbers if (system, value) in _numbers(row)]
        reasons = _reasons(row, family, given, birth_date, telephone, shared)
        if reasons:
            # What a merged record says leads to the one in use.
            kept = row.merged_into or row
            told = Candidate(
                uid=kept.uid,
                name=f"{kept.identity.family_name.upper()}, {kept.identity.given_name}",
                code=kept.code,
                birth_date=kept.identity.birth_date,
                reasons=tuple(reasons if kept is row else [*reasons, f"in its merged record {row.code}"]),
                is_certain=bool(shared),
                closed=Closing.Reason(row.because).label if row.because else "",
                has_died=row.because == DIED,
            )
            found[kept.uid] = min(found.get(kept.uid, told), told, key=_surest)
    return sorted(found.values(), key=_surest)


def _surest(each: Candidate) -> tuple[bool, int, str]:
    return not each.is_certain, -len(each.reasons), each.name


def _likely(
    numbers: list[tuple[str, str]], birth_date: date | None, telephone: str, family: str, given: str
) -> list[Q | Exists]:
    """What makes a record worth comparing, the surest first."""
    likely: list[Q | Exists] = []
    if numbers:
        same = Q()
        for system, value in numbers:
            same |= Q(system=system, value=value)
        likely.append(Exists(Identifier.objects.filter(same, patient=OuterRef("pk"))))
    if birth_date:
        likely.append(Q(identity__birth_date=birth_date))
    if shared := shared_digits(telephone):
        likely.append(telephoned(shared))
    if birth_date:
        likely.append(Q(identity__birth_date__in=_dates_like(birth_date)))
    if family:
        likely.append(Q(identity__search_name__startswith=f"{family} {given}"))
        likely.append(Q(identity__search_name__startswith=family))
        likely.append(Q(identity__search_name__startswith=family[:3]))
    return likely


def _numbers(row: Patient) -> set[tuple[str, str]]:
    return {(each.system, each.value) for each in row.identifiers.all()}


def _reasons(
    row: Patient, family: str, given: str, birth_date: date | None, telephone: str, shared: list[str]
) -> list[str]:
    identity = row.identity
    same_family = _alike(family, search_form(identity.family_name))
    same_given = _alike(given, search_form(identity.given_name)) or _alike(
        given, search_form(identity.preferred_name)
    )
    crossed = _alike(family, search_form(identity.given_name)) and _alike(
        given, search_form(identity.family_name)
    )
    same_day = birth_date is not None and identity.birth_date == birth_date
    near_day = birth_date is not None and identity.birth_date in _dates_like(birth_date)
    same_telephone = bool(telephone) and is_same_telephone(identity.telephone, telephone)
    reasons = [f"the same number {value}" for value in shared]
    if crossed and near_day:
        reasons.append("family and given name crossed")
    if same_family and same_given:
        reasons.append("the same or a very similar name")
    if same_day and (same_family or same_given or shared):
        reasons.append("the same birth date")
    elif near_day and same_family and same_given:
        reasons.append("a birth date one slip away")
    if same_telephone and (same_family or same_given):
        reasons.append("the same telephone number")
    # A name alone is not enough when both birth dates are known and differ.
    dates_differ = birth_date is not None and identity.birth_date is not None and not near_day
    if reasons == ["the same or a very similar name"] and dates_differ:
        return []
    return reasons


def _alike(one: str, other: str) -> bool:
    return bool(one and other) and (one == other or SequenceMatcher(None, one, other).ratio() >= ALIKE)


def _dates_like(day: date) -> list[date]:
    """The date, with day and month crossed, and a year apart by a slip of one or ten."""
    found = [day]
    for year, month, number in (
        (day.year, day.day, day.month),
        *((day.year + slip, day.month, day.day) for slip in (-10, -1, 1, 10)),
    ):
        try:
            found.append(date(year, month, number))
        except ValueError:
            continue
    return found
