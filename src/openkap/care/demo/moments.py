"""What the demo shows of the present hour: alarming answers, decisions waiting, a restricted record."""

from __future__ import annotations

from datetime import timedelta

from openkap.care.demo.people import Clinic
from openkap.care.demo.trajectories import Person, answer_all
from openkap.care.moment import clock_at, now
from openkap.care.outcomes import safety
from openkap.care.outcomes.actions import ask
from openkap.care.outcomes.course import decide_maintenance
from openkap.care.outcomes.models import FormScore, Invitation, MaintenanceProposal, SafetySignal
from openkap.care.patients.actions import restrict
from openkap.care.patients.models import Patient

DONE = (
    "Called at once, reached at the second try. No plan, no intent; crisis plan gone through; sister stays "
    "tonight. Seen tomorrow at nine."
)
DECISIONS = (
    (
        "plan",
        "Responded well, lost it after a bereavement; wants to go on. Consent for maintenance is asked.",
    ),
    ("watch", "One bad month around the anniversary; therapy is weekly; measured again in two weeks."),
    ("other", "Prefers another round of prolonged exposure without ketamine."),
)


def stage_moments(clinic: Clinic) -> None:
    """The last touches, on people who are there."""
    treated = list(
        Patient.objects.filter(status__in=("in_course", "follow_up"), scores__isnull=False)
        .distinct()
        .order_by("pk")
    )
    if len(treated) > 8:
        _signals(clinic, treated)
    _proposals(clinic)
    if treated:
        restrict(
            by=clinic.by("ada"),
            uid=treated[0].uid,
            is_restricted=True,
            reason="Works at this hospital and asked for it.",
        )


def _signals(clinic: Clinic, treated: list[Patient]) -> None:
    """Two from the past that were answered, one taken on, one that nobody has acknowledged yet."""
    for patient, ago, steps in (
        (treated[2], timedelta(days=120), 2),
        (treated[5], timedelta(days=33), 2),
        (treated[-2], timedelta(hours=20), 1),
        (treated[-1], timedelta(minutes=7), 0),
    ):
        signal = _alarm(clinic, patient, ago)
        answered = signal.raised_at + timedelta(minutes=4)
        if steps:
            with clock_at(answered):
                safety.acknowledge(by=clinic.by("ada"), uid=patient.uid, signal=signal.uid)
        if steps > 1:
            with clock_at(answered + timedelta(minutes=50)):
                safety.close_signal(
                    by=clinic.by("ada"), uid=patient.uid, signal=signal.uid, what_was_done=DONE
                )


def _alarm(clinic: Clinic, patient: Patient, ago: timedelta) -> SafetySignal:
    at = now() - ago
    with clock_at(at - timedelta(hours=1)):
        asked = ask(by=clinic.by("tess"), uid=patient.uid, instruments=["phq-9"])
        Invitation.objects.filter(pk=asked.pk).update(sent_at=now(), link_number=1)
    last = FormScore.objects.filter(patient=patient, instrument="pcl-5", total__isnull=False).order_by("-at")[
        :1
    ]
    pcl = int(last[0].total or 40) if last else 40
    answer_all(
        Invitation.objects.get(pk=asked.pk), Person("slow", pcl, clinic.dice, 0), pcl, at, alarming=True
    )
    return SafetySignal.objects.get(form__invitation=asked)


def _proposals(clinic: Clinic) -> None:
    """All but the last two proposals are decided."""
    waiting = list(MaintenanceProposal.objects.select_related("patient").order_by("made_at"))
    for number, row in enumerate(waiting[:-2]):
        decision, reason = DECISIONS[number % len(DECISIONS)]
        with clock_at(row.made_at + timedelta(days=2)):
            decide_maintenance(
                by=clinic.by("ada"),
                uid=row.patient.uid,
                proposal=row.uid,
                decision=decision,
                reason=reason,
            )
