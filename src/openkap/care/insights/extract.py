"""The clinic's extract: what changed since the last release, pseudonymous, written beside and swapped in."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Clinic
from openkap.care.audit.actions import record
from openkap.care.audit.models import AuditEvent
from openkap.care.insights.models import ExtractRun, RegistryDecision
from openkap.care.insights.rows import tables
from openkap.care.insights.source import Source
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.core.errors import DomainError, InputError
from openkap.registry.dataset import Dataset, open_dataset
from openkap.registry.extract import Outcome
from openkap.registry.extract import extract as write_release

# An act may be committed a while after the moment it carries.
OVERLAP = timedelta(days=1)
MERGES = ("patient.merged", "patient.merge_undone")
KEY_MARK = b"which key made these pseudonyms"


def registry_root(clinic_uid: str) -> Path:
    """Where the releases of one clinic lie; no two clinics share one."""
    return Path(settings.REGISTRY) / clinic_uid


def pseudonym_key(clinic: Clinic) -> bytes:
    """The clinic's own key, derived so that the same number means different people at two clinics."""
    return hmac.new(settings.REGISTRY_KEY.encode(), clinic.uid.encode(), hashlib.sha256).digest()


def key_mark(key: bytes) -> str:
    """What tells two keys apart without telling either."""
    return hmac.new(key, KEY_MARK, hashlib.sha256).hexdigest()[:16]


def ask_for_extract(*, by: Actor, clinic: Clinic) -> ExtractRun:
    """Ask for an extract; a worker begins it within a minute. One that waits already is enough."""
    waiting = ExtractRun.objects.filter(clinic=clinic, begun_at__isnull=True).first()
    if waiting is not None:
        return waiting
    run = ExtractRun.objects.create(clinic=clinic, asked_by_id=by.staff_id or None, asked_at=now())
    record("registry.extract_asked", by=by, entity="extract", uid=run.uid)
    return run


def take_extract(
    *, by: Actor, run: ExtractRun, whole: bool = False, progress: Callable[[str], None] = lambda step: None
) -> Dataset:
    """Write the next release of a clinic and note how it went; the last good one stays until it is done.

    Raises
    ------
    InputError
        for a clock that ran backwards, another extract that is running, or rows the schema refuses; the run
        keeps the reason.
    """
    clinic, key = run.clinic, pseudonym_key(run.clinic)
    ExtractRun.objects.filter(pk=run.pk).update(begun_at=now(), key_mark=key_mark(key))
    try:
        since = None if whole else _since(clinic, key)
        with snapshot():
            outcome = _write(clinic, key, since, progress)
    except (DomainError, OSError) as failed:
        trouble = failed.what if isinstance(failed, DomainError) else type(failed).__name__
        ExtractRun.objects.filter(pk=run.pk).update(ended_at=now(), trouble=trouble)
        record("registry.extract_failed", by=by, entity="extract", uid=run.uid, reason=trouble)
        raise
    if _has_withdrawals(run):
        forget_older(outcome.dataset)
    _finish(by, run, outcome, is_whole=since is None)
    return outcome.dataset


def _has_withdrawals(run: ExtractRun) -> bool:
    """Whether anybody took their agreement back since the last release, which may still hold them."""
    last = ExtractRun.objects.filter(clinic=run.clinic).exclude(release="").order_by("-pk").first()
    decisions = RegistryDecision.objects.filter(
        patient__clinic=run.clinic, choice=RegistryDecision.Choice.WITHDRAWN
    )
    return decisions.exists() if last is None else decisions.filter(decided_at__gte=last.begun_at).exists()


def forget_older(dataset: Dataset) -> None:
    """Delete older releases and the books made of them: who withdrew is in none that is left."""
    for release in dataset.path.parent.glob("release-[0-9]*"):
        if release != dataset.path:
            shutil.rmtree(release)
    for book in dataset.path.parent.glob("book-*.json"):
        book.unlink()


@transaction.atomic
def _finish(by: Actor, run: ExtractRun, outcome: Outcome, *, is_whole: bool) -> None:
    dataset = outcome.dataset
    ExtractRun.objects.filter(pk=run.pk).update(
        ended_at=now(),
        release=dataset.release,
        data_fingerprint=dataset.fingerprint,
        is_whole=is_whole,
        people=dataset.rows("patient"),
        without_consent=outcome.without_consent,
        withdrawn=outcome.withdrawn,
    )
    detail = {"release": dataset.release, "fingerprint": dataset.fingerprint, "whole": is_whole}
    record("registry.extracted", by=by, entity="extract", uid=run.uid, detail=detail)


@dataclass(frozen=True)
class Since:
    """What an incremental extract starts from: who was touched by anything since the last release's cut."""

    touched: frozenset[int]


def _since(clinic: Clinic, key: bytes) -> Since | None:
    """Who has to be told again, or ``None`` when only a whole extract is right.

    Whole: no usable release, another key, another schema, or records merged or parted since.
    """
    last = ExtractRun.objects.filter(clinic=clinic).exclude(release="").order_by("-pk").first()
    if last is None or last.key_mark != key_mark(key):
        return None
    try:
        base = open_dataset(registry_root(clinic.uid))
        # What is carried over must be what was written.
        base.verify()
    except InputError:
        return None
    if base.release != last.release or base.fingerprint != last.data_fingerprint:
        return None
    moment = cut_of(clinic, base.extracted_at) - OVERLAP
    events = AuditEvent.objects.filter(chain=clinic.uid, at__gte=moment)
    if events.filter(action__in=MERGES).exists():
        return None
    uids = events.exclude(patient="").values_list("patient", flat=True).distinct()
    here = Patient.objects.filter(clinic=clinic, uid__in=list(uids)).values_list("pk", "merged_into_id")
    touched = {into or pk for pk, into in here}
    touched |= set(Patient.objects.filter(merged_into__in=touched).values_list("pk", flat=True))
    return Since(frozenset(touched))


def cut_of(clinic: Clinic, moment: datetime) -> datetime:
    """The beginning of the clinic's day: a release tells of the days before it."""
    zone = Source(clinic, moment).zone
    return datetime.combine(moment.astimezone(zone).date(), time(), zone)


def _write(clinic: Clinic, key: bytes, since: Since | None, progress: Callable[[str], None]) -> Outcome:
    moment = now()
    cut = cut_of(clinic, moment)
    source = Source(clinic, cut, since.touched if since else None)
    rows: dict[str, Any] = {name: make(source) for name, make in tables().items()}
    # Read twice: once for who agreed, once as a table.
    rows["consent"] = list(rows["consent"])
    return write_release(
        registry_root(clinic.uid),
        rows,
        key=key,
        now=moment,
        as_of=source.day(cut) - timedelta(days=1),
        incremental=since is not None,
        progress=progress,
    )


@contextmanager
def snapshot() -> Iterator[None]:
    """All rows as of one moment, without holding up anybody who writes."""
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
        return
    # Django would begin with IMMEDIATE here and make every writer wait.
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
