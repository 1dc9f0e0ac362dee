"""ffmpeg's `-progress` becomes a share of the whole."""

from converter.ffmpeg.output import Progress, Share


def test_a_later_position_is_progress() -> None:
    progress = Progress()
    assert progress.feed("out_time_us=1500000")
    assert progress.position == 1.5
    assert not progress.feed("out_time_us=1500000")


def test_a_larger_output_is_progress() -> None:
    progress = Progress()
    assert progress.feed("total_size=100")
    assert not progress.feed("total_size=100")


def test_repeated_and_unknown_lines_are_not_progress() -> None:
    progress = Progress()
    lines = ["out_time_us=N/A", "total_size=N/A", "progress=continue", "", "speed=12x", "out_time_us=-5", "fps=1"]
    assert not any(progress.feed(line) for line in lines)


def test_the_share_is_reported_seldom_and_not_as_complete_before_the_end() -> None:
    reported: list[float] = []
    share = Share(reported.append)
    receive = share.of(10)
    for position in range(1, 12):
        receive(float(position))
    assert reported == [0.1]
    share.complete()
    assert reported == [0.1, 1.0]


def test_the_share_does_not_fall_in_a_second_pass() -> None:
    reported: list[float] = []
    share = Share(reported.append)
    share.of(10)(5)
    share.of(10)(1)
    assert reported == [0.5]


def test_a_source_without_length_has_no_share() -> None:
    reported: list[float] = []
    Share(reported.append).of(0)(5)
    assert reported == []
