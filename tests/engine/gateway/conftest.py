"""Gateways for tests, and a check that none of them failed inside."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway

Opening = Callable[..., Any]


@pytest.fixture
async def opened() -> AsyncIterator[Opening]:
    """Open gateways; all end with the test, none may have failed."""
    async with AsyncExitStack() as stack:
        gateways: list[PracticeGateway] = []

        async def open_(**options: Any) -> PracticeGateway:
            gateway = await stack.enter_async_context(PracticeGateway(**options))
            gateways.append(gateway)
            return gateway

        yield open_
        for gateway in gateways:
            assert gateway.server.failures == []
