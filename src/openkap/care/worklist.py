"""What must I do now: the tasks of every app in one order, for the first page and for one patient's chart."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache

from django.urls import resolve

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task, contributions
from openkap.care.first_lines import whole_lists
from openkap.care.moment import now
from openkap.care.patients.queries import birth_dates

NOW = "now"
URGENCIES = (NOW, "today", "soon")


@dataclass(frozen=True, slots=True)
class Line:
    """A task, and what else waits for the same patient once it is done."""

    task: Task
    then: tuple[Task, ...] = ()


def tasks_of(by: Actor) -> list[Task]:
    """Everything that waits for somebody: what is due first, then whoever waits longest."""
    found = [task for module in contributions("home") for task in module.tasks(by)]
    return tell_namesakes_apart(by, in_order(found))


def tasks_about(by: Actor, uid: str) -> list[Task]:
    """What of the person's list is about one patient."""
    with whole_lists():
        return [task for task in tasks_of(by) if patient_of(task) == uid]


def in_order(tasks: list[Task]) -> list[Task]:
    """By urgency, then by when it is due, then by who has waited longest."""
    far = now().replace(year=now().year + 100)
    return sorted(
        tasks, key=lambda task: (URGENCIES.index(task.urgency), task.due or far, task.since or far, task.whom)
    )


def patient_of(task: Task) -> str:
    """The patient's public id in the task's address, empty where it is about nobody."""
    return _patient_in(task.url.partition("#")[0].partition("?")[0])


# Asked several times for each line of a list.
@lru_cache(maxsize=1024)
def _patient_in(path: str) -> str:
    return str(resolve(path).kwargs.get("patient", ""))


def tell_namesakes_apart(by: Actor, tasks: list[Task]) -> list[Task]:
    """The birth date beside a name that two patients of the list share."""
    bearers: dict[str, set[str]] = defaultdict(set)
    for task in tasks:
        if task.whom and (uid := patient_of(task)):
            bearers[task.whom].add(uid)
    shared = {uid for uids in bearers.values() if len(uids) > 1 for uid in uids}
    if not shared:
        return tasks
    born = birth_dates(by, shared)
    return [
        replace(task, whom=f"{task.whom}, {_born(born.get(uid))}")
        if (uid := patient_of(task)) in shared
        else task
        for task in tasks
    ]


def _born(day: object) -> str:
    return f"born {day:%-d %b %Y}" if day else "birth date not known"


def one_line_a_patient(tasks: list[Task]) -> list[Line]:
    """The tasks, sorted already; what can wait for somebody who needs us now stands under that.

    What is due now never does: two alerts of one person are two lines.
    """
    if not any(task.urgency == NOW for task in tasks):
        return [Line(task) for task in tasks]
    whose = [patient_of(task) for task in tasks]
    first = {uid: number for number, uid in reversed(list(enumerate(whose))) if uid}
    under: dict[int, list[Task]] = {}
    alone = []
    for number, (task, uid) in enumerate(zip(tasks, whose, strict=True)):
        head = first.get(uid, number)
        if head == number or tasks[head].urgency != NOW or task.urgency == NOW:
            alone.append(number)
        else:
            under.setdefault(head, []).append(task)
    return [Line(tasks[number], tuple(under.get(number, ()))) for number in alone]


def how_many(lines: list[Line]) -> str:
    """How many tasks lines stand for, and how many come after those: what adds up to all there is to do."""
    first = sum(line.task.stands_for for line in lines)
    then = sum(task.stands_for for line in lines for task in line.then)
    return f"{first}, then {then}" if then else str(first)
