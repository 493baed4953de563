"""The delivery under loss, repetition, reordering, restarts, a replaced disk and an old backup, judged by an oracle."""

from collections.abc import Callable

import pytest

from tests.edge.delivery_world import Faults, World
from tests.edge.gateway_half import GatewayHalf, WatermarkHalf

SEEDS = range(250)
STEPS = 120


HALVES = (GatewayHalf, WatermarkHalf)
"""A model of the gateway's half, and the gateway's own."""


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("block", range(5))
def test_every_accepted_row_arrives_once_or_is_named(block: int, half: type[GatewayHalf]) -> None:
    for seed in SEEDS[block::5]:
        world = World(seed, half())
        world.run(STEPS)
        assert not world.problems(), f"seed {seed}"


@pytest.mark.proof
@pytest.mark.parametrize("block", range(20))
def test_every_accepted_row_arrives_once_or_is_named_for_many_seeds(block: int) -> None:
    for seed in range(100_000 + block, 120_000, 20):
        world = World(seed, HALVES[seed // 20 % 2]())
        world.run(STEPS)
        assert not world.problems(), f"seed {seed}"


def test_the_world_really_does_what_it_says() -> None:
    """Without this, a world in which nothing happens would prove anything."""
    worlds = [World(seed, HALVES[seed % 2]()) for seed in SEEDS[:80]]
    for world in worlds:
        world.run(STEPS)
    assert sum(len(world.accepted) for world in worlds) > 1_000
    assert sum(len(world.gateway.durable.gaps) for world in worlds) > 10
    assert sum(len(world.gateway.told_gaps()) for world in worlds) > 10
    assert any(world.lost_with_backup for world in worlds)
    assert any(world.lost_with_disk for world in worlds)
    assert any(world.lost_with_image for world in worlds)
    assert sum(len(world.gateway.durable.quarantined) for world in worlds) > 50
    figures = [world.delivery.figures for world in worlds]
    assert sum(one.resends for one in figures) > 10
    assert sum(one.rewinds for one in figures) > 5


MUTANTS: dict[str, Callable[[int], World]] = {
    "the edge deletes on PUBACK": lambda seed: World(seed, faults=Faults(delete_on_puback=True)),
    "the edge always says first_held = 1": lambda seed: World(seed, faults=Faults(first_held_always_one=True)),
    "a restart reuses its stream": lambda seed: World(seed, faults=Faults(same_stream_after_restart=True)),
    "eviction says nothing": lambda seed: World(seed, faults=Faults(evict_silently=True)),
    "the edge believes any Ack": lambda seed: World(seed, faults=Faults(believe_any_ack=True)),
    "the edge never sends again": lambda seed: World(seed, faults=Faults(no_resend=True)),
    "the gateway answers before it commits": lambda seed: World(seed, faults=Faults(ack_before_commit=True)),
    "the gateway logs repetitions": lambda seed: World(seed, gateway=GatewayHalf(dedup=False)),
    "the gateway skips holes": lambda seed: World(seed, gateway=GatewayHalf(fill_holes=False)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_design_is_caught(mutant: str) -> None:
    for seed in SEEDS:
        world = MUTANTS[mutant](seed)
        try:
            world.run(STEPS)
        except AssertionError:
            return  # one of the machine's own guards
        if world.problems():
            return
    pytest.fail(f"no seed shows that {mutant}")
