"""The clinic runs protocols as its site has signed them: open limits set, and a file that is refused is told."""

from pathlib import Path

import pytest
from django.test import override_settings
from signed_site import SIGNED

from openkap.care.enrolment.protocols import protocol_of, site_problem
from openkap.protocol.read import load_protocol


@pytest.fixture
def site_file(tmp_path: Path):
    path = tmp_path / "site.yaml"

    def write(text: str):
        path.write_text(text, encoding="utf-8")
        return override_settings(SITE_FILE=path)

    return write


def test_a_limit_that_the_site_has_signed_is_active_in_the_clinic(site_file):
    version = load_protocol("iv-racemic").version
    assert not protocol_of("iv-racemic", version).rule("VIT-10").is_active
    with site_file(SIGNED):
        protocol = protocol_of("iv-racemic", version)
    assert protocol.rule("VIT-10").is_active
    assert "92 %" in protocol.rule("VIT-10").changed_by
    assert protocol.site == "Harbour Clinic"
    assert protocol.fingerprint != load_protocol("iv-racemic").fingerprint


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (SIGNED.replace("92 %", "92 kg"), "two dimensions"),
        (
            SIGNED.replace(
                "signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]", "signed_by: []"
            ),
            "signs it",
        ),
        (SIGNED.replace("VIT-10", "VIT-99"), "no such rule"),
    ],
)
def test_a_site_file_that_cannot_be_used_is_told_before_the_clinic_opens(site_file, wrong, said):
    with site_file(wrong):
        assert said in site_problem()
    with site_file(SIGNED):
        assert site_problem() == ""
