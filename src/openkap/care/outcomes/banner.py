"""What the patient banner says of outcomes: an alarming answer never hides, and where the symptoms stand."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet
from django.utils.timezone import localtime

from openkap.care.contributions import BannerItem
from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.outcomes.models import FormScore, SafetySignal
from openkap.care.outcomes.queries import address_of
from openkap.care.patients.models import Patient
from openkap.care.prepared import prepared
from openkap.care.templatetags.clinic import ago


def banner_items(patient: Patient) -> list[BannerItem]:
    return [*_signals(patient.pk), *_newest(patient.pk)]


def _signals(patient_id: int) -> list[BannerItem]:
    rows = _open_signal(patient_id)
    if not rows:
        return []
    row = rows[0]
    url = address_of(row)
    if row.acknowledged_by is None:
        return [BannerItem("Alert", f"safety answer, {ago(row.raised_at)}", "alarm", url)]
    return [BannerItem("Alert", f"safety answer, {row.acknowledged_by.name} has it", "watch", url)]


def _newest(patient_id: int) -> list[BannerItem]:
    name = follow_up().relapse.instrument
    return [
        BannerItem(form_of(name).short, f"{row.total.normalize():f} ({localtime(row.at):%-d %b %Y})")
        for row in _newest_score(patient_id, name)
        if row.total is not None
    ]


def _of(patient_id: int) -> Q:
    """Rows of the patient and of the records merged into theirs."""
    return Q(patient_id=patient_id) | Q(patient__merged_into_id=patient_id)


@prepared
def _open_signal(patient_id: int) -> QuerySet[SafetySignal]:
    # A merged record stays readable: it says what the record in use says.
    kept = Q(patient__absorbed=patient_id) | Q(patient__merged_into__absorbed=patient_id)
    whole = SafetySignal.objects.filter(_of(patient_id) | kept, closed_at__isnull=True)
    waiting = SafetySignal.objects.filter(pk__in=whole.values("pk"))
    # What nobody has taken on speaks first; databases differ in where they put an empty moment.
    return waiting.select_related("patient__merged_into", "acknowledged_by").order_by(
        F("acknowledged_at").asc(nulls_first=True), "raised_at"
    )[:1]


@prepared
def _newest_score(patient_id: int, instrument: str) -> QuerySet[FormScore]:
    return FormScore.objects.filter(
        _of(patient_id), instrument=instrument, total__isnull=False, form__voided_at__isnull=True
    ).order_by("-at")[:1]
