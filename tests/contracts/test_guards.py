"""Each guard is awake: a planted violation must be caught, in a copy of the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the guards read."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    return subprocess.run(  # the project's own tools on its own copy
        [str(BIN / command[0]), *command[1:]],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "text", "complaint"),
    [
        (("ruff", "check"), '"""Planted."""\n\nimport os\n', "F401"),
        (("ruff", "check"), '"""Planted."""\n\nimport datetime\n\nNOW = datetime.datetime.now()\n', "DTZ005"),
        (("ruff", "check"), '"""Planted."""\n\n\ndef public():\n    return 1\n', "D103"),
        (("ruff", "format", "--check"), '"""Planted."""\nx = {  "a":1 }\n', "reformatted"),
        (("mypy", "--no-incremental"), '"""Planted."""\n\nx: int = "one"\n', "Incompatible types"),
    ],
)  # fmt: skip
def test_a_planted_fault_in_the_code_is_caught(
    project: Path, command: tuple[str, ...], text: str, complaint: str
) -> None:
    planted = project / "src" / "openkap" / "core" / "planted.py"
    planted.write_text(text, encoding="utf-8")
    try:
        result = run(project, *command, str(planted))
    finally:
        planted.unlink()
    assert result.returncode != 0
    assert complaint in result.stdout


@pytest.mark.parametrize(
    ("place", "line", "contract"),
    [
        ("core/planted.py", "import openkap.protocol.rules", "rooms, top to bottom"),
        ("evidence/planted.py", "import openkap.pharmacology", "rooms, top to bottom"),
        ("protocol/planted.py", "import django", "the pure rooms know no framework"),
        ("instruments/planted.py", "import numpy", "numbers stay out"),
        ("pharmacology/planted.py", "import duckdb", "engines stay in the registry"),
        ("care/patients/planted.py", "import openkap.care.treatment.models", "rooms of the clinic"),
        ("care/outcomes/planted.py", "import openkap.care.treatment.models", "rooms of the clinic"),
        ("care/treatment/planning/planted.py", "import openkap.care.treatment.dose", "rooms of treatment"),
        ("care/planted/views.py", "import openkap.care.patients.models", "views get rows"),
        ("care/treatment/views/planted.py", "import openkap.care.treatment.models", "views get rows"),
        ("care/treatment/planning/views.py", "import openkap.care.treatment.models", "views get rows"),
    ],
)
def test_a_planted_import_across_rooms_is_caught(project: Path, place: str, line: str, contract: str) -> None:
    planted = project / "src" / "openkap" / place
    is_new_folder = not planted.parent.exists()
    planted.parent.mkdir(exist_ok=True)
    if is_new_folder:
        (planted.parent / "__init__.py").write_text("", encoding="utf-8")
    planted.write_text(f'"""Planted."""\n\n{line}\n', encoding="utf-8")
    try:
        result = run(project, "lint-imports", "--no-cache")
    finally:
        planted.unlink()
        if is_new_folder:
            shutil.rmtree(planted.parent)
    broken = [each for each in result.stdout.splitlines() if each.endswith("BROKEN")]
    assert result.returncode != 0
    assert any(contract in each for each in broken), result.stdout


def test_a_new_room_without_a_place_in_the_list_is_caught(project: Path) -> None:
    planted = project / "src" / "openkap" / "attic"
    planted.mkdir()
    (planted / "__init__.py").write_text('"""Planted."""\n', encoding="utf-8")
    try:
        result = run(project, "lint-imports", "--no-cache")
    finally:
        shutil.rmtree(planted)
    assert result.returncode != 0


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("rules/eligibility-1.0.0.yaml", "sources: [SPR_MONO2, JNJ_BP]", "sources: [NOWHERE]", "no such source"),
        ("rules/eligibility-1.0.0.yaml", "sbp_resting > 140 mm[Hg]", "sbp_resting > 141 mm[Hg]", "contradicts"),
        ("rules/eligibility-1.0.0.yaml", "sbp_resting > 140 mm[Hg]", "sbp_resting > 140", "no unit"),
        ("rules/eligibility-1.0.0.yaml", "      - {given: {sbp_resting: \"140 mm[Hg]\"}, then: clear}\n", "", "missing"),
        ("protocols/iv-racemic-1.0.0.yaml", "dose: 0.75 mg/kg", "dose: 0.76 mg/kg", "immutable"),
        ("elements/screening.yaml", "effort: asked\n    lasts: 365 d\n  - id: sex", "effort: free\n  - id: sex", "effort"),
    ],
)  # fmt: skip
def test_a_planted_fault_in_the_content_is_caught(
    tmp_path: Path, file: str, old: str, new: str, complaint: str
) -> None:
    content = Path(shutil.copytree(ROOT / "src" / "openkap" / "content", tmp_path / "content"))
    path = content / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    result = run(ROOT, "openkap", "check", "--content", str(content))
    assert result.returncode == 1
    assert complaint in result.stderr
    assert str(path if complaint != "immutable" else content / "published.yaml") in result.stderr
