"""Who took over whose planned dates, and why: the dates themselves carry the new person."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from openkap.care.accounts.models import Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.permissions import Role
from openkap.care.treatment.models.planning import Course


class Handover(models.Model):
    """One person's part in planned sessions or visits of a course passed to somebody else."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="handovers")
    part = models.CharField(max_length=12, choices=[(role.value, role.words) for role in Role])
    before = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    # The dates as they were then: public id of session or visit, what it was, when.
    dates = models.JSONField()
    reason = models.TextField()
    decided_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="handover_has_reason"),
            models.CheckConstraint(condition=~Q(before=F("after")), name="handover_to_somebody_else"),
        ]

    def __str__(self) -> str:
        return self.uid
