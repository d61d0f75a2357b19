"""A patient whose whole story the registry wants, a clinic's extract, and releases that are ready to show."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest


@pytest.fixture(autouse=True)
def registry(settings, tmp_path):
    """Releases of this test only."""
    settings.REGISTRY = tmp_path / "registry"
    return settings.REGISTRY


@pytest.fixture
def agree(cast):
    """The patient decides about the registry."""
    from openkap.care.insights.actions import decide_registry_use

    def decide(patient: Any, choice: str = "given", by: str = "cora") -> Any:
        return decide_registry_use(by=cast.actor(by), uid=patient.uid, choice=choice, said="in my own words")

    return decide


@pytest.fixture
def extracted(cast):
    """Takes the next extract of our clinic and returns its tables as rows."""
    from openkap.care.accounts.actor import job_actor
    from openkap.care.insights.extract import ask_for_extract, take_extract

    def take(*, whole: bool = False) -> dict[str, list[dict[str, Any]]]:
        clinic = cast.troupe.clinic
        by = job_actor("registry extract", clinic)
        return tables(take_extract(by=by, run=ask_for_extract(by=by, clinic=clinic), whole=whole))

    return take


def tables(dataset: Any) -> dict[str, list[dict[str, Any]]]:
    """Every row of a release, table by table, in an order that does not depend on its parts."""
    found = {}
    for table in dataset.parts:
        rows = [row for file in dataset.files(table) for row in pq.read_table(file).to_pylist()]
        found[table] = sorted(rows, key=lambda row: [str(value) for value in row.values()])
    return found


@pytest.fixture
def answer(watch):
    """The patient fills in a whole PCL-5 with that total, now."""
    from openkap.care.accounts.actor import patient_actor
    from openkap.care.outcomes.actions import as_taps, finish, invite, save_answers
    from openkap.care.outcomes.follow_up import follow_up
    from openkap.care.outcomes.models import Form

    def fill_in(patient: Any, total: int) -> Any:
        by = patient_actor(patient.uid, patient.clinic)
        invitation = invite(
            patient, follow_up().occasion("on_request"), watch(), instruments=["pcl-5"], about_uid=""
        )
        form = Form.objects.get(invitation=invitation)
        each, rest = divmod(total, 20)
        answers = {str(item): each + (1 if item <= rest else 0) for item in range(1, 21)}
        save_answers(by=by, invitation=invitation, taps=as_taps(form, answers, watch(), f"t-{form.uid}"))
        watch.forward(minutes=1)
        finish(by=by, invitation=invitation)
        return form

    return fill_in


@pytest.fixture
def treated(cast, patient, watch, answer, agree):
    """Agreed, a baseline, one session with its dose and readings, a score a week later; it is the day after."""
    from treated import first_session, gone, planned

    agree(patient)
    course = planned(cast, patient)
    answer(patient, 50)
    session = gone(cast, first_session(course), watch)
    watch.forward(days=7)
    answer(patient, 30)
    watch.forward(days=1)
    return session


NOW = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory) -> Path:
    """A synthetic release with its book, made once: pages do not care who wrote it."""
    from openkap.care.insights.book import make_book
    from openkap.registry.synth import World, synthesise

    root = tmp_path_factory.mktemp("shelf")
    synthesise(root, World(patients=150, sessions=900, sites=1, seed=7), now=NOW)
    make_book(root)
    return root


@pytest.fixture
def published(cast, registry, shelf):
    """Our clinic's registry holds that release."""
    root = registry / cast.troupe.clinic.uid
    shutil.copytree(shelf, root)
    return root


@pytest.fixture
def a_week():
    return timedelta(days=7)
