"""No clinical number hides in the code of the rooms that decide: what is left is listed, each with why."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "openkap"
MODULES = sorted(path for room in ("protocol", "pharmacology") for path in (SOURCE / room).glob("*.py"))
PERIODS = {"timedelta", "Quantity", "Decimal", "Person", "Fraction"}

# "room/module.py name": why this number is none that a clinician would review.
ALLOWED = {
    "protocol/facts.py CLOCK_TOLERANCE_S": "clocks differ; no clinical meaning",
    "protocol/rules.py EXAMPLE_DAY": "the day examples are played on",
    "pharmacology/assembly.py NG_ML_PER_MG_L": "a unit conversion",
    "pharmacology/disposition.py PEOPLE_AT_ONCE": "size of a batch",
    "pharmacology/disposition.py _SHORT_RUN": "choice of algorithm",
    "pharmacology/disposition.py _KEPT": "size of a cache",
    "pharmacology/effect.py _SHARE_OF_S": "stereochemistry: a racemate is half S",
    "pharmacology/exponential.py _SHORT_CHAIN": "choice of algorithm",
    "pharmacology/exposure.py _MOST_POINTS": "resolution of a grid",
    "pharmacology/expression.py _LONGEST": "longest formula that is read",
    "pharmacology/figure.py (WIDTH, HEIGHT)": "layout of a figure",
    "pharmacology/figure.py (_LEFT, _RIGHT, _TOP)": "layout of a figure",
    "pharmacology/figure.py _LINE": "layout of a figure",
    "pharmacology/nonlinear.py (_RELATIVE, _ABSOLUTE_MG)": "tolerances of a solver",
    "pharmacology/population.py _POSSIBLE": "input outside these is no person",
    "pharmacology/published.py _DAY_MIN": "minutes of a day",
    "pharmacology/report.py _EDGES": "positions in a list",
    "pharmacology/schema.py Name": "longest name that is read",
    "pharmacology/simulate.py QUANTILES": "the quantiles that are shown",
    "pharmacology/simulate.py _CHUNK": "size of a batch",
    "pharmacology/variability.py _NORMAL_95": "the normal distribution",
}


def numbers_of(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(name, line) of every number constant of the module, and of every period made of a literal."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if any(map(is_number, ast.walk(statement.value))):
                yield ast.unparse(target), statement.lineno
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[0] in PERIODS:
                given = [*node.args, *(each.value for each in node.keywords)]
                if any(isinstance(each, ast.Constant) and is_number(each) for each in given):
                    yield getattr(statement, "name", ast.unparse(statement)[:40].split(" =")[0]), node.lineno


def is_number(node: ast.AST) -> bool:
    """A number but nought and one, which say nothing, neither, a unit, or a day further east."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
        and node.value not in (0, 1)
    )


def found_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {f"{path.parent.name}/{path.name} {name}" for name, _ in numbers_of(tree)}


def test_every_number_in_the_code_of_a_deciding_room_is_on_the_list() -> None:
    assert {name for path in MODULES for name in found_in(path)} - ALLOWED.keys() == set()


def test_the_list_names_nothing_that_is_gone() -> None:
    found = {name for path in MODULES for name in found_in(path)}
    assert ALLOWED.keys() - found == set()


@pytest.mark.parametrize(
    "line",
    [
        "LASTS = timedelta(weeks=42)",
        "WINDOW = 1.25",
        "LIMITS: dict[str, float] = {'sbp': 150.0}",
        "def look():\n    return timedelta(days=365)",
        "def typical():\n    return Person(weight_kg=70.0)",
    ],
)
def test_a_planted_number_is_found(line: str) -> None:
    assert list(numbers_of(ast.parse(line)))
