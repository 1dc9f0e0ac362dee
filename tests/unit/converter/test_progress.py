"""ffmpeg's `-progress` becomes a share that people see, and a sign of life."""

from converter.ffmpeg.progress import Progress, Share


def test_a_later_position_is_a_sign_of_life() -> None:
    progress = Progress()
    assert progress.feed("out_time_us=1500000")
    assert progress.position == 1.5
    assert not progress.feed("out_time_us=1500000")


def test_a_larger_output_is_a_sign_of_life() -> None:
    progress = Progress()
    assert progress.feed("total_size=100")
    assert not progress.feed("total_size=100")


def test_repeated_and_unknown_lines_are_no_sign_of_life() -> None:
    progress = Progress()
    lines = ["out_time_us=N/A", "total_size=N/A", "progress=continue", "", "speed=12x", "out_time_us=-5", "fps=1"]
    assert not any(progress.feed(line) for line in lines)


def test_the_share_is_told_seldom_and_never_as_complete_before_the_end() -> None:
    told: list[float] = []
    share = Share(told.append)
    receive = share.of(10)
    for position in range(1, 12):
        receive(float(position))
    assert told == [0.1]
    share.complete()
    assert told == [0.1, 1.0]


def test_the_share_does_not_fall_in_a_second_pass() -> None:
    told: list[float] = []
    share = Share(told.append)
    share.of(10)(5)
    share.of(10)(1)
    assert told == [0.5]


def test_a_source_without_length_has_no_share() -> None:
    told: list[float] = []
    Share(told.append).of(0)(5)
    assert told == []
