"""Every address of the clinic, and for each parameter a value of our clinic and one of the other.

A new parameter name in a URL needs a line in ``SAMPLES``: the authorisation table test says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse


@dataclass(frozen=True)
class World:
    """A filled clinic and its neighbour: what the samples take their ids from."""

    cast: Any
    ours: Any
    theirs: Any
    # Each sample is made once a world: the table asks for them hundreds of times.
    made: dict[str, tuple[Any, Any]] = field(default_factory=dict)


BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "resource": {
                "resourceType": "Patient",
                "id": "p1",
                "name": [{"family": "Sample", "given": ["Robin"]}],
                "birthDate": "1979-03-08",
                "gender": "female",
                "identifier": [{"system": "urn:example:mrn", "value": "4711"}],
            }
        }
    ],
}


def incoming(world: World, key: str) -> str:
    """An uploaded bundle that waits at that person's clinic."""
    from openkap.care.patients.referral import receive

    return receive(by=world.cast.actor(key), raw=json.dumps(BUNDLE).encode()).uid


def asked(world: World, key: str, patient: Any) -> str:
    """An open invitation of that person's patient."""
    from openkap.care.outcomes.actions import ask

    return ask(by=world.cast.actor(key), uid=patient.uid, instruments=["phq-9"]).uid


def alarming(world: World, key: str, patient: Any) -> Any:
    """A finished form with an alarming answer: the form, and through it the signal."""
    from openkap.care.accounts.actor import patient_actor
    from openkap.care.moment import now
    from openkap.care.outcomes.actions import as_taps, finish, save_answers
    from openkap.care.outcomes.models import Form, Invitation

    invitation = Invitation.objects.get(uid=asked(world, key, patient))
    form = Form.objects.get(invitation=invitation)
    by = patient_actor(patient.uid, patient.clinic)
    taps = as_taps(form, {"9": 2}, now(), f"sample-{form.uid}")
    save_answers(by=by, invitation=invitation, taps=taps)
    finish(by=by, invitation=invitation)
    return form


def signal(world: World, key: str, patient: Any) -> str:
    """An open alarming answer."""
    return alarming(world, key, patient).safety_signals.get().uid


def proposal(world: World, key: str, patient: Any) -> str:
    """A proposal of maintenance, made from a turn that the sample writes itself."""
    from openkap.care.accounts.actor import patient_actor
    from openkap.care.moment import now
    from openkap.care.outcomes.course import propose
    from openkap.care.outcomes.models import Turn

    score = alarming(world, key, patient).score
    turn = Turn.objects.create(
        patient=patient,
        kind="relapse",
        definition="relapse-rise-10",
        before=score,
        score=score,
        at=now(),
        seen_at=now(),
    )
    return propose(by=patient_actor(patient.uid, patient.clinic), patient=patient, turn=turn).uid


def under_way(world: World) -> tuple[Any, Any]:
    """Rows of screening, consent, course and session of a patient at each clinic, made once a world."""
    from treated import rows_under_way

    ours = rows_under_way(world.cast, world.ours, "ada", "cora")
    return ours, rows_under_way(world.cast, world.theirs, "eve", "eve")


def of_both(name: str) -> Callable[[World], tuple[Any, Any]]:
    """The id of one kind of row under way, at our clinic and at the other."""
    return lambda world: tuple(rows[name] for rows in under_way(world))  # type: ignore[return-value]


def proposed_erasure(patient: Any, key: str, world: World) -> str:
    """A proposal to erase the patient's identity, as its row stands whatever else is under way."""
    from openkap.care.moment import now
    from openkap.care.patients.models import Erasure

    return Erasure.objects.create(
        patient=patient, reason="they asked", proposed_by=world.cast.staff(key), proposed_at=now()
    ).uid


def photographed(world: World, side: str) -> str:
    """A photograph of the session that ``session`` names, on that side."""
    from openkap.care.live.models import Photo
    from openkap.care.moment import now
    from openkap.care.treatment.models import Session

    of = world.ours if side == "ours" else world.theirs
    session = Session.objects.filter(patient=of).order_by("id").first()
    if session is None:
        return "0" * 12
    key = "ben" if side == "ours" else "eve"
    row, _ = Photo.objects.get_or_create(
        session=session,
        client_id="sample",
        defaults={
            "image": b"\xff\xd8\xff",
            "media_type": "image/jpeg",
            "observed_at": now(),
            "entered_at": now(),
            "entered_by": world.cast.staff(key),
        },
    )
    return row.uid


def practised(world: World, key: str) -> str:
    """A practice run at that person's clinic."""
    from openkap.care.live.practice import begin

    return begin(by=world.cast.actor(key), scenario="hypertension", speed=1).uid


# parameter name -> (value at our clinic, value at the other clinic); the same twice where it has no clinic
SAMPLES: dict[str, Callable[[World], tuple[Any, Any]]] = {
    "patient": lambda world: (world.ours.uid, world.theirs.uid),
    "colleague": lambda world: (world.cast.staff("ben").uid, world.cast.staff("eve").uid),
    "invitation": lambda world: (asked(world, "cora", world.ours), asked(world, "eve", world.theirs)),
    "form": lambda world: (
        alarming(world, "cora", world.ours).uid,
        alarming(world, "eve", world.theirs).uid,
    ),
    "signal": lambda world: (signal(world, "cora", world.ours), signal(world, "eve", world.theirs)),
    "proposal": lambda world: (proposal(world, "cora", world.ours), proposal(world, "eve", world.theirs)),
    "erasure": lambda world: (
        proposed_erasure(world.ours, "ada", world),
        proposed_erasure(world.theirs, "eve", world),
    ),
    "incoming": lambda world: (incoming(world, "cora"), incoming(world, "eve")),
    **{name: of_both(name) for name in ("assessment", "consent", "course", "visit", "session", "alert")},
    "photo": lambda world: (photographed(world, "ours"), photographed(world, "theirs")),
    "run": lambda world: (practised(world, "ben"), practised(world, "eve")),
    # Names of content: the same at every clinic.
    "scenario": lambda world: ("hypertension", "hypertension"),
    "section": lambda world: (under_way(world) and "health", "health"),
    "element": lambda world: (under_way(world) and "body_weight", "body_weight"),
    "part": lambda world: ("CON-01", "CON-01"),
    "rule": lambda world: ("PRE-10", "PRE-10"),
    "language": lambda world: ("es", "no-such"),
    # Pages of the lead's numbers: the same names at every clinic, each with its own clinic's release.
    "page": lambda world: ("benchmark", "no-such-page"),
    "exhibit": lambda world: ("benchmark", "no-such-exhibit"),
    # The demo answers 404 outside the demo, the login library to anybody who guesses.
    "key": lambda world: ("ada", "ada"),
    "uidb36": lambda world: ("1", "1"),
    "pk": lambda world: (1, 1),
    "token": lambda world: ("not-a-token", "not-a-token"),
}


@dataclass(frozen=True)
class Address:
    """One named URL and its parameters."""

    name: str
    parameters: tuple[str, ...]

    def path(self, world: World, *, other_clinic: bool = False) -> str:
        for name in set(self.parameters) - set(world.made):
            world.made[name] = SAMPLES[name](world)
        values = {name: world.made[name][1 if other_clinic else 0] for name in self.parameters}
        return reverse(self.name, kwargs=values)

    @property
    def has_clinic(self) -> bool:
        """Whether its parameters name rows that belong to one clinic."""
        return bool(set(self.parameters) - {"key", "uidb36", "pk", "token", "scenario"})


def every_address() -> list[Address]:
    """All named URLs, those of libraries included; a URL without a name is returned as its route."""
    return sorted(set(_walk(get_resolver().url_patterns, "", ())), key=lambda each: each.name)


def _walk(patterns: list[Any], namespace: str, outer: tuple[str, ...]) -> Iterator[Address]:
    for pattern in patterns:
        parameters = (*outer, *re.findall(r"<(?:\w+:)?(\w+)>", str(pattern.pattern)))
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner, parameters)
        elif isinstance(pattern, URLPattern):
            yield Address(f"{namespace}{pattern.name or pattern.pattern}", parameters)
