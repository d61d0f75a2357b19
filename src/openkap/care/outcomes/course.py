"""The course of symptoms: baseline, named turns, and maintenance proposed from a relapse, never started."""

from __future__ import annotations

from fractions import Fraction

from django.db import transaction
from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.outcomes.access import proposal_for
from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.outcomes.models import FormScore, Invitation, MaintenanceProposal, Turn
from openkap.care.patients.models import Patient
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.patients.queries import record_ids
from openkap.care.patients.same_person import hold_person
from openkap.core.errors import InputError
from openkap.core.truth import Truth
from openkap.instruments.change import Change, Finding, change
from openkap.instruments.model import Instrument
from openkap.instruments.score import ScaleScore, Score

RESPONSE, REMISSION, RELAPSE = "response", "remission", "relapse"


def readings(patient_ids: list[int], instrument: str) -> list[FormScore]:
    """The scored forms that count, oldest first."""
    return list(
        FormScore.objects.filter(
            patient_id__in=patient_ids, instrument=instrument, form__voided_at__isnull=True
        )
        .select_related("form__invitation")
        .order_by("at", "id")
    )


def turns_that_stand(rows: QuerySet[Turn]) -> QuerySet[Turn]:
    """Turns both of whose readings count: a form entered in error takes its turns with it."""
    return rows.filter(score__form__voided_at__isnull=True, before__form__voided_at__isnull=True)


def _newest_turns(patient_ids: list[int]) -> dict[str, Turn]:
    """The newest turn of each kind that stands."""
    rows = turns_that_stand(Turn.objects.filter(patient_id__in=patient_ids)).select_related("score")
    return {turn.kind: turn for turn in rows.order_by("at", "id")}


def standing_record(patient: Patient) -> Patient:
    """The record that speaks for the person: the one this was merged into, else itself."""
    return patient.merged_into or patient


def as_score(reading: FormScore) -> Score:
    """The stored reading as the instruments room takes it: exact scales, nothing scored anew."""
    instrument = form_of(reading.instrument)
    return Score(
        instrument=reading.instrument,
        version=reading.instrument_version,
        fingerprint=reading.instrument_fingerprint,
        answers=(),
        skipped=(),
        missing=tuple(reading.missing),
        main=instrument.main,
        scales=tuple(
            ScaleScore(
                each.id,
                each.name,
                _exact(reading.scales.get(each.id)),
                Fraction(each.range[0]),
                Fraction(each.range[1]),
            )
            for each in instrument.scales
        ),
        bands=(),
        cutoffs=(),
        rules=(),
        safety=(),
    )


def _exact(stored: object) -> Fraction | None:
    return None if stored is None else Fraction(str(stored))


def baseline_of(rows: list[FormScore]) -> FormScore | None:
    """The reading the course is compared with: the last one before treatment, else the first."""
    before = [row for row in rows if row.form.invitation.occasion == "baseline" and row.total is not None]
    scored = [row for row in rows if row.total is not None]
    return before[-1] if before else (scored[0] if scored else None)


def change_between(instrument: Instrument, before: FormScore, after: FormScore) -> Change:
    """What every definition says of two readings."""
    return change(instrument, as_score(before), as_score(after))


@transaction.atomic
def judge(*, by: Actor, patient: Patient, score: FormScore) -> list[Turn]:
    """Note the turns that a new reading makes: first response, first remission, relapse after a response."""
    rules = follow_up().relapse
    if score.instrument != rules.instrument or score.total is None:
        return []
    hold_person(patient.pk)
    patient = standing_record(patient)
    records = record_ids(patient)
    rows = [row for row in readings(records, score.instrument) if row.total is not None]
    known = _newest_turns(records)
    return _judge(by, patient, rows, score, known)


def _judge(
    by: Actor, patient: Patient, rows: list[FormScore], score: FormScore, known: dict[str, Turn]
) -> list[Turn]:
    base = baseline_of(rows)
    if base is None or base.pk == score.pk:
        return []
    made = _gains(patient, base, score, known)
    # A relapse may be followed by a response to further treatment: the newest turn decides what can come.
    relapse = _relapse(patient, rows, score, known)
    for turn in [*made, *relapse]:
        record(
            f"course.{turn.kind}",
            by=by,
            entity="turn",
            uid=turn.uid,
            patient=patient.uid,
            detail={"definition": turn.definition, "form": score.form.uid},
        )
    for turn in relapse:
        propose(by=by, patient=patient, turn=turn)
    return [*made, *relapse]


def _gains(patient: Patient, base: FormScore, score: FormScore, known: dict[str, Turn]) -> list[Turn]:
    """Response and remission that are new; after a relapse, a response is a fall from the relapse."""
    made = []
    for kind in (RESPONSE, REMISSION):
        earlier, relapse = known.get(kind), known.get(RELAPSE)
        came_back = earlier is not None and relapse is not None and relapse.at > earlier.at
        if earlier is not None and not came_back:
            continue
        before = relapse.score if came_back and relapse is not None else base
        found = change_between(form_of(score.instrument), before, score)
        if found.met(kind) is Truth.YES:
            made.append(_turn(patient, kind, found.used(kind) or "", before, score))
    return made


def _relapse(patient: Patient, rows: list[FormScore], score: FormScore, known: dict[str, Turn]) -> list[Turn]:
    rules = follow_up().relapse
    response, last = known.get(RESPONSE), known.get(RELAPSE)
    if response is None or (last is not None and last.at > response.at):
        return []
    since = [row for row in rows if response.at <= row.at <= score.at]
    if len(since) <= rules.readings:
        return []
    best = min(since[: -rules.readings], key=lambda row: row.total or 0)
    tried = [relapse_findings(best, row) for row in since[-rules.readings :]]
    # One definition must stand on every one of the readings, and not on the best one already: who never fell
    # below a limit cannot come back above it. The content's default is named first.
    at_best = relapse_findings(best, best)
    standing = [
        each
        for each in tried[0]
        if all(_holds(each.id, found) for found in tried) and not _holds(each.id, at_best)
    ]
    standing.sort(key=lambda each: not each.is_used)
    return [_turn(patient, RELAPSE, standing[0].id, best, score)] if standing else []


def relapse_findings(best: FormScore, row: FormScore) -> list[Finding]:
    """What each definition of relapse says of a reading against the best one since the response."""
    found = change_between(form_of(row.instrument), best, row)
    return [each for each in found.findings if each.of == RELAPSE]


def _holds(definition: str, findings: list[Finding]) -> bool:
    return any(each.id == definition and each.met is Truth.YES for each in findings)


def _turn(patient: Patient, kind: str, definition: str, before: FormScore, score: FormScore) -> Turn:
    return Turn.objects.create(
        patient=patient,
        kind=kind,
        definition=definition,
        before=before,
        score=score,
        at=score.at,
        seen_at=now(),
    )


def propose(*, by: Actor, patient: Patient, turn: Turn) -> MaintenanceProposal:
    """Propose maintenance because symptoms came back; nothing is planned until a prescriber decides."""
    proposal = MaintenanceProposal.objects.create(patient=patient, turn=turn, made_at=now())
    record(
        "maintenance.proposed",
        by=by,
        entity="proposal",
        uid=proposal.uid,
        patient=patient.uid,
        detail={"turn": turn.uid, "definition": turn.definition},
    )
    return proposal


@transaction.atomic
def decide_maintenance(*, by: Actor, uid: str, proposal: str, decision: str, reason: str) -> None:
    """The prescriber decides on a proposal, with a reason; once."""
    patient, row = proposal_for(by, uid, proposal)
    if decision == MaintenanceProposal.Decision.PLAN:
        refuse_out_of_care(patient)
    row = MaintenanceProposal.objects.select_for_update().get(pk=row.pk)
    if decision not in MaintenanceProposal.Decision.values:
        raise InputError("the decision is missing", remedy="choose one", where="decision")
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why; it is stored", where="reason")
    if row.decided_at is not None:
        raise InputError("this was decided before", remedy="reload the page to see it", where="decision")
    row.decision, row.reason = decision, reason.strip()
    row.decided_by_id, row.decided_at = by.staff_id, now()
    row.save()
    record(
        "maintenance.decided",
        by=by,
        entity="proposal",
        uid=proposal,
        patient=uid,
        reason=row.reason,
        detail={"decision": decision},
    )


@transaction.atomic
def judge_again(*, by: Actor, patient: Patient) -> int:
    """Judge readings that no judgement has seen yet, such as those imported; returns how many turns."""
    rules = follow_up().relapse
    records = record_ids(patient)
    rows = [row for row in readings(records, rules.instrument) if row.total is not None]
    known = _newest_turns(records)
    seen = max((turn.at for turn in known.values()), default=None)
    made = 0
    for number, row in enumerate(rows):
        if seen is None or row.at > seen:
            turns = _judge(by, patient, rows[: number + 1], row, known)
            known |= {turn.kind: turn for turn in turns}
            made += len(turns)
    return made


def needs_second_reading(patient_ids: list[int]) -> FormScore | None:
    """The newest reading, when it alone looks like a relapse and the next one has not been asked for."""
    rules = follow_up().relapse
    rows = [row for row in readings(patient_ids, rules.instrument) if row.total is not None]
    turns = _newest_turns(patient_ids)
    response, last = turns.get(RESPONSE), turns.get(RELAPSE)
    if response is None or (last is not None and last.at > response.at):
        return None
    since = [row for row in rows if row.at >= response.at]
    if len(since) < 2:
        return None
    best = min(since[:-1], key=lambda row: row.total or 0)
    at_best = relapse_findings(best, best)
    found = relapse_findings(best, since[-1])
    alarming = any(each.met is Truth.YES and not _holds(each.id, at_best) for each in found)
    asked = Invitation.objects.filter(
        patient_id__in=patient_ids,
        finished_at__isnull=True,
        closed_at__isnull=True,
        forms__instrument=rules.instrument,
        due_at__lte=now() + rules.confirm_within,
    ).exists()
    return since[-1] if alarming and not asked else None
