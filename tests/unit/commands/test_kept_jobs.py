"""The jobs beside the pages: when they die they are started again, later each time, and in the end loudly."""

from __future__ import annotations

import logging
import signal
import sys

import pytest

from openkap.commands.jobs_process import JobsProcess
from openkap.commands.kept_jobs import HANG_S, MOST_DEATHS, WAITS, WITHIN_S, JobsKeepDying, KeptJobs


class Process:
    """A process that a test ends."""

    def __init__(self):
        self.code = None
        self.was_terminated = False
        self.signs = 0

    def poll(self):
        return self.code

    def gave_sign(self):
        given, self.signs = self.signs > 0, 0
        return given

    def kill(self):
        self.code = -9

    def terminate(self):
        self.was_terminated = True

    def wait(self, timeout):
        return 0


class House:
    """A clock, and every process that was started."""

    def __init__(self):
        self.time = 1000.0
        self.started = []
        self.jobs = KeptJobs(self.start, clock=lambda: self.time)

    def start(self):
        self.started.append(Process())
        return self.started[-1]

    def die(self):
        self.started[-1].code = 1
        self.jobs.look()


@pytest.fixture
def house():
    made = House()
    made.jobs.look()
    return made


def test_the_jobs_start_once_and_run_on(house):
    house.jobs.look()
    assert len(house.started) == 1


def test_jobs_that_died_are_started_again_after_a_wait_and_the_log_says_so(house, caplog):
    with caplog.at_level(logging.ERROR, "openkap.jobs"):
        house.die()
    assert "the jobs ended" in caplog.text
    assert len(house.started) == 1
    house.time += WAITS[0]
    house.jobs.look()
    assert len(house.started) == 2


def test_each_death_waits_longer(house):
    house.die()
    house.time += WAITS[0]
    house.jobs.look()
    house.die()
    house.time += WAITS[0]
    house.jobs.look()
    assert len(house.started) == 2
    house.time += WAITS[1] - WAITS[0]
    house.jobs.look()
    assert len(house.started) == 3


def test_jobs_that_die_again_and_again_end_the_server(house, caplog):
    for _ in range(MOST_DEATHS - 1):
        house.die()
        house.time += max(WAITS)
        house.jobs.look()
    with caplog.at_level(logging.CRITICAL, "openkap.jobs"), pytest.raises(JobsKeepDying):
        house.die()
    assert "the server ends" in caplog.text
    assert len(house.started) == MOST_DEATHS


def test_a_death_now_and_then_ends_nothing(house):
    for _ in range(3 * MOST_DEATHS):
        house.die()
        house.time += WITHIN_S
        house.jobs.look()
    assert len(house.started) == 3 * MOST_DEATHS + 1


def test_jobs_that_cannot_be_started_count_as_dead():
    def refuse():
        raise OSError("no more processes")

    time = [0.0]
    jobs = KeptJobs(refuse, clock=lambda: time[0])
    for _ in range(MOST_DEATHS - 1):
        jobs.look()
        time[0] += max(WAITS)
    with pytest.raises(JobsKeepDying):
        jobs.look()


def test_jobs_that_give_signs_are_left_alone_however_long_they_run(house):
    for _ in range(20):
        house.time += HANG_S
        house.started[-1].signs = 3
        house.jobs.look()
    assert len(house.started) == 1
    assert house.started[0].code is None


def test_jobs_that_hang_are_ended_and_started_again_and_the_log_says_so(house, caplog):
    house.time += HANG_S
    house.jobs.look()
    assert house.started[0].code is None
    house.time += 1
    with caplog.at_level(logging.ERROR, "openkap.jobs"):
        house.jobs.look()
    assert house.started[0].code == -9
    assert f"no sign of life for {HANG_S} s" in caplog.text
    house.time += WAITS[0]
    house.jobs.look()
    assert len(house.started) == 2


def test_jobs_that_were_started_again_have_their_whole_time_to_give_a_sign(house):
    house.time += HANG_S + 1
    house.jobs.look()
    house.time += HANG_S
    house.jobs.look()
    house.jobs.look()
    assert len(house.started) == 2
    assert house.started[1].code is None


def test_a_real_process_that_sleeps_for_ever_is_ended_and_another_one_takes_its_place(caplog):
    started, time = [], [1000.0]

    def start():
        started.append(JobsProcess([sys.executable, "-c", "import signal; signal.pause()"]))
        return started[-1]

    jobs = KeptJobs(start, clock=lambda: time[0])
    jobs.look()
    time[0] += HANG_S + 1
    with caplog.at_level(logging.ERROR, "openkap.jobs"):
        jobs.look()
    assert "no sign of life" in caplog.text
    assert started[0].poll() == -signal.SIGKILL
    time[0] += WAITS[0]
    jobs.look()
    assert started[1].poll() is None
    jobs.stop()
    assert started[1].poll() is not None


def test_a_real_process_that_gives_signs_is_seen_to_move():
    told = "import os; os.write(int(os.environ['OPENKAP_JOBS_SIGN']), b'.')"
    process = JobsProcess([sys.executable, "-c", told])
    process._process.wait()
    assert process.gave_sign()
    assert not process.gave_sign()
    process.wait(10)


def test_the_server_takes_its_jobs_along(house):
    house.jobs.stop()
    assert house.started[0].was_terminated
    house.jobs.look()
    assert len(house.started) == 1
