"""Acts about the registry: decide on the use of data, note how people come, take and publish extracts."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.enrolment.assessment import canonical
from openkap.care.insights.access import clinic_of
from openkap.care.insights.book import Book, Marks, make_book
from openkap.care.insights.extract import ask_for_extract, registry_root, take_extract
from openkap.care.insights.models import AccessFact, BenchmarkRun, ExtractRun, RegistryDecision
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.registry.report import Report

Choice = RegistryDecision.Choice
FARTHEST_KM = 20_000


@transaction.atomic
def decide_registry_use(*, by: Actor, uid: str, choice: str, said: str = "") -> RegistryDecision:
    """The patient agrees, does not agree, or takes back that their data stand in the registry."""
    if choice not in Choice.values:
        raise InputError("no choice was made", remedy="choose one", where="choice")
    right = Permission.TAKE_CONSENT if choice == Choice.GIVEN else Permission.WITHDRAW_CONSENT
    patient = patient_for(by, uid, right, seen="")
    last = latest_decision(patient.pk)
    if choice == Choice.WITHDRAWN and (last is None or last.choice != Choice.GIVEN):
        raise InputError(
            "there is nothing to take back",
            value="not agreed to registry use",
            remedy="choose that the patient does not agree",
            where="choice",
        )
    if last is not None and last.choice == choice:
        raise InputError("this is what stands there already", value=last.get_choice_display(), where="choice")
    decision = RegistryDecision.objects.create(
        patient=patient, choice=choice, said=said.strip(), decided_at=now(), told_to_id=by.staff_id
    )
    record(
        f"registry_use.{choice}",
        by=by,
        entity="registry_decision",
        uid=decision.uid,
        patient=uid,
        reason=said.strip(),
    )
    if choice == Choice.WITHDRAWN:
        # Not only tonight: the next release leaves them out, and it is made now.
        ask_for_extract(by=by, clinic=patient.clinic)
    return decision


def latest_decision(patient_id: int) -> RegistryDecision | None:
    """What counts now."""
    return RegistryDecision.objects.filter(patient_id=patient_id).order_by("-decided_at", "-pk").first()


@transaction.atomic
def note_access(*, by: Actor, uid: str, distance_km: int | None, coverage: str) -> AccessFact:
    """Note how far the patient comes and who pays."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    if coverage not in AccessFact.Coverage.values:
        raise InputError(
            "who pays is missing", remedy="choose one; not known is one of them", where="coverage"
        )
    if distance_km is not None and not 0 <= distance_km <= FARTHEST_KM:
        raise InputError(
            "this distance cannot be",
            value=f"{distance_km} km",
            limit=f"0 to {FARTHEST_KM} km",
            remedy="correct it, or leave it empty",
            where="distance_km",
        )
    fact = AccessFact.objects.create(
        patient=patient,
        distance_km=distance_km,
        coverage=coverage,
        recorded_by_id=by.staff_id,
        recorded_at=now(),
    )
    record("access_fact.noted", by=by, entity="access_fact", patient=uid, detail={"coverage": coverage})
    return fact


@transaction.atomic
def ask_by_hand(*, by: Actor) -> ExtractRun:
    """The lead asks for an extract now."""
    return ask_for_extract(by=by, clinic=clinic_of(by))


def publish(
    *, by: Actor, run: ExtractRun, whole: bool = False, progress: Callable[[str], None] = lambda step: None
) -> Book:
    """Take the extract, make the lead's book of it, and store what was compared with the trials."""
    take_extract(by=by, run=run, whole=whole, progress=progress)
    book, report = make_book(registry_root(run.clinic.uid), progress=progress)
    store_benchmarks(by=by, run=run, marks=book.marks, report=report)
    return book


@transaction.atomic
def store_benchmarks(*, by: Actor, run: ExtractRun, marks: Marks, report: Report) -> list[BenchmarkRun]:
    """Keep each comparison with the fingerprints of both sides; the same comparison is kept once."""
    stored = []
    for each in report.benchmarks:
        row, is_new = BenchmarkRun.objects.get_or_create(
            clinic=run.clinic,
            window=each.window,
            data_fingerprint=each.data_fingerprint,
            evidence_fingerprint=each.evidence_fingerprint,
            plan_fingerprint=each.plan_fingerprint,
            definitions_fingerprint=marks.definitions,
            defaults={"verdict": each.verdict, "snapshot": canonical(each.as_dict()), "made_at": now()},
        )
        stored.append(row)
        if is_new:
            detail = {"window": each.window, "verdict": each.verdict, "evidence": each.evidence_fingerprint}
            record("benchmark.stored", by=by, entity="benchmark", uid=row.uid, detail=detail)
    return stored
