"""Processor time to read a record of 5 MB, indented as Synthea writes it: the median of nine.

python validation/fuzz/time_intake.py
"""

from __future__ import annotations

import copy
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from openkap.interop.referral import read_referral
from openkap.interop.synthetic import referrals

AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)


def main() -> None:
    case = next(each for each in referrals(AS_OF) if each.name == "incomplete-record-only.json")
    record = json.loads(case.content)
    template = record["entry"][1:]
    size = len(json.dumps(record, indent=2)) / len(record["entry"])
    while len(record["entry"]) * size < 5_000_000:
        for each in copy.deepcopy(template):
            number = len(record["entry"])
            each["fullUrl"] = f"{each['fullUrl']}-{number}"
            each["resource"]["id"] = f"{each['resource']['id'][:20]}-{number}"
            record["entry"].append(each)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long-life.json"
        path.write_text(json.dumps(record, indent=2), encoding="utf-8")
        times = []
        for _ in range(9):
            begun = time.process_time()
            read_referral(path, as_of=AS_OF)
            times.append(time.process_time() - begun)
        told = {
            "megabytes": round(path.stat().st_size / 1e6, 1),
            "entries": len(record["entry"]),
            "median_s": round(sorted(times)[4], 2),
            "slowest_s": round(max(times), 2),
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
