"""Jobs on worker threads: one end each, progress no faster than an eye follows."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from medadv_desktop.errors import ImageError
from medadv_desktop.gui.background import THREADS, Background, Urgency
from medadv_desktop.gui.running import MOST_UPDATES_PER_SECOND, Failure, JobSignals, run_job
from medadv_desktop.gui.state.jobs import JobList, JobState
from medadv_desktop.jobs import CancelToken, Message, Partial, Progress


class Told:
    """Everything that the signals of jobs say, in order."""

    def __init__(self, signals: JobSignals) -> None:
        self.said: list[tuple] = []
        for name in (
            "started",
            "progress",
            "partial",
            "message",
            "finished",
            "failed",
            "cancelled",
        ):
            getattr(signals, name).connect(lambda *a, name=name: self.said.append((name, *a)))

    def of(self, name: str) -> list[tuple]:
        return [entry[1:] for entry in self.said if entry[0] == name]


def test_that_an_answer_ends_a_job_and_the_last_progress_is_never_lost():
    signals = JobSignals()
    told = Told(signals)

    def work(emit):
        for done in range(1000):
            emit(Progress(done + 1, 1000))
        return "answer"

    run_job(7, work, CancelToken(), signals)
    assert told.said[0] == ("started", 7)
    assert told.said[-1] == ("finished", 7, "answer")
    assert told.of("progress")[-1] == (7, Progress(1000, 1000))
    assert len(told.of("progress")) <= MOST_UPDATES_PER_SECOND


@dataclass(frozen=True)
class News:
    """Of one of several things."""

    key: str
    number: int


@pytest.mark.parametrize("cancelled", [False, True])
def test_that_the_latest_news_of_every_thing_is_told(cancelled):
    signals, token = JobSignals(), CancelToken()
    told = Told(signals)

    def work(emit):
        for number in range(100):
            emit(Partial(News("ab"[number % 2], number)))
        if cancelled:
            token.cancel()

    run_job(1, work, token, signals, thin_partials=True)
    news = [value for _, value in told.of("partial")]
    assert len(news) < 100
    assert {n.number for n in news[-2:]} == {98, 99}
    assert told.said[-1][0] == ("cancelled" if cancelled else "finished")


def test_that_previews_are_thinned_out_and_other_partial_values_are_not():
    for thin, expected in ((True, 1), (False, 50)):
        signals = JobSignals()
        told = Told(signals)

        def work(emit):
            for number in range(50):
                emit(Partial(number))

        run_job(1, work, CancelToken(), signals, thin_partials=thin)
        assert len(told.of("partial")) == expected


def test_that_every_message_arrives():
    signals = JobSignals()
    told = Told(signals)
    run_job(1, lambda emit: [emit(Message(str(i))) for i in range(9)], CancelToken(), signals)
    assert [m.text for _, m in told.of("message")] == [str(i) for i in range(9)]


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), MemoryError()])
def test_that_whatever_is_raised_ends_the_job_as_failed(error):
    signals = JobSignals()
    told = Told(signals)

    def work(_emit):
        raise error

    run_job(1, work, CancelToken(), signals)
    assert [entry[0] for entry in told.said] == ["started", "failed"]


def test_that_a_job_cancelled_before_its_start_never_starts():
    signals, token = JobSignals(), CancelToken()
    told = Told(signals)
    token.cancel()
    run_job(1, lambda _emit: pytest.fail("it ran"), token, signals)
    assert told.said == [("cancelled", 1)]


def test_that_an_answer_after_a_cancel_is_dropped():
    signals, token = JobSignals(), CancelToken()
    told = Told(signals)
    run_job(1, lambda _emit: token.cancel(), token, signals)
    assert [entry[0] for entry in told.said] == ["started", "cancelled"]


def test_that_a_failure_keeps_the_words_of_the_error():
    failure = Failure.of(ImageError("is cut off", subject="a.dcm", remedy="Copy it again"))
    assert failure.text == "a.dcm: is cut off. Copy it again."
    assert failure.expected
    assert not Failure.of(ValueError("boo")).expected
    assert "ValueError: boo" in Failure.of(ValueError("boo")).text


def test_that_background_work_of_higher_urgency_overtakes(qtbot):
    background = Background()
    order = []
    gates = [threading.Event() for _ in range(THREADS)]
    for gate in gates:  # all threads are busy
        background.submit(lambda *_, gate=gate: gate.wait(60), Urgency.SCAN)
    background.submit(lambda *_: order.append("thumbnail"), Urgency.THUMBNAIL)
    background.submit(lambda *_: order.append("frame"), Urgency.FRAME)
    # One thread alone goes on, so what it takes first is what was served first.
    with qtbot.waitSignals([background.finished] * 3):
        gates[0].set()
    assert order == ["frame", "thumbnail"]
    with qtbot.waitSignals([background.finished] * (THREADS - 1)):
        for gate in gates[1:]:
            gate.set()
    assert background.wait(30_000)


def test_that_the_list_of_jobs_knows_time_and_pace():
    now = [100.0]
    jobs = JobList(clock=lambda: now[0])
    busy = []
    jobs.busy_changed.connect(lambda: busy.append(jobs.busy))
    jobs.add(1, "attack")
    assert jobs.get(1).elapsed(now[0]) is None
    jobs.start(1)
    now[0] = 104.0
    jobs.set_progress(1, Progress(2, 10))
    assert jobs.get(1).elapsed(now[0]) == 4.0
    assert jobs.get(1).remaining(now[0]) == 16.0  # 2 s a step, 8 steps to go
    jobs.end(1, JobState.FAILED, "why")
    jobs.end(1, JobState.DONE)
    now[0] = 200.0
    assert jobs.get(1).state is JobState.FAILED
    assert jobs.get(1).elapsed(now[0]) == 4.0
    assert jobs.get(1).remaining(now[0]) is None
    assert busy == [True, False]


def test_that_ended_jobs_are_forgotten_in_the_end_but_open_ones_never():
    jobs = JobList()
    jobs.add(0, "long")
    for number in range(1, 300):
        jobs.add(number, "short")
        jobs.end(number, JobState.DONE)
    assert len(jobs.jobs) == 201
    assert jobs.get(0) is not None
    jobs.clear_ended()
    assert [job.id for job in jobs.jobs] == [0]
