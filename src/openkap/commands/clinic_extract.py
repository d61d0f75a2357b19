"""``openkap registry extract`` without a folder: from this clinic's own database, as every night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openkap.commands.django_door import open_django
from openkap.core.errors import InputError


@dataclass(frozen=True)
class Wish:
    """Which clinic, or which run that waits; whole or only what was touched."""

    clinic: str = ""
    run: str = ""
    whole: bool = False


def extract_clinics(
    wish: Wish, *, progress: Callable[[str], None] = lambda step: None
) -> list[dict[str, Any]]:
    """Take and publish the extracts wished for, and say how each went."""
    open_django()
    from openkap.care.accounts.actor import job_actor
    from openkap.care.insights.actions import publish
    from openkap.care.insights.extract import ask_for_extract
    from openkap.care.insights.jobs import NAME
    from openkap.care.insights.models import ExtractRun

    told = []
    for clinic, uid in _chosen(wish):
        by = job_actor(NAME, clinic)
        run = ExtractRun.objects.get(uid=uid) if uid else ask_for_extract(by=by, clinic=clinic)
        book = publish(by=by, run=run, whole=wish.whole, progress=progress)
        run.refresh_from_db()
        told.append(
            {
                "clinic": clinic.uid,
                "release": run.release,
                "fingerprint": book.marks.data,
                "whole": run.is_whole,
                "people": run.people,
                "without_consent": run.without_consent,
                "withdrawn": run.withdrawn,
            }
        )
    return told


def _chosen(wish: Wish) -> list[tuple[Any, str]]:
    from openkap.care.accounts.models import Clinic
    from openkap.care.insights.models import ExtractRun

    if wish.run:
        run = ExtractRun.objects.filter(uid=wish.run, ended_at__isnull=True).select_related("clinic").first()
        if run is None:
            raise InputError("no such extract waits", value=wish.run, remedy="ask for one on the lead's page")
        return [(run.clinic, run.uid)]
    clinics = Clinic.objects.filter(patients__isnull=False).distinct().order_by("pk")
    if wish.clinic:
        clinics = Clinic.objects.filter(uid=wish.clinic)
    if not clinics:
        raise InputError(
            "no clinic to extract",
            value=wish.clinic or "this installation",
            remedy="register a patient first",
        )
    return [(clinic, "") for clinic in clinics]
