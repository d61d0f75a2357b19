"""Who gives this dose and who answers for it: whether their credentials hold that day, shown as a gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.credentials import Standing, standing_of
from openkap.care.accounts.models import Staff
from openkap.care.moment import today
from openkap.care.permissions import Role
from openkap.care.treatment.models import Session
from openkap.core.errors import InputError

FROM = "the register of credentials"
REMEDY = "the site administrator records the credential"


@dataclass(frozen=True)
class Duty:
    """One person's part in the session, with every credential the part needs."""

    person: Staff
    role: Role
    standings: tuple[Standing, ...]

    @property
    def holds(self) -> bool:
        """Whether it keeps the dose from being released."""
        return any(not each.is_met for each in self.standings)

    @property
    def title(self) -> str:
        return f"Credentials of {self.person.name}, {self.role.words}"

    @property
    def words(self) -> str:
        return "‼ no dose" if self.holds else "✓ clear"

    @property
    def tone(self) -> str:
        return "alarm" if self.holds else "good"

    @property
    def saw(self) -> str:
        """What is lacking, or else everything that is valid."""
        told = [each for each in self.standings if not each.is_met] or self.standings
        return "; ".join(f"{each.requirement.words}: {each.words}" for each in told)

    @property
    def known(self) -> tuple[tuple[str, str], ...]:
        """Each credential with where it is known from."""
        return tuple(
            (f"{each.requirement.asks}: {each.words}", f"{FROM}, {today():%-d %b %Y}")
            for each in self.standings
        )

    def as_data(self) -> dict[str, Any]:
        """As a gate stands in the clearance and the record."""
        sources = {source.id: source for each in self.standings for source in each.requirement.sources}
        return {
            "rule": self.role.value,
            "title": self.title,
            "state": "shut" if self.holds else "clear",
            "words": self.words,
            "saw": self.saw,
            "limit": "",
            "grade": ", ".join(dict.fromkeys(each.requirement.grade.value for each in self.standings)),
            "sources": [
                {
                    "id": each.id,
                    "title": each.title,
                    "url": each.url,
                    "seen": each.seen.value,
                    "second_hand": each.is_second_hand,
                }
                for each in sources.values()
            ],
            "decision": "",
            "decided_by": "",
            "known": [list(each) for each in self.known],
        }


def duties_now(session: Session) -> list[Duty]:
    """The nurse's and the prescriber's credentials as they stand today."""
    parts = ((session.nurse, Role.NURSE), (session.prescriber, Role.PRESCRIBER))
    return [Duty(person, role, tuple(standing_of(person.pk, role))) for person, role in parts]


# Who may stand at the dose: one of these parts, with every credential of it.
AT_THE_DOSE = (Role.NURSE, Role.PRESCRIBER)


def lacking_at_the_dose(by: Actor) -> str:
    """What keeps this very person from drawing, checking or starting a dose today; mostly nothing."""
    said = []
    for role in AT_THE_DOSE:
        if role in by.roles:
            missing = [each for each in standing_of(by.staff_id, role) if not each.is_met]
            if not missing:
                return ""
            said += [f"{each.requirement.words}: {each.words}" for each in missing]
    return "; ".join(dict.fromkeys(said))


def refuse_unfit_person(by: Actor, act: str) -> None:
    """Whoever really acts is looked at, planned for this session or not."""
    if lack := lacking_at_the_dose(by):
        raise InputError(
            f"{by.name} cannot {act}: a credential is not valid today",
            value=lack,
            limit=f"valid on {today():%-d %B %Y}",
            remedy=f"{REMEDY}, or a colleague does it",
        )


def unfit(duties: Iterable[Duty]) -> list[Duty]:
    """Those that keep the dose from being released."""
    return [each for each in duties if each.holds]


def said_of(duties: Iterable[Duty]) -> str:
    """Whose credentials lack what."""
    return "; ".join(f"{each.title}, {each.saw}" for each in duties)
