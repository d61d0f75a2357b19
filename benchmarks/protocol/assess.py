"""How long an assessment takes: in process, ten thousand files from the command line, and the help page.

Targets: under 2 ms; under 20 s and 300 MB; under 0.3 s. There is no peer to time: no other engine reads these
rules, so the floor is printed instead (reading and parsing the files alone).
"""

import json
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from openkap.protocol.assess import assess
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import parse_facts
from openkap.protocol.read import load_protocol

FILES = 10_000
OPENKAP = str(Path(sys.executable).with_name("openkap"))
AS_OF = datetime(2026, 11, 23, tzinfo=UTC)


def referral(random_: random.Random) -> dict[str, object]:
    """A facts file with most facts known."""
    facts: dict[str, object] = {}
    for element in dictionary().elements.values():
        if random_.random() < 0.15:
            continue
        match element.kind:
            case "yes_no":
                facts[element.id] = "yes" if random_.random() < 0.1 else "no"
            case "choice":
                facts[element.id] = random_.choice(element.choices)
            case "findings" | "event":
                facts[element.id] = "none" if element.kind == "findings" else "never"
            case _:
                assert element.impossible is not None
                bounds = element.implausible or element.impossible
                number = random_.uniform(float(bounds.below), min(float(bounds.above), 1000))
                facts[element.id] = {"value": f"{number:.0f} {element.unit}", "at": "2026-11-20"}
    return {"facts": facts}


def in_process() -> None:
    protocol = load_protocol("iv-racemic")
    random_ = random.Random(7)
    people = [parse_facts(referral(random_), dictionary(), as_of=AS_OF) for _ in range(300)]
    times = []
    for facts in people:
        fresh = parse_facts({"facts": {}}, dictionary(), as_of=AS_OF)
        fresh = type(fresh)(facts.as_of, facts.known)
        start = time.perf_counter()
        assess(fresh, protocol)
        times.append(time.perf_counter() - start)
    print(f"one assessment          median {statistics.median(times) * 1e3:6.2f} ms   target 2 ms")


def from_the_command_line() -> None:
    random_ = random.Random(11)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(FILES):
            (folder / f"r{index:05}.json").write_text(json.dumps(referral(random_)), encoding="utf-8")
        start = time.perf_counter()
        for path in folder.iterdir():
            json.loads(path.read_bytes())
        floor = time.perf_counter() - start
        start = time.perf_counter()
        with open("/dev/null", "wb") as nowhere:
            subprocess.run([OPENKAP, "assess", name, "--as-of", "2026-11-23"], stdout=nowhere, check=True)
        took = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{FILES} files            {took:6.1f} s    target 20 s   (reading them alone {floor:.1f} s)")
    print(f"    peak memory         {peak_mb:6.0f} MB   target 300 MB")


def help_page() -> None:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([OPENKAP, "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    print(f"openkap --help          median {statistics.median(times):6.2f} s    target 0.3 s")


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {platform.machine()}")
    in_process()
    help_page()
    from_the_command_line()
