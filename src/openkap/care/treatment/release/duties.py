"""Who gives this dose and who answers for it: whether their credentials hold that day, as gates."""

from __future__ import annotations

from datetime import date

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.credentials import Standing, standing_of
from openkap.care.accounts.models import Staff
from openkap.care.moment import today
from openkap.care.permissions import Role
from openkap.care.treatment.models import Session
from openkap.care.treatment.release.gates import Gate, Hold, Running
from openkap.core.errors import InputError
from openkap.protocol.rules import Action

FROM = "the register of credentials"
REMEDY = "the site administrator records the credential, or the visit is re-planned with somebody else"


def duty_gates(session: Session, day: date) -> list[Gate]:
    """The nurse's and the prescriber's credentials as they stand on that day."""
    return [
        _duty(session.nurse, Role.NURSE, day, beside=session.prescriber),
        _duty(session.prescriber, Role.PRESCRIBER, day, beside=session.nurse),
    ]


def _duty(person: Staff, role: Role, day: date, *, beside: Staff) -> Gate:
    standings = standing_of(person.pk, role, on=day)
    lacking = [each for each in standings if not each.is_met]
    grades = dict.fromkeys(each.requirement.grade.value for each in standings)
    hold = Hold(
        role.value,
        f"Credentials of {person.name}, {role.words}",
        f"{REMEDY[:1].upper()}{REMEDY[1:]}." if lacking else "",
        ", ".join(grades),
        Action.BLOCK_START,
    )
    return Gate(
        hold,
        "shut" if lacking else "clear",
        # What is lacking, or else everything that is valid.
        "; ".join(f"{each.requirement.words}: {each.words}" for each in lacking or standings),
        "",
        (),
        sources=_sources(standings),
        known=tuple(
            (f"{each.requirement.asks}: {each.words}", f"{FROM}, {day:%-d %b %Y}") for each in standings
        ),
        remedy=REMEDY,
        # They cannot answer for it themselves: the other of the two is called.
        running=Running(
            f"Pause the drug until a {role.words} whose credentials hold has taken over.", beside.name
        ),
    )


def _sources(standings: list[Standing]) -> tuple[dict[str, object], ...]:
    named = {source.id: source for each in standings for source in each.requirement.sources}
    return tuple(dict(each.as_dict()) for each in named.values())


# Who may stand at the dose: one of these parts, with every credential of it.
AT_THE_DOSE = (Role.NURSE, Role.PRESCRIBER)


def lacking_at_the_dose(by: Actor, day: date) -> str:
    """What keeps this very person from drawing, checking or starting a dose that day; mostly nothing."""
    said = []
    for role in AT_THE_DOSE:
        if role in by.roles:
            missing = [each for each in standing_of(by.staff_id, role, on=day) if not each.is_met]
            if not missing:
                return ""
            said += [f"{each.requirement.words}: {each.words}" for each in missing]
    return "; ".join(dict.fromkeys(said))


def refuse_unfit_person(by: Actor, act: str) -> None:
    """Whoever really acts is looked at, planned for this session or not."""
    if lack := lacking_at_the_dose(by, today()):
        raise InputError(
            f"{by.name} cannot {act}: a credential is not valid today",
            value=lack,
            limit=f"valid on {today():%-d %B %Y}",
            remedy="the site administrator records the credential, or a colleague does it",
        )
