"""The documents are true: rooms named, commands documented, examples run."""

import re
from pathlib import Path

import pytest
import yaml

from openkap.__main__ import VERBS
from openkap.instruments.load import instruments
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import parse_facts
from openkap.protocol.rules import EXAMPLE_DAY

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.name: path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
}
ROOMS = sorted(path.name for path in (ROOT / "src" / "openkap").iterdir() if (path / "__init__.py").exists())


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], flags=re.DOTALL)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_in_the_architecture(room: str) -> None:
    assert re.search(rf"\b{room}\b", PAGES["ARCHITECTURE.md"])


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_documented(verb: str) -> None:
    assert any(f"openkap {verb}" in text for text in PAGES.values())


def test_no_page_names_a_command_that_does_not_exist() -> None:
    named = {
        (page, verb)
        for page, text in PAGES.items()
        for verb in re.findall(r"(?:^|`|bin/|\$ )openkap ([a-z][a-z-]+)", text, flags=re.MULTILINE)
    }
    assert {pair for pair in named if pair[1] not in VERBS} == set()


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        (path, target)
        for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_python_example_of_the_protocol_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks("protocol.md", "python"):
        exec(compile(block, "protocol.md", "exec"), {})  # our own page
    assert capsys.readouterr().out.strip() == "incomplete"


def test_the_facts_example_of_the_protocol_page_is_a_facts_file() -> None:
    example = next(block for block in blocks("protocol.md", "yaml") if block.startswith("patient:"))
    facts = parse_facts(
        yaml.load(example, Loader=yaml.BaseLoader), dictionary(), as_of=EXAMPLE_DAY.replace(year=2027)
    )
    assert facts.value("age") is not None
    assert facts.value("body_weight") is not None


def test_the_pages_count_the_instruments_there_are() -> None:
    depths = [each.depth for each in instruments()]
    assert f"| {len(depths)} rating scales:" in PAGES["README.md"]
    page = " ".join(PAGES["instruments.md"].split())
    assert f"{len(depths)} instruments stand in" in page
    assert f"{depths.count('items')} are known item by item" in page
    assert (depths.count("total"), depths.count("outline")) == (2, 3)  # the page says "two" and "three"


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "check"):
        assert f"make {target}" in PAGES["README.md"]
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_each_dependency_says_what_it_is_for() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("dependencies = [")
    for line in lines[start + 1 : lines.index("]", start)]:
        assert "#" in line, line
