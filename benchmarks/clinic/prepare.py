"""Fills an empty clinic for the load: 200 patients with open questions, one with 1,000 sessions, and sessions
under way.

Run with Django's settings by ``load.py``; prints what the load needs as JSON. The thousand sessions, and how
the sessions under way began, are put down as rows (they are history here); everything else goes through the
acts of the pages, audit on.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from decimal import Decimal
from random import Random

# Chairs where a dose runs while the load works: so many that none gets more readings than a real session.
UNDER_WAY = 64


def main(patients: int, sessions: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from openkap.care.accounts.actor import actor_for
    from openkap.care.demo.cast import hire
    from openkap.care.demo.people import open_clinic
    from openkap.care.moment import now
    from openkap.care.outcomes.actions import ask, fresh_link
    from openkap.care.patients.actions import NewPatient, register_referral

    call_command("migrate", verbosity=0)
    troupe = hire(now() - timedelta(days=600))
    clinic = open_clinic(troupe, Random(1))
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
    known = {"patients": uids, "heavy": heavy.uid, "links": links, "sessions": _under_way(clinic)}
    sys.stdout.write(json.dumps(known))


def _sessions(troupe, patient, count: int) -> None:
    from openkap.care.moment import now
    from openkap.care.treatment.models import Chair, Session

    chair = Chair.objects.create(clinic=troupe.clinic, name="Chair 1")
    begin = now() - timedelta(days=500)
    for first in range(0, count, 50):
        course = _course(troupe, patient, begin, ended=True)
        Session.objects.bulk_create(
            Session(
                course=course, patient=patient, number=number + 1, chair=chair, state="left",
                prescriber=course.prescriber, nurse=troupe.people["ben"],
                starts_at=begin + timedelta(hours=11 * (first + number)),
                ends_at=begin + timedelta(hours=11 * (first + number) + 3),
                locked_at=now(),
            )
            for number in range(min(50, count - first))
        )  # fmt: skip


def _course(troupe, patient, at, *, ended: bool):
    from openkap.care.moment import now
    from openkap.care.treatment.models import Course

    ada, tess = troupe.people["ada"], troupe.people["tess"]
    end = {"ended_at": now(), "ended_by": ada, "ended_rule": "complete", "ended_because": "complete"}
    return Course.objects.create(
        patient=patient, protocol="iv-racemic", protocol_version="1.0.0", pattern="six-in-two-weeks",
        kind="maintenance", modality="PE", therapist=tess, prescriber=ada, planned_by=ada,
        planned_at=at, **(end if ended else {}),
    )  # fmt: skip


def _under_way(clinic) -> list[dict[str, str]]:
    """Patients screened and consented through the acts, whose dose began a quarter of an hour ago."""
    from openkap.care.demo import courses, enrolling
    from openkap.care.demo.people import refer
    from openkap.care.moment import clock_at, now

    with clock_at(now() - timedelta(days=30)):
        _, lot = courses.furnish(clinic, now())
    made = []
    for number in range(UNDER_WAY):
        with clock_at(now() - timedelta(days=4)):
            patient = refer(clinic, nurse="ben", therapist="tess")
            screening = enrolling.screen(clinic, patient)
            enrolling.share(clinic, patient)
            enrolling.consent(clinic, patient)
            enrolling.decide(clinic, patient, screening)
        session = _begun(clinic, patient, lot, number)
        made.append({"patient": patient.uid, "session": session.uid})
    return made


def _begun(clinic, patient, lot, number: int):
    from openkap.care.accounts.signing import fingerprint
    from openkap.care.demo.courses import _Past, _signed
    from openkap.care.moment import now
    from openkap.care.treatment.models import (
        Chair,
        Clearance,
        DoseCheck,
        DoseEvent,
        Prescription,
        Session,
    )  # fmt: skip

    nurse, begin = clinic.people["ben"], now() - timedelta(minutes=40)
    session = Session.objects.create(
        course=_course(clinic.troupe, patient, begin, ended=False), patient=patient, number=1,
        chair=Chair.objects.create(clinic=clinic.troupe.clinic, name=f"Load chair {number}"),
        prescriber=clinic.people["ada"], nurse=nurse, starts_at=begin, ends_at=begin + timedelta(hours=3),
    )  # fmt: skip
    past = _Past(session, nurse, clinic.people["ada"], Decimal("35.0"))
    ordered, checked = (_signed(clinic, [past], words)[0] for words in ("I order 35 mg", "I checked 35 mg"))
    order = Prescription.objects.create(
        **past.stamp(-20, by=past.prescriber), patient=patient, proposal=past.told, step="",
        fingerprint=fingerprint(past.told), basis="actual body weight", dose_mg=past.dose, over_min=40,
        is_changed=False, signature=ordered,
    )  # fmt: skip
    DoseCheck.objects.create(
        **past.stamp(-10), prescription=order, lot=lot, draw="35 mg", drawn_ug=35_000,
        second=past.prescriber, signature=checked,
    )  # fmt: skip
    Clearance.objects.create(**past.stamp(-5), snapshot="[]", fingerprint=fingerprint("[]"))
    DoseEvent.objects.create(**past.stamp(0), patient=patient, kind="start")
    Session.objects.filter(pk=session.pk).update(state=Session.State.DOSING)
    return session


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
