from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from openkap.evidence.base import Base, read_base
from openkap.evidence.report.assemble import Report, build
from openkap.evidence.scales import Scales, read_scales

FILES = Path(__file__).parent / "files"


@pytest.fixture(scope="session")
def base() -> Base:
    return read_base()


@pytest.fixture(scope="session")
def scales() -> Scales:
    return read_scales()


@pytest.fixture(scope="session")
def report() -> Report:
    return build(as_of=date(2026, 11, 23))


@pytest.fixture(scope="session")
def files() -> Path:
    return FILES
