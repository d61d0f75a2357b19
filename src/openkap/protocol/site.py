"""What one site has set and signed: limits that no source gives, and rules it may reclassify.

A site file never touches the protocol file. It adds a signed value where the protocol says "unset", or
turns an exclusion that the evidence leaves open into a clinician's review, with two named sign-offs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from openkap.core.clock import parse_moment
from openkap.core.content import SHIPPED, Document, Schema, Tally, read_document
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.condition import tests_of, with_limit
from openkap.protocol.elements import dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.reporting import ReportingTime, programmes, span_of
from openkap.protocol.rules import Action, Rule, Sourced

NEWEST = "1.0.0"


class SignOffs(Sourced):
    """How many named people must sign what."""

    version: str
    reclassify: int = Field(ge=1)


@lru_cache(maxsize=4)
def sign_offs(root: Path = SHIPPED) -> SignOffs:
    """The numbers in force."""
    return read_document(root / "site" / f"sign-offs-{NEWEST}.yaml").parse(SignOffs)


def tally(root: Path = SHIPPED) -> list[Tally]:
    """The sign-offs read and checked, for ``openkap check``."""
    return [Tally.of("site sign-offs", lambda: [sign_offs(root)])]


class Signature(Schema):
    """Who signed, in which role, and when."""

    name: str = Field(min_length=1)
    role: str = Field(min_length=1)
    on: str

    @field_validator("on")
    @classmethod
    def _is_a_day(cls, on: str) -> str:
        try:
            parse_moment(on)
        except InputError as refused:
            raise ValueError(str(refused)) from None
        return on


class SiteLimit(Schema):
    """A signed value for a rule whose limit no source gives."""

    rule: str
    limit: str
    reason: str
    signed_by: tuple[Signature, ...]


class Reclassified(Schema):
    """A rule the site has turned into a clinician's review."""

    rule: str
    to: Literal["clinician_review"]
    reason: str
    signed_by: tuple[Signature, ...]


class IdealWeight(Schema):
    """The ideal-body-weight formula the site uses, by name; the weight itself is entered for the patient."""

    formula: str
    signed_by: tuple[Signature, ...]


class SeriousEvents(Schema):
    """By when a serious adverse event is reported: the site's own time, programmes it belongs to, or both."""

    within: str = ""
    programmes: tuple[str, ...] = ()
    reason: str = Field(min_length=1)
    signed_by: tuple[Signature, ...] = Field(min_length=1)

    @field_validator("within")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        try:
            if text and span_of(text) <= timedelta(0):
                raise ValueError("there must be some time to report in")
        except InputError as refused:
            raise ValueError(str(refused)) from None
        return text

    @field_validator("programmes")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [each.id for each in programmes()]
        if unknown := sorted(set(names) - set(known)):
            raise ValueError(f"no such programme: {', '.join(unknown)}; known: {', '.join(known)}")
        return names

    def time_for(self, drug: str) -> ReportingTime | None:
        """What holds here for an event under that drug: the shortest of the site's own and its programmes."""
        names = ", ".join(each.name for each in self.signed_by)
        why = f"{self.reason} (signed by {names})"
        own = ReportingTime(span_of(self.within), why) if self.within else None
        times = [each.time for each in programmes() if each.id in self.programmes and each.drug == drug]
        return min([*times, *([own] if own else [])], key=lambda each: each.within, default=None)


class Emergency(Schema):
    """What stands on top of the emergency card; an empty line is shown as not set."""

    phone: str = ""
    crash_cart: str = ""
    hospital: str = ""
    call: str = ""
    signed_by: tuple[Signature, ...] = Field(min_length=1)


class OpeningHours(Schema):
    """From when to when visits are put, as ``08:00`` by the clinic's own clock."""

    opens: str
    closes: str

    @field_validator("opens", "closes")
    @classmethod
    def _is_a_time_of_day(cls, text: str) -> str:
        try:
            time.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no time of day such as 08:00") from None
        return text

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> OpeningHours:
        if self.span[0] >= self.span[1]:
            raise ValueError(f"it closes ({self.closes}) before it opens ({self.opens})")
        return self

    @property
    def span(self) -> tuple[time, time]:
        """Both times."""
        return time.fromisoformat(self.opens), time.fromisoformat(self.closes)


class PracticeAsked(Schema):
    """A practice scenario that the site asks a role to have passed; ``any`` is whichever."""

    role: str = Field(min_length=1)
    scenario: str = Field(min_length=1, max_length=30)
    # How long a pass counts; without it for good.
    lasts: str | None = None
    reason: str = Field(min_length=1)
    signed_by: tuple[Signature, ...] = Field(min_length=1)

    @field_validator("lasts")
    @classmethod
    def _is_a_time(cls, lasts: str | None) -> str | None:
        if lasts is not None and Quantity.parse(lasts).number("d") < 1:
            raise ValueError("a pass counts for at least a day")
        return lasts


class SiteSettings(Schema):
    """A site file."""

    site: str
    limits: tuple[SiteLimit, ...] = ()
    reclassified: tuple[Reclassified, ...] = ()
    ideal_weight: IdealWeight | None = None
    serious_events: SeriousEvents | None = None
    emergency: Emergency | None = None
    opening_hours: OpeningHours | None = None
    practice: tuple[PracticeAsked, ...] = ()


def read_site(path: Path) -> tuple[SiteSettings, Document]:
    """A site's settings and the document they stand in (for errors and the fingerprint)."""
    document = read_document(path)
    return document.parse(SiteSettings), document


def apply_site(protocol: Protocol, path: Path) -> Protocol:
    """The protocol as this site runs it, under a fingerprint of its own; ``ContentError`` where refused."""
    settings, document = read_site(path)
    rules = {rule.id: rule for rule in protocol.rules}
    for index, limit in enumerate(settings.limits):
        place = ("limits", index)
        rule = _find(rules, limit.rule, document, place)
        rules[rule.id] = _with_limit(rule, limit, settings.site, document, place)
    needed = sign_offs().reclassify
    for index, change in enumerate(settings.reclassified):
        place = ("reclassified", index)
        rule = _find(rules, change.rule, document, place)
        names = {signature.name for signature in change.signed_by}
        if not rule.site_reclassifiable or len(names) < needed:
            raise document.error(
                "this rule cannot be reclassified like this",
                place,
                value=f"{rule.id}, signed by {', '.join(sorted(names)) or 'nobody'}",
                limit=f"a rule marked site_reclassifiable, signed by {needed} people",
                remedy="leave it as it is, or have the others sign",
            )
        said = f"{settings.site}: {change.reason} (signed by {', '.join(sorted(names))})"
        rules[rule.id] = replace(rule, action=Action(change.to), changed_by=said)
    dosing = protocol.dosing
    if settings.ideal_weight is not None:
        weight = dosing.weight.model_copy(update={"ideal_weight_formula": settings.ideal_weight.formula})
        dosing = dosing.model_copy(update={"weight": weight})
    fingerprint = hashlib.sha256(f"{protocol.fingerprint} {document.fingerprint}".encode()).hexdigest()
    return replace(
        protocol, rules=tuple(rules.values()), dosing=dosing, fingerprint=fingerprint, site=settings.site
    )


def _find(rules: dict[str, Rule], name: str, document: Document, place: Sequence[str | int]) -> Rule:
    if name not in rules:
        raise document.error("no such rule in this protocol", place, value=name, remedy="correct the rule id")
    return rules[name]


def _with_limit(
    rule: Rule, limit: SiteLimit, site: str, document: Document, place: Sequence[str | int]
) -> Rule:
    if rule.is_active or not limit.signed_by:
        raise document.error(
            "a site sets only what the protocol leaves unset, and signs it",
            place,
            value=rule.id,
            remedy="remove the entry, or add signed_by",
        )
    try:
        quantity = Quantity.parse(limit.limit)
        for test in tests_of(rule.condition):
            element = dictionary()[test.fact]
            quantity = quantity.to(element.unit or "1")
            if element.impossible is not None and not element.impossible.holds(quantity.value):
                raise InputError(
                    "no patient can have this value, so the rule would never fire, or always",
                    limit=f"{element.impossible.below} to {element.impossible.above} {element.unit}",
                    remedy="check the number and its unit",
                )
    except InputError as refused:
        raise document.error(
            refused.what, (*place, "limit"), value=limit.limit, limit=refused.limit, remedy=refused.remedy
        ) from None
    names = ", ".join(signature.name for signature in limit.signed_by)
    return replace(
        rule,
        condition=with_limit(rule.condition, quantity),
        examples_with=None,
        changed_by=f"{site}: limit {quantity}, {limit.reason} (signed by {names})",
    )
