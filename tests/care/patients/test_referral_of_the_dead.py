"""A file that says its patient has died: the page alarms in the words with which the command line refuses."""

from __future__ import annotations

import copy
import json
import re
from io import BytesIO

import pytest
from addresses import BUNDLE
from click.testing import CliRunner

SENTENCE = "he record says that this patient has died; check that it is the right record, or have the entry corrected"
BUTTON = "Open the record although the file says that the patient has died"


def shown(cast, **patient):
    bundle = copy.deepcopy(BUNDLE)
    bundle["entry"][0]["resource"] |= patient
    file = BytesIO(json.dumps(bundle).encode())
    file.name = "record.json"
    answer = cast.client("cora").post("/referrals/upload/", {"bundle": file}, follow=True)
    return bundle, answer.content.decode()


@pytest.mark.parametrize("said", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-05"}])
def test_the_alarm_stands_above_the_form_and_the_button_names_it(cast, said):
    _, page = shown(cast, **said)
    assert page.index(f'role="alert"><p><strong>T{SENTENCE}') < page.index('<form method="post" data-guard')
    assert re.findall(r'<button type="submit">(Open [^<]*)<', page) == [BUTTON]


@pytest.mark.parametrize("said", [{}, {"deceasedBoolean": False}])
def test_the_living_are_registered_without_an_alarm(cast, said):
    _, page = shown(cast, **said)
    assert "has died" not in page
    assert re.findall(r'<button type="submit">(Open [^<]*)<', page) == ["Open the record"]


def test_the_command_line_says_the_same(cast, tmp_path):
    from openkap.__main__ import cli

    bundle, _ = shown(cast, deceasedBoolean=True)
    file = tmp_path / "record.json"
    file.write_text(json.dumps(bundle))
    told = CliRunner().invoke(cli, ["assess", str(file)])
    assert f"t{SENTENCE}" in " ".join(f"{told.output} {told.exception}".split())
