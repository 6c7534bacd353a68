from types import SimpleNamespace

from blindsr.callbacks.progress import (
    DataWait,
    LineProgress,
    RichProgress,
    clock,
    epoch_of,
    progress_bar,
    tidy,
)


def test_undefined_scores_are_a_dash_and_names_are_short():
    shown = tidy({"v_num": 3, "train/loss": 1.5, "val/miou": float("nan")})
    assert shown == {"loss": 1.5, "val/miou": "–"}


def test_clock():
    assert clock(59.6) == "0:01:00"
    assert clock(3725) == "1:02:05"


def test_data_wait_is_the_share_of_time_between_batches(monkeypatch):
    times = iter([0.0, 3.0, 4.0, 7.0, 100.0])  # start, end, start, end: 1 s waiting, 6 s working
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    wait = DataWait()
    wait.batch_starts()
    wait.batch_ends()
    wait.batch_starts()
    wait.batch_ends()
    wait.pause()  # validation takes as long as it likes
    wait.batch_starts()
    assert wait.share == 1 / 7


def fake_trainer(**more):
    return SimpleNamespace(max_epochs=3, sanity_checking=False, num_test_batches=[2, 2], **more)


def test_epochs_count_from_1_on_a_terminal_and_elsewhere():
    bar = RichProgress()
    bar._trainer = fake_trainer()
    assert bar._get_train_description(0).strip() == "epoch 1/3"
    assert epoch_of(SimpleNamespace(max_epochs=-1), 4) == "epoch 5"


def test_a_test_without_a_terminal_tells_how_far_it_is(capsys, monkeypatch):
    clock_now = iter([0.0, 10.0, 20.0, 30.0, 40.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock_now))
    bar = LineProgress(interval=15)
    trainer = fake_trainer()
    bar.on_test_start(trainer, None)
    for index in range(4):
        bar.on_test_batch_end(trainer, None, None, None, index % 2)
    lines = ["test of 4 batches", "test batch 2/4 | 0.10 it/s | left 0:00:20"]
    assert capsys.readouterr().out.splitlines() == lines


def test_output_that_is_not_a_terminal_gets_lines():
    assert isinstance(progress_bar(), LineProgress)
