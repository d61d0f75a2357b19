"""Sites sign what is unset, published protocols are frozen, drafts are copies, documents can be signed."""

import shutil
from pathlib import Path

import pytest

from openkap.core.content import SHIPPED
from openkap.core.errors import ContentError, InputError
from openkap.protocol.document import as_markdown, difference
from openkap.protocol.elements import dictionary
from openkap.protocol.publish import make_draft, publish
from openkap.protocol.published import check_published
from openkap.protocol.read import load_protocol, read_protocols, tally
from openkap.protocol.rules import Action
from openkap.protocol.site import apply_site

SITE = """
site: Riverside Clinic
limits:
  - rule: PRE-16
    limit: 92 %
    reason: the figure of our sedation policy
    signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]
reclassified:
  - rule: EXC-09
    to: clinician_review
    reason: label allows case by case
    signed_by:
      - {name: A. Moreau, role: medical lead, on: 2026-11-20}
      - {name: B. Okafor, role: second prescriber, on: 2026-11-20}
"""


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A copy of the shipped content that a test may change."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "content"))


def site_file(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_signed_limit_wakes_its_rule_under_a_new_fingerprint(tmp_path: Path) -> None:
    protocol = load_protocol("iv-racemic")
    here = apply_site(protocol, site_file(tmp_path, SITE))
    assert not protocol.rule("PRE-16").is_active
    assert here.rule("PRE-16").is_active
    assert "A. Moreau" in here.rule("PRE-16").changed_by
    assert here.rule("EXC-09").action is Action.CLINICIAN_REVIEW
    assert here.fingerprint != protocol.fingerprint
    assert here.site == "Riverside Clinic"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rule: PRE-16", "rule: PRE-12", "only what the protocol leaves unset"),
        ("limit: 92 %", "limit: 92 kg", "two dimensions"),
        ("rule: EXC-09", "rule: EXC-01", "cannot be reclassified"),
        ("name: B. Okafor", "name: A. Moreau", "cannot be reclassified"),
        ("rule: PRE-16", "rule: PRE-99", "no such rule"),
        ("limit: 92 %", "limit: 920 %", "no patient can have this value"),
        ("name: B. Okafor", 'name: ""', "at least 1 character"),
        ("on: 2026-11-20", "on: soon", "not a date"),
    ],
)
def test_what_a_site_may_not_do_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ContentError, match=message):
        apply_site(load_protocol("iv-racemic"), site_file(tmp_path, SITE.replace(old, new)))


def test_published_content_is_what_was_published() -> None:
    assert check_published(read_protocols()) == []


def test_a_changed_published_rule_is_caught(content: Path) -> None:
    path = content / "rules" / "eligibility-1.0.0.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("title: Adult\n", "title: Grown-up\n"), encoding="utf-8")
    errors = [str(error) for each in tally(content) for error in each.errors]
    assert any("published content is immutable" in error for error in errors)


def test_a_draft_is_a_copy_that_a_bare_name_does_not_mean(content: Path) -> None:
    written = make_draft(load_protocol("iv-racemic", content), ["eligibility"], content)
    assert [path.name for path in written] == ["eligibility-1.1.0.yaml", "iv-racemic-1.2.0.yaml"]
    load_protocol.cache_clear()
    assert load_protocol("iv-racemic", content).version == "1.1.0"
    draft = load_protocol("iv-racemic@1.2.0", content)
    assert draft.status == "draft"
    assert draft.parts["eligibility"] == "1.1.0"
    with pytest.raises(InputError, match="exists already"):
        make_draft(load_protocol("iv-racemic@1.1.0", content), [], content)


def test_a_draft_can_be_changed_compared_and_published_once(content: Path) -> None:
    make_draft(load_protocol("iv-racemic", content), ["eligibility"], content)
    path = content / "rules" / "eligibility-1.1.0.yaml"
    text = path.read_text(encoding="utf-8")
    changed = text.replace("caps5_total_past_month >= 30 {score}", "caps5_total_past_month >= 25 {score}")
    for before, after in (("29", "24"), ("30", "25"), ("31", "26")):
        changed = changed.replace(
            f"{{caps5_total_past_month: {before}}}", f"{{caps5_total_past_month: {after}}}"
        )
    path.write_text(changed, encoding="utf-8")
    old, new = load_protocol("iv-racemic@1.1.0", content), load_protocol("iv-racemic@1.2.0", content)
    lines = difference(old, new, dictionary(content))
    assert len(lines) == 3
    assert "at least 30" in lines[0]
    assert "at least 25" in lines[1]
    assert "its grounds are not (grade weak" in lines[2]
    publish("iv-racemic@1.2.0", by="a medical lead", on="2026-11-23", root=content)
    assert load_protocol("iv-racemic", content).version == "1.2.0"
    assert check_published(read_protocols(content), content) == []
    with pytest.raises(InputError, match="published already"):
        publish("iv-racemic@1.2.0", by="a medical lead", on="2026-11-23", root=content)


def test_a_changed_limit_with_its_own_grounds_is_not_asked_about(content: Path) -> None:
    make_draft(load_protocol("iv-racemic", content), ["eligibility"], content)
    path = next((content / "rules").glob("eligibility-1.1.0.yaml"))
    rule = path.read_text(encoding="utf-8").split("- id: CAU-BP1\n")[1].split("\n  - id: ")[0]
    changed = rule.replace("> 140 mm[Hg]", "> 150 mm[Hg]").replace("grade: label", "grade: weak")
    for before, after in (("139 mm", "149 mm"), ("140 mm", "150 mm"), ("141 mm", "151 mm")):
        changed = changed.replace(f'"{before}', f'"{after}')
    assert changed != rule
    path.write_text(path.read_text(encoding="utf-8").replace(rule, changed), encoding="utf-8")
    old, new = load_protocol("iv-racemic@1.1.0", content), load_protocol("iv-racemic@1.2.0", content)
    lines = difference(old, new, dictionary(content))
    assert any("above 150 mmHg" in line for line in lines)
    assert not any("its grounds are not" in line for line in lines)


def test_a_rule_set_of_one_protocol_alone_can_be_drafted(content: Path) -> None:
    made = make_draft(load_protocol("intranasal-esketamine", content), ["before-nasal-dose"], content)
    assert [path.name for path in made] == [
        "before-nasal-dose-1.1.0.yaml",
        "intranasal-esketamine-1.2.0.yaml",
    ]
    draft = load_protocol("intranasal-esketamine@1.2.0", content)
    assert draft.more_rules == {"before-nasal-dose": "1.1.0"}
    assert draft.rule("NAS-01").action is Action.DELAY


def test_a_rule_id_stands_once_in_a_protocol(content: Path) -> None:
    path = content / "rules" / "before-nasal-dose-1.0.0.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("id: NAS-01", "id: PRE-05"), encoding="utf-8")
    with pytest.raises(ContentError, match=r"have a rule of one id \(given: PRE-05\)"):
        load_protocol("intranasal-esketamine", content)


def test_an_unknown_protocol_or_part_lists_what_there_is(content: Path) -> None:
    with pytest.raises(InputError, match="no such protocol") as refused:
        load_protocol("oral")
    assert "iv-racemic@1.0.0" in (refused.value.limit or "")
    with pytest.raises(InputError, match="no such part"):
        make_draft(load_protocol("iv-racemic"), ["weather"], content)


def test_the_document_holds_every_rule_source_and_a_place_to_sign() -> None:
    for protocol in read_protocols():
        text = as_markdown(protocol)
        assert all(f"### {rule.id} " in text for rule in protocol.rules)
        assert all(f"**{name}**" in text for rule in protocol.rules for name in rule.sources)
        assert "| Medical lead | | | |" in text
        assert "VADOD_SEC" in text


def test_a_protocol_does_not_differ_from_itself() -> None:
    protocol = load_protocol("iv-racemic")
    assert difference(protocol, protocol) == []
