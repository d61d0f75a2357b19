"""The first page of who keeps people and of who reads the audit: what ends next, what was last noted."""

from __future__ import annotations

from datetime import date

import pytest

from openkap.care.accounts.credentials import record_credential
from openkap.care.accounts.models import Credential
from openkap.care.audit.jobs import ANCHORS_FILE, note_anchors


def sections(cast, key):
    return {each.title: each for each in cast.client(key).get("/home/").context["facts"]}


def licence(cast, key, ends):
    return record_credential(
        by=cast.actor("sia"),
        colleague_uid=cast.troupe.people[key].uid,
        kind="licence",
        issued_on=date(2026, 1, 1),
        expires_on=ends,
        evidence="seen",
    )


def ending(cast):
    return [(each.label, each.value) for each in sections(cast, "sia")["Credentials that end next"].lines]


def test_the_administrators_page_says_which_credentials_end_next(cast):
    licence(cast, "cora", date(2026, 11, 25))
    licence(cast, "dov", date(2026, 11, 24))
    assert [(name, words[-16:]) for name, words in ending(cast)[:2]] == [
        (cast.troupe.people["dov"].name, "ends 24 Nov 2026"),
        (cast.troupe.people["cora"].name, "ends 25 Nov 2026"),
    ]


def test_a_renewed_credential_counts_with_its_last_day(cast):
    licence(cast, "dov", date(2026, 11, 24))
    licence(cast, "dov", date(2029, 11, 24))
    assert not any("24 Nov 2026" in words for _, words in ending(cast))
    assert Credential.objects.filter(expires_on=date(2026, 11, 24)).exists()


def test_a_nurses_licence_is_not_called_a_prescribers(cast):
    said = {value.partition(",")[0] for name, value in ending(cast) if name == cast.troupe.people["ben"].name}
    assert said
    assert "Licence to practise and prescribe" not in said


@pytest.fixture
def var(settings, tmp_path):
    settings.VAR = tmp_path
    return tmp_path


def test_the_auditors_page_says_when_the_chain_was_last_noted_outside_the_database(cast, var, watch):
    def noted():
        return sections(cast, "ari")["The chain of the audit"].lines[0]

    assert (noted().value, noted().tone) == ("not yet", "unknown")
    note_anchors("test")
    watch.forward(minutes=5)
    half = (var / ANCHORS_FILE).read_text() + '{"at": "2026'
    (var / ANCHORS_FILE).write_text(half)
    assert noted().value.startswith("23 Nov 2026 09:00, at event ")
