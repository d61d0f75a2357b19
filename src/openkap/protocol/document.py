"""A protocol as a document a clinician can read and sign, and two versions as a readable difference.

Markdown, because it reads well as it is, prints, and turns into HTML without loss.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from openkap.core.source import Grade
from openkap.protocol.elements import Dictionary, dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.rules import Rule, Sourced, Stage

_STAGE_TITLES = {
    Stage.ELIGIBILITY: "Eligibility",
    Stage.BEFORE_DOSE: "Before each dose",
    Stage.IN_SESSION: "During dosing and recovery",
    Stage.DISCHARGE: "Before leaving",
}


def as_markdown(protocol: Protocol, elements: Dictionary | None = None, *, examples: bool = True) -> str:
    """The whole protocol, every rule with its examples (unless left out), sources at the end."""
    return "\n".join(_document(protocol, elements or dictionary(), examples)) + "\n"


def _document(protocol: Protocol, elements: Dictionary, examples: bool) -> Iterator[str]:
    yield f"# {protocol.title}"
    yield ""
    yield f"Protocol `{protocol.id}`, version {protocol.version} ({protocol.status}), fingerprint"
    yield f"`{protocol.fingerprint}`." + (f" As run at {protocol.site}." if protocol.site else "")
    yield ""
    if protocol.retired:
        yield f"**Retired, assesses nobody any more: {protocol.retired}.**"
        yield ""
    yield f"**{protocol.summary}**"
    yield ""
    yield "Not for use before a named medical lead has read and signed every rule (last page)."
    yield from _section("Guideline-conflict notice")
    yield "Shown to prescriber and patient before consent; the shared decision is recorded."
    yield ""
    for position in protocol.against():
        status = f" {position.status}" if position.status else ""
        yield f"- **{position.body}**: {position.position}.{status} {_grounds(position)}"
    yield from _section("All positions read")
    for position in protocol.positions:
        about = position.about_ptsd.replace("_", " ")
        yield f"- **{position.body}** ({about}): {position.position}. {_grounds(position)}"
    yield from _section("Indication")
    yield f"{protocol.indication.text}. {_grounds(protocol.indication)}"
    for stage in Stage:
        yield from _section(_STAGE_TITLES[stage])
        for rule in protocol.stage(stage):
            yield from _rule(rule, elements, examples)
    yield from _section("Baseline record")
    for each in protocol.collect:
        yield f"- {each.id}: {', '.join(each.items)}. {_grounds(each)}"
    yield from _dosing(protocol)
    yield from _section("Course")
    for course in protocol.courses:
        count = course.sessions if course.sessions is not None else "set and signed by the site"
        days = f", days {', '.join(map(str, course.days))}" if course.days else ""
        result = f" {course.result}." if course.result else ""
        yield f"- **{course.title}**: sessions {count}{days}.{result} {_grounds(course)}"
    yield from _monitoring(protocol)
    yield from _therapy(protocol)
    yield from _section("Consent elements")
    for element in protocol.consent:
        need = "required" if element.required else "if it applies"
        shown_by = element.shown_by.replace("_", " ")
        said = f" {element.say}." if element.say else ""
        yield f"- {element.id} {element.title} ({need}, {shown_by}).{said} {_grounds(element)}"
    yield from _section("Measures")
    for measure in protocol.measures:
        yield f"- {measure.when}: {', '.join(measure.instruments)}. {_grounds(measure)}"
    yield from _section("Stopping, maintenance and exposure")
    for course_rule in protocol.course_rules:
        do = f": {course_rule.do}" if course_rule.do else ""
        yield f"- {course_rule.id} ({course_rule.kind}) {course_rule.text}{do}. {_grounds(course_rule)}"
    yield from _section("Staff, equipment, emergencies, contact")
    for role in protocol.staffing:
        yield f"- {role.role}: {role.text}. {_grounds(role)}"
    for statement in (*protocol.equipment, *protocol.emergencies, *protocol.contacts):
        yield f"- {statement.id} {statement.text}. {_grounds(statement)}"
    yield from _changes(protocol)
    yield from _sources(protocol)
    yield from _signatures()


def _section(title: str) -> tuple[str, ...]:
    return ("", f"## {title}", "")


def _grounds(statement: Sourced | Rule) -> str:
    """Grade and sources in brackets, then what speaks against."""
    note = f"; {statement.grade_note}" if statement.grade_note else ""
    text = f"[{statement.grade.value}{note}: {', '.join(statement.sources)}]"
    if statement.basis:
        text += f" Basis: {statement.basis}."
    if statement.note:
        text += f" Note: {statement.note}."
    if statement.disagreement:
        text += f" *Sources disagree: {statement.disagreement}.*"
    return text


def _rule(rule: Rule, elements: Dictionary, examples: bool) -> Iterator[str]:
    yield f"### {rule.id} {rule.title}"
    yield ""
    yield rule.sentence(elements)
    if rule.say:
        yield f"To do: {rule.say}" + (f" ({rule.who})" if rule.who else "")
    if rule.changed_by:
        yield f"Changed here: {rule.changed_by}."
    if rule.site_reclassifiable:
        yield "A site may turn this into a clinician's review, with two named sign-offs."
    yield _grounds(rule)
    if examples:
        yield ""
        yield "| given | then |"
        yield "|---|---|"
        for example in rule.examples:
            given = ", ".join(f"{elements[name].label} {value}" for name, value in example.given.items())
            yield f"| {given or 'nothing known'} | {example.then} |"
    yield ""


def _dosing(protocol: Protocol) -> Iterator[str]:
    dosing = protocol.dosing
    yield from _section("Dosing")
    yield f"{dosing.drug}, {dosing.route}. Weight basis: {dosing.weight.basis}. {_grounds(dosing.weight)}"
    yield ""
    for step in dosing.steps:
        over = f" over {step.over}" if step.over else ""
        needs = f" Needs: {step.needs}." if step.needs else ""
        start = " (starting step)" if step.id == dosing.start else ""
        yield f"- **{step.title}**{start}: {step.dose}{over}.{needs} {_grounds(step)}"
    yield f"- Range: {dosing.range.low} to {dosing.range.high}. {_grounds(dosing.range)}"
    yield f"- Ceiling for one dose: {dosing.cap.limit or 'none found'}. {_grounds(dosing.cap)}"
    if dosing.titration:
        yield f"- Titration: {dosing.titration.text}. {_grounds(dosing.titration)}"
    for adjustment in dosing.adjustments:
        when = f" (when {adjustment.when})" if adjustment.when else ""
        yield f"- {adjustment.id}{when}: {adjustment.text}. {_grounds(adjustment)}"
    for product in dosing.products:
        amount = product.strength or f"{product.amount_per_device} a device"
        undiluted = "" if product.undiluted else " **Never undiluted by this route.**"
        yield f"- {product.name}: {amount}.{undiluted} {_grounds(product)}"
    if dosing.dilution:
        yield f"- Bag: {dosing.dilution.volume} {dosing.dilution.fluid}. {_grounds(dosing.dilution)}"
    if dosing.rest_between_devices:
        yield f"- {dosing.rest_between_devices.text}. {_grounds(dosing.rest_between_devices)}"


def _monitoring(protocol: Protocol) -> Iterator[str]:
    vitals = protocol.vitals
    yield from _section("Monitoring schedule")
    yield f"Readings at minutes {', '.join(map(str, vitals.minutes))} ({', '.join(vitals.measures)})"
    if vitals.continuous:
        yield f"and continuously: {', '.join(vitals.continuous)}."
    late = vitals.late_after
    yield f"Minimum stay {vitals.minimum_stay}; a reading is late after {late}. {_grounds(vitals)}"
    yield ""
    for scale in protocol.scales:
        when = f"minutes {', '.join(map(str, scale.minutes))}" if scale.minutes else ", ".join(scale.times)
        yield f"- {scale.scale}: {when}. {_grounds(scale)}"


def _therapy(protocol: Protocol) -> Iterator[str]:
    plan = protocol.therapy
    yield from _section("Psychotherapy")
    yield f"{plan.principle.text} {_grounds(plan.principle)}"
    yield ""
    preparation, integration = plan.preparation, plan.integration
    yield (
        f"- Preparation: {preparation.sessions} sessions of {preparation.minutes} min: "
        f"{', '.join(preparation.content)}. {_grounds(preparation)}"
    )
    low, high = integration.window_h
    yield (
        f"- Integration: {integration.sessions_per_dose} after each dose, {low} to {high} h, "
        f"{integration.minutes} min: {', '.join(integration.content)}. {_grounds(integration)}"
    )
    for therapy in plan.trauma_focused:
        yield f"- {therapy.title}: sessions {therapy.sessions or 'not found'}. {_grounds(therapy)}"
    for statement in (*plan.timing, *plan.rules):
        yield f"- {statement.id} {statement.text}. {_grounds(statement)}"


def _changes(protocol: Protocol) -> Iterator[str]:
    if protocol.changes:
        yield from _section("What this protocol does otherwise than its rule sets")
        for change in protocol.changes:
            action = f" becomes {change.action.value}" if change.action else ""
            if change.if_missing:
                action += f" while not known: {change.if_missing.words}"
            yield f"- {change.rule}{action}: {change.reason}. {_grounds(change)}"


def _sources(protocol: Protocol) -> Iterator[str]:
    yield from _section("Grades")
    for grade in Grade:
        yield f"- {grade.value}: {grade.words}"
    yield from _section("Sources")
    for name in sorted(used_sources(protocol)):
        source = protocol.sources[name]
        note = f" {source.note}." if source.note else ""
        yield f"- **{name}**: {source.cite()}. {source.url}{note}"


def used_sources(protocol: Protocol) -> set[str]:
    """Ids of all sources this protocol rests on."""
    dosing, plan = protocol.dosing, protocol.therapy
    statements: Iterable[Sourced | Rule | None] = (
        *protocol.rules,
        *protocol.positions,
        *protocol.collect,
        *protocol.consent,
        *protocol.courses,
        *protocol.scales,
        *protocol.measures,
        *protocol.course_rules,
        *protocol.staffing,
        *protocol.equipment,
        *protocol.emergencies,
        *protocol.contacts,
        *protocol.changes,
        *dosing.steps,
        *dosing.adjustments,
        *dosing.products,
        *plan.trauma_focused,
        *plan.timing,
        *plan.rules,
        protocol.indication,
        protocol.vitals,
        dosing.weight,
        dosing.range,
        dosing.cap,
        dosing.titration,
        dosing.dilution,
        dosing.rest_between_devices,
        plan.principle,
        plan.preparation,
        plan.integration,
    )
    return {name for statement in statements if statement is not None for name in statement.sources}


def _signatures() -> Iterator[str]:
    yield from _section("Sign-off")
    yield "| role | name | date | signature |"
    yield "|---|---|---|---|"
    for role in ("Medical lead", "Second prescriber", "Psychotherapy lead", "Nursing lead"):
        yield f"| {role} | | | |"


def difference(old: Protocol, new: Protocol, elements: Dictionary | None = None) -> list[str]:
    """What changed, rule by rule and line by line, in the words of the document; empty when nothing did."""
    elements = elements or dictionary()
    lines = []
    old_rules = {rule.id: rule for rule in old.rules}
    new_rules = {rule.id: rule for rule in new.rules}
    for name in sorted(old_rules.keys() - new_rules.keys()):
        lines.append(f"removed {name}: {old_rules[name].sentence(elements)}")
    for name in sorted(new_rules.keys() - old_rules.keys()):
        lines.append(f"added {name}: {new_rules[name].sentence(elements)}")
    for name, rule in new_rules.items():
        if name in old_rules:
            lines += _rule_difference(old_rules[name], rule, elements)
    return lines + _text_difference(old, new, elements)


def _rule_difference(old: Rule, new: Rule, elements: Dictionary) -> list[str]:
    lines = []
    if old.sentence(elements) != new.sentence(elements):
        lines.append(f"changed {new.id}: was: {old.sentence(elements)}")
        lines.append(f"{' ' * len('changed ' + new.id)}  now: {new.sentence(elements)}")
        if (old.grade, old.sources, old.basis) == (new.grade, new.sources, new.basis):
            # A new limit on the old grounds is a slip, or the grounds must be read again.
            kept = f"grade {new.grade.value}, sources {', '.join(new.sources)}"
            lines.append(f"changed {new.id}, but its grounds are not ({kept}): do they say this?")
    for what in ("title", "say", "who", "grade", "sources", "basis", "note", "disagreement", "changed_by"):
        before, after = getattr(old, what), getattr(new, what)
        if before != after:
            lines.append(f"changed {new.id}, {what}: was {_shown(before)}, now {_shown(after)}")
    return lines


def _text_difference(old: Protocol, new: Protocol, elements: Dictionary) -> list[str]:
    """Everything outside the rules, by the lines of the document."""
    before, after = (
        [
            line
            for line in _document(each, elements, examples=False)
            if line.startswith(("- ", "Readings", "Minimum"))
        ]
        for each in (old, new)
    )
    changes = difflib.ndiff(before, after)
    words = {"- ": "was: ", "+ ": "now: "}
    return [words[line[:2]] + line[2:].removeprefix("- ") for line in changes if line[:2] in words]


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value) or "nothing"
