"""Small things that templates say: units with a thin space, durations, ages, one component tag."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from openkap.care.contributions import ChartLink, Task
from openkap.care.moment import now, today
from openkap.protocol.elements import Element

register = template.Library()

# Between a number and its unit: narrow, and the line never breaks there.
THIN_SPACE = "\u202f"
NO_BREAK = "\u00a0"


@register.simple_tag(takes_context=True)
def component(context: template.Context, name: str, **values: Any) -> SafeString:
    """Render ``components/<name>.html`` with these values and nothing else of the page."""
    return _rendered(context, name, values)


@register.simple_tag(takes_context=True)
def say(context: template.Context, sentence: str, **values: Any) -> str:
    """A sentence of a patient's page in their language; on every other page as it stands."""
    words = context.get("patient_words")
    said: str = words.say(sentence, **values) if words else sentence.format(**values)
    return said


@register.simple_tag(takes_context=True)
def shown(context: template.Context, each: Any) -> SafeString:
    """Render one entry of the gallery."""
    return _rendered(context, each.component, each.values)


def _rendered(context: template.Context, name: str, values: dict[str, Any]) -> SafeString:
    # A context of its own without asking the processors of the page again for each of fifty lines.
    assert context.template
    found = context.template.engine.get_template(f"components/{name}.html")
    if words := context.get("patient_words"):
        values = {**values, "patient_words": words}
    return found.render(context.new(values))


@register.simple_tag
def task_line(task: Task, whom_is_known: bool = False) -> SafeString:
    """One thing to do: verb, for whom, why, and by when or since when. One step: a list has a hundred."""
    parts = [format_html('<span class="task-verb">{}</span>', task.verb)]
    if task.whom and not whom_is_known:
        parts.append(format_html('<span class="task-whom">{}</span>', task.whom))
    if task.note:
        parts.append(format_html('<span class="task-note">{}</span>', task.note))
    if task.due:
        at = timezone.localtime(task.due).isoformat()
        parts.append(format_html('<time class="task-due" datetime="{}">{}</time>', at, due(task.due)))
    elif task.since:
        since = day_of(task.since).replace(" ", NO_BREAK)
        parts.append(format_html('<span class="task-due">waits since {}</span>', since))
    line = '<a class="task urgency-{}" href="{}">{}</a>'
    return format_html(line, task.urgency, task.url, mark_safe("\n".join(parts)))  # noqa: S308


@register.filter
def unit(value: object, words: str) -> str:
    """A number with its unit; what is not known says so."""
    return "not known" if value is None or value == "" else f"{value}{THIN_SPACE}{words}"


@register.filter
def minutes(value: int | None) -> str:
    """130 as ``2 h 10 min``."""
    if value is None:
        return "not known"
    hours, rest = divmod(int(value), 60)
    parts = ([f"{hours}{THIN_SPACE}h"] if hours else []) + (
        [f"{rest}{THIN_SPACE}min"] if rest or not hours else []
    )
    return " ".join(parts)


@register.filter
def age(born: date | None) -> str:
    """Whole years, as the patient banner shows them."""
    if born is None:
        return "age not known"
    day = today()
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return f"{years}{THIN_SPACE}y"


@register.filter
def due(moment: datetime | None) -> str:
    """How far a due time is: ``in 20 min``, ``2 h late``, ``today 14:00``, ``23 Nov 2026``."""
    if moment is None:
        return ""
    apart = moment - now()
    late = apart < timedelta(0)
    whole = int(abs(apart).total_seconds() // 60)
    if whole < 120:
        words = minutes(whole)
    elif not late and timezone.localdate(moment) == today():
        return f"today {timezone.localtime(moment):%H:%M}"
    elif whole < 48 * 60:
        words = f"{whole // 60}{THIN_SPACE}h"
    elif late:
        words = f"{whole // 1440}{THIN_SPACE}days"
    else:
        return f"{timezone.localtime(moment):%-d %b %Y}"
    return f"{words} late" if late else f"in {words}"


@register.filter
def time_of(moment: datetime) -> SafeString:
    """A moment as a ``time`` element, ``23 Nov 2026 10:40``: one step for lists of a thousand lines."""
    local = timezone.localtime(moment)
    words = f"{day_of(moment)} {local:%H:%M}"
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), words)


def day_of(moment: datetime) -> str:
    """The day of a moment at the clinic: ``23 Nov 2026``."""
    local = timezone.localtime(moment)
    return f"{local.day} {str(MONTHS_3[local.month]).title()} {local.year}"


@register.filter
def day_words(iso: str | None) -> str:
    """The day of a stored moment or date: ``2026-11-23T10:40+00:00`` as ``23 Nov 2026``."""
    if not iso:
        return ""
    read = datetime.fromisoformat(iso)
    return day_of(read) if read.tzinfo else f"{read:%-d %b %Y}"


@register.filter
def holds(link: ChartLink, path: str) -> bool:
    """Whether a page of the chart belongs to this entry of its navigation."""
    beneath = link.name != "patient" and link.url in path
    return beneath or any(f"/{folder}/" in path for folder in link.folders)


@register.filter
def coordinate(number: float) -> str:
    """A number as a drawing needs it: a full stop for the decimal sign in every language."""
    return f"{number:.1f}"


@register.filter
def answer_is(answers: dict[str, int], item: str) -> int | None:
    """What an item was answered with, for marking the choice."""
    return answers.get(item)


@register.filter
def language_words(code: str) -> str:
    """A language code as the language calls itself."""
    from django.utils.translation import get_language_info

    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:
        return code


@register.filter
def title_words(name: str) -> str:
    """``not_this_time`` as ``Not this time``."""
    return str(name).replace("_", " ").capitalize()


@register.filter
def plain(number: Any) -> str:
    """A decimal without trailing zeros: 35.00 as 35."""
    return f"{number.normalize():f}" if number is not None else ""


@register.filter
def moment(text: str) -> str:
    """A stored moment in the clinic's time: ``23 Nov 10:40``."""
    return timezone.localtime(datetime.fromisoformat(text)).strftime("%-d %b %H:%M") if text else ""


@register.filter
def entry_of(values: dict[str, Any], name: str) -> Any:
    """The value under a name, for tables whose columns are data."""
    return values.get(name, "")


@register.filter
def unit_words(unit: str | None) -> str:
    """A unit for people; counts and scores need none."""
    words = {"a": "years", "mm[Hg]": "mmHg", "umol/L": "µmol/L", "kg/m2": "kg/m²", "d": "days"}
    return "" if not unit or unit.startswith("{") else words.get(unit, unit)


@register.filter
def ago(moment: datetime | None) -> str:
    """How long something has been so: ``8 min ago``, ``2 days ago``."""
    if moment and abs(moment - now()) < timedelta(minutes=1):
        return "just now"
    said = due(moment)
    return f"{said.removesuffix(' late')} ago" if said.endswith(" late") else said


@register.filter
def unit_or_range(element: Element) -> str:
    """What stands beside a field for a number: its unit, or the range of a score."""
    if element.unit == "{score}" and element.impossible:
        told = f"{element.impossible.below} to {element.impossible.above}"
        return "" if told in element.label else told
    return unit_words(element.unit)


# How codes and short names of the rules are said to people.
SPOKEN = {
    "mm[Hg]": "mmHg",
    ">=": "≥",
    "<=": "≤",
    "sbp_baseline": "systolic before the dose",
    "dbp_baseline": "diastolic before the dose",
    " {score}": "",
    " {count}": "",
    " {times}": " times",
    " {grade}": "",
    "umol/L": "µmol/L",
    "kg/m2": "kg/m²",
}
SPOKEN_AT_END = {" a": " years", " d": " days", " mg/d": " mg a day"}


@register.filter
def spoken(text: object) -> str:
    """A value or limit of a rule as people write it: ``≥ 180 mmHg``, ``42 years``."""
    said = str(text)
    for code, words in SPOKEN.items():
        said = said.replace(code, words)
    for unit, words in SPOKEN_AT_END.items():
        if said.endswith(unit):
            return said.removesuffix(unit) + words
    return said


# What the rules say of a minimum stay.
STAY_LEFT = re.compile(r"minutes since the dose started must rise by (\d+(?:\.\d+)?) min")


@register.filter
def still_to_come(said: str) -> str:
    """What is left until a condition for leaving is met, beside a mark that says "not yet"."""
    words = spoken(said).removeprefix("not yet: ")
    left = STAY_LEFT.fullmatch(words)
    return f"{minutes(math.ceil(float(left[1])))} to go" if left else words
