from blindsr.callbacks.progress import DataWait, LineProgress, clock, progress_bar, tidy


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


def test_output_that_is_not_a_terminal_gets_lines():
    assert isinstance(progress_bar(), LineProgress)
