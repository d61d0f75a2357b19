"""Work that waits in the database: rows are claimed by one worker, done, and marked; no broker.

An app offers ``jobs.py`` with ``JOBS``: a list of ``Job``. ``openkap serve`` and ``manage jobs`` run them.
A worker that dies keeps its claim only until the lease ends, then somebody else takes the row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection, models, transaction

from openkap.care.contributions import contributions
from openkap.care.moment import now

log = logging.getLogger("openkap.jobs")

LEASE = timedelta(minutes=5)


class Claimable(models.Model):
    """A row that a worker takes for a while."""

    claimed_by = models.CharField(max_length=60, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Claimable)


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of recurring work: ``run(worker)`` does what is due and says how many it did."""

    name: str
    run: Callable[[str], int]
    every: timedelta
    says: str


def claim(
    waiting: models.QuerySet[Row], *, worker: str, limit: int = 50, lease: timedelta = LEASE
) -> list[Row]:
    """Take up to ``limit`` of the waiting rows that nobody holds; the claim is committed at once."""
    moment = now()
    free = waiting.filter(models.Q(claimed_until__isnull=True) | models.Q(claimed_until__lt=moment))
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            # Only the rows themselves: what is read beside them may not be there.
            free = free.select_for_update(skip_locked=True, of=("self",))
        rows = list(free[:limit])
        waiting.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(
            claimed_by=worker, claimed_until=moment + lease, attempts=models.F("attempts") + 1
        )
    for row in rows:
        row.claimed_by, row.claimed_until = worker, moment + lease
        row.attempts += 1
    return rows


def one_by_one(rows: Iterable[Any], act: Callable[[Any], int]) -> int:
    """How many were done; one that fails holds up none of those behind it, and fails the job at its end."""
    done, failed = 0, None
    for row in rows:
        try:
            done += act(row)
        except (OperationalError, InterfaceError):
            # The database is busy or away, for this one as for all.
            raise
        except Exception as why:
            log.exception("one %s could not be done", type(row).__name__)
            failed = why
    if failed is not None:
        raise failed
    return done


def all_jobs() -> Iterator[Job]:
    """The jobs of every app, in the order of the apps."""
    for module in contributions("jobs"):
        yield from module.JOBS


@dataclass
class Schedule:
    """When each job ran last in this process."""

    worker: str
    last: dict[str, datetime]
    # Called before each job: whoever watches over the process sees that it moves.
    sign: Callable[[], None] = lambda: None
    failed: int = 0
    is_away: bool = False

    def run_due(self) -> int:
        """Run what is due; one job that fails is logged and does not stop the others."""
        done = 0
        for job in all_jobs():
            self.sign()
            before = self.last.get(job.name)
            if before and now() - before < job.every:
                continue
            self.last[job.name] = now()
            try:
                done += job.run(self.worker)
            except DatabaseError:
                self.failed += 1
                if not self._is_database_there():
                    # Each job would say the same: this one comes again with the others.
                    del self.last[job.name]
                    return done
                log.exception("job %s failed", job.name)
            except Exception:
                self.failed += 1
                log.exception("job %s failed", job.name)
        return done

    def _is_database_there(self) -> bool:
        """Ask it anew, and say once that it went away, and once that it is back."""
        was_away = self.is_away
        try:
            connection.close_if_unusable_or_obsolete()
            connection.ensure_connection()
            self.is_away = False
        except DatabaseError as why:
            self.is_away = True
            if not was_away:
                log.error("the database cannot be reached, no job runs until it can: %s", type(why).__name__)
        return not self.is_away
