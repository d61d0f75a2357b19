"""Fills an empty clinic for the load: 200 patients with open questions, and one with 1,000 sessions.

Run with Django's settings by ``load.py``; prints what the load needs as JSON. The thousand sessions are put
down as rows (they are history here); everything else goes through the acts of the pages, audit on.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta


def main(patients: int, sessions: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from openkap.care.accounts.actor import actor_for
    from openkap.care.demo.cast import hire
    from openkap.care.moment import now
    from openkap.care.outcomes.actions import ask, fresh_link
    from openkap.care.patients.actions import NewPatient, register_referral

    call_command("migrate", verbosity=0)
    troupe = hire(now() - timedelta(days=600))
    by = actor_for(troupe.people["cora"])
    uids, links = [], []
    for number in range(patients):
        born = date(1950, 1, 1) + timedelta(days=97 * number)
        patient = register_referral(by=by, person=NewPatient(f"Load{number:04}", "Alex", birth_date=born))
        invitation = ask(by=by, uid=patient.uid, instruments=["pcl-5"])
        form = invitation.forms.get()
        links.append({"path": fresh_link(invitation), "form": form.uid})
        uids.append(patient.uid)
    heavy = register_referral(by=by, person=NewPatient("Thousand", "Alex", birth_date=date(1980, 1, 1)))
    _sessions(troupe, heavy, sessions)
    sys.stdout.write(json.dumps({"patients": uids, "heavy": heavy.uid, "links": links}))


def _sessions(troupe, patient, count: int) -> None:
    from openkap.care.moment import now
    from openkap.care.treatment.models import Chair, Course, Session

    ada, ben, tess = (troupe.people[key] for key in ("ada", "ben", "tess"))
    chair = Chair.objects.create(clinic=troupe.clinic, name="Chair 1")
    begin = now() - timedelta(days=500)
    for first in range(0, count, 50):
        course = Course.objects.create(
            patient=patient, protocol="iv-racemic", protocol_version="1.0.0", pattern="six-in-two-weeks",
            kind="maintenance", modality="PE", therapist=tess, prescriber=ada, planned_by=ada,
            planned_at=begin, ended_at=now(), ended_by=ada, ended_rule="complete", ended_because="complete",
        )  # fmt: skip
        Session.objects.bulk_create(
            Session(
                course=course, patient=patient, number=number + 1, chair=chair, prescriber=ada, nurse=ben,
                starts_at=begin + timedelta(hours=11 * (first + number)),
                ends_at=begin + timedelta(hours=11 * (first + number) + 3), state="left",
                locked_at=now(),
            )
            for number in range(min(50, count - first))
        )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
