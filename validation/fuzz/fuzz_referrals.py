"""Long fuzz of referral intake: damaged bundles and facts files, by the hundred thousand.

    python validation/fuzz/fuzz_referrals.py --inputs 100000 --seed 1

Each input must be read, or refused by a ``DomainError`` that names the file, within a second of processor
time; a number that is read must be the number that was written. Prints one line of JSON; exit code 1 with the
offending input kept when anything else happens.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from hostile import as_file, damaged, spoiled  # noqa: E402
from openkap.core.errors import DomainError  # noqa: E402
from openkap.core.quantity import Quantity  # noqa: E402
from openkap.interop.fhir.concepts import shipped_index  # noqa: E402
from openkap.interop.referral import Referral, read_referral  # noqa: E402
from openkap.interop.synthetic import NOT_READ, referrals  # noqa: E402
from openkap.protocol.assess import assess  # noqa: E402
from openkap.protocol.read import load_protocol  # noqa: E402

AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)
SLOWEST_S = 1.0


def changed_numbers(content: bytes, referral: Referral) -> list[str]:
    """Facts of a JSON facts file whose number is another than the one written, read here independently."""
    if referral.intake is not None or not content.lstrip().startswith(b"{"):
        return []
    written = json.loads(content.decode("utf-8-sig"), parse_float=Decimal)["facts"]
    wrong = []
    for name, fact in referral.facts.known.items():
        given = written.get(name)
        given = given.get("value") if isinstance(given, dict) else given
        same_unit = isinstance(given, str) and given.endswith(f" {fact.element.unit}")
        if same_unit and isinstance(fact.value, Quantity) and fact.value.value != Decimal(given.split()[0]):
            wrong.append(f"{name}: {given} read as {fact.value}")
    return wrong


UNREAD = frozenset({"Encounter", "Claim", "Immunization"})


def invented() -> list[tuple[str, bytes, Any]]:
    """The readable invented referrals, lean: name, bytes, and data where they are JSON."""
    cases: list[tuple[str, bytes, Any]] = []
    for case in referrals(AS_OF):
        if case.verdict != NOT_READ:
            data = json.loads(case.content) if case.name.endswith("json") else None
            if data and "entry" in data:
                kept = [each for each in data["entry"] if each["resource"]["resourceType"] not in UNREAD]
                # The years of older readings are like the newest; most damage should hit what counts.
                data["entry"] = kept[:1] + kept[-14:]
            cases.append((case.name, as_file(data) if data else case.content, data))
    return cases


def one(chance: Random, cases: list[tuple[str, bytes, Any]]) -> tuple[str, bytes]:
    """A damaged referral."""
    name, content, data = chance.choice(cases)
    if data is not None and chance.random() < 0.7:
        content = as_file(damaged(data, chance, most=chance.choice([1, 3, 12])))
        return (name, content) if chance.random() < 0.8 else (name, spoiled(content, chance))
    return name, spoiled(content, chance)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    protocol, cases, counts = load_protocol("iv-racemic"), invented(), Counter[str]()
    slowest, begun = 0.0, time.perf_counter()
    shipped_index()  # read once a process
    with tempfile.TemporaryDirectory(prefix="openkap-fuzz-") as folder:
        for number in range(chosen.inputs):
            name, content = one(Random(f"{chosen.seed} {number}"), cases)
            path = Path(folder) / name
            path.write_bytes(content)
            start = time.process_time()
            trouble = ""
            try:
                referral = read_referral(path, as_of=AS_OF)
                counts[assess(referral.facts, protocol).verdict.value] += 1
                trouble = "; ".join(changed_numbers(content, referral))
            except DomainError as refused:
                counts["refused"] += 1
                trouble = "" if str(path) in str(refused) else f"names no file: {refused}"
            except Exception:
                trouble = traceback.format_exc()
            took = time.process_time() - start
            slowest = max(slowest, took)
            if took > SLOWEST_S:
                trouble += f"took {took:.1f} s"
            if trouble:
                kept = Path(tempfile.gettempdir()) / f"openkap-fuzz-{chosen.seed}-{number}-{name}"
                kept.write_bytes(content)
                print(f"input {number}: {trouble}\nkept as {kept}", file=sys.stderr)
                return 1
    told = {
        "inputs": chosen.inputs,
        "seed": chosen.seed,
        "seconds": round(time.perf_counter() - begun),
        "slowest_ms": round(1000 * slowest),
        **dict(sorted(counts.items())),
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
