"""A gateway that runs faster than the wall keeps up, also on a busy machine."""

from datetime import UTC, datetime, timedelta

from engine.brokers.practice.gateway import PracticeGateway

_BEGAN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
_SPEED = 60


async def test_what_is_late_is_caught_up_in_few_looks_at_the_sockets() -> None:
    async with PracticeGateway(seed=7, start=_BEGAN, speed=_SPEED) as gateway:
        pace = gateway.pace
        pace._started_at -= 10  # ten seconds of the wall in which nobody gave it a processor
        late = gateway.venue.now() + timedelta(seconds=10 * _SPEED)
        looks = 0
        while gateway.venue.now() < late - timedelta(seconds=5):
            before = gateway.venue.now()
            pace.catch_up()
            looks += 1
            assert gateway.venue.now() - before <= timedelta(seconds=20)
        assert looks <= 40
