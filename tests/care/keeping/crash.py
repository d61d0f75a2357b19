"""Kills a writing process again and again and looks what is left. Run by ``test_crash.py``.

A parent forks a child that writes crisis plans and names each on a pipe once it is committed; the parent
kills it with SIGKILL after a random while. Prints counts as JSON; exit 1 when anything acknowledged is gone
or anything is half there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time


def main(rounds: int, seed: int) -> int:
    import django

    django.setup()
    from django.db import connections

    from openkap.care.patients.models import Patient

    uid = Patient.objects.order_by("id")[0].uid
    connections.close_all()
    dice = random.Random(seed)
    acknowledged: list[str] = []
    for number in range(rounds):
        acknowledged += _one_life(number, uid, dice)
    return _look(acknowledged, rounds)


def _one_life(number: int, uid: str, dice: random.Random) -> list[str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _write_until_killed(number, uid, writing)
    os.close(writing)
    # Some die before their first write, most in the middle of one.
    wanted, said = dice.randrange(4), b""
    while said.count(b"\n") < wanted:
        said += os.read(reading, 4096)
    time.sleep(dice.random() * 0.012)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while rest := os.read(reading, 4096):
        said += rest
    os.close(reading)
    # What was not written to its end on the pipe was not acknowledged.
    return said.decode().split("\n")[:-1]


def _write_until_killed(number: int, uid: str, pipe: int) -> None:
    from openkap.care.accounts.actor import actor_for
    from openkap.care.accounts.models import Staff
    from openkap.care.patients.actions import write_crisis_plan
    from openkap.care.patients.models import CrisisPlan

    by = actor_for(Staff.objects.get(email="ben@example.org"))
    last = CrisisPlan.objects.order_by("-version").first()
    version = last.version if last else 0
    for count in range(10_000):
        words = f"{number}-{count}"
        plan = {"warning_signs": words, "what_helps": "", "people_to_call": "", "safe_place": ""}
        write_crisis_plan(by=by, uid=uid, version=version + count, words=plan)
        os.write(pipe, f"{words}\n".encode())
    os._exit(1)


def _look(acknowledged: list[str], rounds: int) -> int:
    from openkap.care.audit.models import AuditEvent
    from openkap.care.audit.queries import chains, disagreeing_rows, export_lines
    from openkap.care.audit.verify import verify_lines
    from openkap.care.patients.models import CrisisPlan

    stored = dict(CrisisPlan.objects.values_list("warning_signs", "uid"))
    versions = sorted(CrisisPlan.objects.values_list("version", flat=True))
    audited = set(
        AuditEvent.objects.filter(action="crisis_plan.written").values_list("entity_uid", flat=True)
    )
    found = {
        "rounds": rounds,
        "acknowledged": len(acknowledged),
        "stored": len(stored),
        "lost": [words for words in acknowledged if words not in stored],
        "versions_whole": versions == list(range(1, len(versions) + 1)),
        "audited_exactly": audited == set(stored.values()),
        "chains_whole": all(
            verify_lines(export_lines(chain)).is_whole and not disagreeing_rows(chain) for chain in chains()
        ),
    }
    sys.stdout.write(f"{json.dumps(found)}\n")
    good = (
        not found["lost"] and found["versions_whole"] and found["audited_exactly"] and found["chains_whole"]
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
