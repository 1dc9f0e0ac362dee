"""The simulation against what queueing theory, the product's rules and simple arithmetic say."""

import json
import math
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from scripts.bench import simulate
from scripts.bench.chart import chart
from scripts.bench.costs import FILE, Straight
from scripts.bench.simulation.autoscaler import Autoscaler, Fixed, Policy, Scaling
from scripts.bench.simulation.demand import Costs, Demand, bottleneck, busiest, busiest_span
from scripts.bench.simulation.model import EXPORT, Model, Outcome
from scripts.bench.simulation.tables import charts, limits, table
from scripts.bench.simulation.uploads import Times, Uploads

COSTS = Costs.read()
# No limit.
POLICY = Policy.read(most=10_000)


def run(
    uploads: Uploads, durations: Times, scaling: Scaling, policy: Policy | None = None, start: float = 10
) -> Outcome:
    return Model(uploads, durations, scaling, policy=policy, start=start, seed=1).run()


def steady(number: int, rate: float, *, seed: int = 1) -> Uploads:
    """Arrivals of a Poisson process with `rate` per s, each of another account: the queue is in their order."""
    times = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, number))
    return Uploads(times, np.arange(number), np.ones(number))


def at_once(number: int) -> Uploads:
    """Of one account."""
    return Uploads(np.full(number, 1000.0), np.zeros(number, dtype=np.int64), np.ones(number))


def waits(uploads: Uploads, outcome: Outcome) -> Times:
    return outcome.started - uploads.times


def fixed_waits(servers: int, load: float, durations: Times) -> float:
    """The mean wait with as many converters, each busy for this share of the time; mean conversions of a second."""
    uploads = steady(len(durations), load * servers)
    return float(waits(uploads, run(uploads, durations, Fixed(servers), start=0)).mean())


def deterministic(servers: int, load: float) -> float:
    """The exact mean wait in M/D/c with conversions of a second (Crommelin 1932).

    The number of jobs one service time later is what was not in service then, and those that arrived meanwhile.
    """
    rate, size = servers * load, 400
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size)))])
    poisson = np.exp(np.arange(size) * math.log(rate) - rate - logs)
    state = np.zeros(size)
    state[0] = 1.0
    for _ in range(2000):
        left = np.concatenate([[state[: servers + 1].sum()], state[servers + 1 :]])
        state = np.convolve(left, poisson)[:size]
    waiting = float((np.maximum(np.arange(size) - servers, 0) * state).sum())
    return waiting / rate


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (4, 0.8), (20, 0.9)])
def test_equal_conversions_wait_as_long_as_in_theory(servers: int, load: float) -> None:
    assert fixed_waits(servers, load, np.ones(30_000)) == pytest.approx(deterministic(servers, load), rel=0.1)


def test_the_exact_solution_is_pollaczeks_for_one_server() -> None:
    assert deterministic(1, 0.7) == pytest.approx(0.7 / (2 * (1 - 0.7)), rel=1e-6)


def test_exponential_conversions_wait_as_long_as_in_theory() -> None:
    servers, load = 5, 0.8
    offered = servers * load
    terms = [offered**number / math.factorial(number) for number in range(servers)]
    last = offered**servers / math.factorial(servers) / (1 - load)
    expected = last / (sum(terms) + last) / (servers * (1 - load))
    durations = np.random.default_rng(2).exponential(1, 30_000)
    assert fixed_waits(servers, load, durations) == pytest.approx(expected, rel=0.1)


def test_without_load_nobody_waits_and_without_uploads_nothing_happens() -> None:
    uploads = Uploads(np.arange(1, 20) * 1000.0, np.arange(1, 20), np.ones(19))
    assert waits(uploads, run(uploads, np.ones(19), Fixed(2), start=0)).max() == 0
    nothing = Uploads(np.array([]), np.array([], dtype=np.int64), np.array([]))
    outcome = run(nothing, np.array([]), Autoscaler(POLICY), POLICY)
    assert (len(outcome.ended), outcome.paid, outcome.jobs) == (0, 0, 0)


@pytest.mark.parametrize("scaling", [Fixed(3), Autoscaler(Policy.read())], ids=["fixed", "keda"])
def test_every_job_is_converted_once_and_never_before_its_upload(scaling: Scaling) -> None:
    uploads = Uploads.of_a_day(COSTS.habits, 3000, seed=3)
    durations = COSTS.durations(uploads)
    policy = scaling.policy if isinstance(scaling, Autoscaler) else None
    outcome = run(uploads, durations, scaling, policy)
    assert len(outcome.ended) == 3000
    assert (outcome.started >= uploads.times).all()
    assert outcome.ended - outcome.started == pytest.approx(durations)
    assert outcome.busy == pytest.approx(durations.sum())
    assert outcome.busy <= outcome.paid
    # No more at the same time than there are converters.
    moments = sorted([(at, 1) for at in outcome.started] + [(at, -1) for at in outcome.ended], key=lambda each: each)
    busy = np.cumsum([change for _, change in moments])
    assert busy[-1] == 0
    assert busy.max() <= max(number for _, number in outcome.converters)


def test_the_number_of_jobs_is_their_rate_times_their_time() -> None:
    """Little's law: the model counts jobs by the clock, and times each of them."""
    uploads = steady(20_000, 4.0)
    outcome = run(uploads, np.random.default_rng(5).exponential(1, 20_000), Fixed(5), start=0)
    span = outcome.ended.max() - uploads.times[0]
    assert outcome.jobs == pytest.approx((outcome.ended - uploads.times).sum() / span)


def test_the_first_video_after_a_pause_waits_for_a_pod_to_start_and_little_more() -> None:
    uploads = Uploads(np.array([1000.0, 5000.0]), np.array([1, 2]), np.ones(2))
    outcome = run(uploads, np.full(2, 5.0), Autoscaler(POLICY), POLICY, start=10)
    # The gateway exports every 5 s, and KEDA asks every 5 s.
    assert (waits(uploads, outcome) >= 10).all()
    assert (waits(uploads, outcome) <= 10 + EXPORT + POLICY.polling).all()
    numbers = [number for _, number in outcome.converters]
    assert numbers == [0, 1, 0, 1]
    # KEDA's cooldown, from when it last saw a job.
    assert outcome.converters[2][0] - outcome.ended[0] == pytest.approx(POLICY.cooldown, abs=10)


def test_converters_grow_faster_by_the_jobs_than_by_the_length_of_the_queue() -> None:
    """Why the queue is not asked: while jobs wait, it has half as many messages more than there are converters."""
    ends = {}
    for name, policy in (("jobs", POLICY), ("queue", Policy.read(most=10_000, formula="messages"))):
        outcome = run(at_once(400), np.full(400, 60.0), Autoscaler(policy), policy)
        ends[name] = outcome.ended.max()
    assert ends["jobs"] - 1000 < 0.7 * (ends["queue"] - 1000)


def test_no_job_waits_for_the_end_of_another_while_there_may_be_more_converters() -> None:
    """Though the HorizontalPodAutoscaler would ignore a few jobs beside many."""
    outcome = run(at_once(40), np.full(40, 3000.0), Autoscaler(POLICY), POLICY)
    assert outcome.started.max() - 1000 < 300
    assert max(number for _, number in outcome.converters) <= 40 * 1.12 + 1


def test_another_account_is_not_delayed_by_many_videos_of_one() -> None:
    times, owners = np.append(np.full(500, 1000.0), 1100.0), np.append(np.zeros(500, dtype=np.int64), 1)
    uploads = Uploads(times, owners, np.ones(501))
    outcome = run(uploads, np.full(501, 20.0), Fixed(12), start=0)
    assert waits(uploads, outcome)[-1] <= 20
    assert waits(uploads, outcome)[:-1].max() > 600


def test_a_day_is_the_same_for_the_same_seed_only() -> None:
    days = [Uploads.of_a_day(COSTS.habits, 2000, seed=seed) for seed in (1, 1, 2)]
    assert (days[0].times == days[1].times).all()
    assert (days[0].owners == days[1].owners).all()
    assert (days[0].times != days[2].times).any()
    first, again = (simulate.simulate(COSTS, 300, seed=1) for _ in range(2))
    assert (first.waits == again.waits).all()
    assert first.demands == again.demands


def test_a_day_has_its_videos_within_its_hours() -> None:
    day = Uploads.of_a_day(COSTS.habits, 50_000, seed=1)
    assert len(day) == len(day.owners) == len(day.lengths) == 50_000
    assert all(one <= other for one, other in pairwise(day.times))
    assert day.times[0] >= 0
    hours = np.bincount((day.times // 3600).astype(int), minlength=24)
    assert hours.argmax() in {19, 20}
    assert hours.max() / len(day) == pytest.approx(COSTS.habits.busiest_hour, rel=0.1)
    assert float(np.median(day.lengths)) == pytest.approx(COSTS.habits.median_length, rel=0.05)
    assert day.lengths.max() <= COSTS.habits.longest


def test_the_autoscaler_keeps_to_the_limits_of_its_policies() -> None:
    scaler = Autoscaler(Policy.read())
    assert scaler.sync(0, 50) == 0
    assert scaler.poll(0, 50) == 1
    # 100 % or 4 in 15 s, up to maxReplicaCount.
    assert [scaler.sync(at, 50) for at in (0, 15, 30, 45)] == [5, 10, 12, 12]
    # The highest of the last 120 s first, then a tenth or one in 30 s, whichever is more.
    assert [scaler.sync(at, 0) for at in (60, 120, 165)] == [12, 12, 12]
    fallen = [scaler.sync(at, 0) for at in (180, 195, 210)]
    assert fallen == [10, 10, 9]
    assert scaler.poll(215, 1) == 9
    assert scaler.poll(500, 0) == 9
    assert scaler.poll(515, 0) == 0


def test_a_small_difference_changes_nothing() -> None:
    scaler = Autoscaler(POLICY, replicas=20)
    assert scaler.sync(0, 21.9) == 20
    assert scaler.sync(15, 22.1) == 23


def test_costs_are_fitted_through_two_lengths() -> None:
    assert Straight.through((60, 8.0), (300, 20.0)) == Straight(5.0, 0.05)
    # Noise.
    assert Straight.through((60, 8.0), (300, 7.0)) == Straight(8.0, 0.0)


def test_every_figure_has_a_unit_and_a_source() -> None:
    content = json.loads(FILE.read_text())
    for part in content.values():
        for name, figure in part.items():
            assert figure["unit"], name
            assert figure["source"], name
    assert set(content["capacity"]) <= set(content["measured"])


def test_amounts_are_counted_in_their_busiest_minute() -> None:
    assert busiest(np.array([0.0, 61.0, 119.0]), np.array([60.0, 60.0, 120.0])) == 3
    # 600 in ten minutes, and 60 more in the second half of one of them.
    assert busiest_span(np.array([0.0, 90.0]), np.array([600.0, 120.0]), np.array([600.0, 60.0])) == pytest.approx(2)


def test_the_bottleneck_is_closest_to_its_capacity() -> None:
    found = [Demand("a", 50, 0, 1000), Demand("b", 5, 0, 10), Demand("c", 1000, 0, None)]
    assert bottleneck(found).name == "b"


def test_the_table_and_the_charts_have_a_column_and_a_point_for_each_day() -> None:
    days = [simulate.simulate(COSTS, videos) for videos in (50, 500)]
    lines = table(COSTS, days).splitlines()
    assert {line.count("|") for line in lines} == {4}
    assert lines[0] == "| videos a day | 50 | 500 |"
    assert "videos a day |" in limits(COSTS, days[-1])
    for drawn in charts(days).values():
        assert drawn.count("<circle") == 3 * len(days)


def test_a_chart_is_well_formed_and_within_its_frame() -> None:
    drawn = ElementTree.fromstring(chart("a < b", "x", "y", {"one": [(10, 0.5), (1000, 70)], "two": [(10, 1)]}))
    assert drawn.findtext("{http://www.w3.org/2000/svg}title") == "a < b"
    found = drawn.iter("{http://www.w3.org/2000/svg}circle")
    circles = [(float(each.get("cx", 0)), float(each.get("cy", 0))) for each in found]
    assert len(circles) == 3
    assert all(0 < x < 640 and 0 < y < 360 for x, y in circles)
    # To the right is more, and so is up.
    assert circles[0][0] < circles[1][0]
    assert circles[0][1] > circles[1][1]
