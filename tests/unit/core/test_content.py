"""Content is read as text; anything that could change a number quietly is refused with its line."""

from decimal import Decimal
from pathlib import Path

import pytest

from openkap.core.content import LARGEST_FILE_BYTES, Schema, parse_document, read_document
from openkap.core.errors import ContentError, DomainError, InputError

FILE = Path("some.yaml")


class Dose(Schema):
    name: str
    amount: str


def test_yaml_is_text_and_keeps_its_zeros() -> None:
    data = parse_document(b"a: no\nb: 1.10\nc: 2026-11-23\nd: 'null'\ne: null\n", FILE).data
    assert data == {"a": "no", "b": "1.10", "c": "2026-11-23", "d": "null", "e": None}


@pytest.mark.parametrize(
    ("raw", "line", "what"),
    [
        (b"a: 1\na: 2\n", 2, "stands twice"),
        (b"a: &x 1\nb: *x\n", 2, "aliases"),
        (b"a: !!python/object:os.system x\n", 1, "tag"),
        (b"a: 1\n---\nb: 2\n", 2, "second document"),
        (b"a: [1, 2\nb: 3\n", 2, "not readable"),
        (b"? [a, b]\n: c\n", 1, "plain text"),
        (b"ok: 1\nbad: \x07\n", 2, "does not allow"),
    ],
)
def test_a_hostile_or_careless_file_is_refused_at_its_line(raw: bytes, line: int, what: str) -> None:
    with pytest.raises(ContentError, match=what) as refused:
        parse_document(raw, FILE)
    assert refused.value.where == f"some.yaml:{line}"


def test_deep_nesting_is_refused_without_recursion() -> None:
    with pytest.raises(DomainError):
        parse_document(b"[" * 5000, FILE)


def test_a_billion_laughs_cannot_start() -> None:
    lines = [b"a0: &a0 [x]"] + [b"a%d: &a%d [*a%d, *a%d]" % (n, n, n - 1, n - 1) for n in range(1, 40)]
    with pytest.raises(ContentError, match="aliases"):
        parse_document(b"\n".join(lines), FILE)


def test_text_that_is_not_utf8_names_byte_and_line() -> None:
    with pytest.raises(InputError, match="not UTF-8") as refused:
        parse_document(b"a: 1\nb: \xff\n", FILE)
    assert refused.value.where == "some.yaml:2"


def test_a_schema_error_names_field_line_value_and_remedy() -> None:
    document = parse_document(b"name: x\namuont: 5 mg\n", FILE)
    with pytest.raises(ContentError) as refused:
        document.parse(Dose)
    assert refused.value.remedy
    assert "amount" in refused.value.what or "amuont" in refused.value.what


class Counts(Schema):
    minutes: tuple[int, ...] = ()
    limit: Decimal | None = None
    low: float = 0.0
    name: str = ""


@pytest.mark.parametrize(
    "raw", [b"minutes: [0, 0-5]", b"limit: 1_0", b"low: 0-5", b"minutes: [1.5]", b"low: inf", b"limit: NaN"]
)
def test_a_number_is_written_in_plain_digits(raw: bytes) -> None:
    """The schema library alone reads 0-5 as minus five and 1_0 as ten."""
    with pytest.raises(ContentError, match="plain digits"):
        parse_document(raw, FILE).parse(Counts)


def test_plain_numbers_and_words_pass() -> None:
    parsed = parse_document(b"minutes: [0, 10]\nlimit: 1.10\nlow: -2e-3\nname: 0-5\n", FILE).parse(Counts)
    assert (parsed.minutes, str(parsed.limit), parsed.low, parsed.name) == ((0, 10), "1.10", -0.002, "0-5")


def test_a_file_too_large_or_absent_is_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
    with pytest.raises(InputError, match="too large"):
        read_document(big)
    with pytest.raises(InputError, match="cannot read"):
        read_document(tmp_path / "absent.yaml")


def test_the_fingerprint_is_of_the_bytes() -> None:
    one, same, other = (parse_document(raw, FILE).fingerprint for raw in (b"a: 1\n", b"a: 1\n", b"a: 1 \n"))
    assert one == same != other
