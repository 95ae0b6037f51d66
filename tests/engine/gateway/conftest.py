"""Gateways for tests, and a check that none of them failed inside."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from tests.engine.gateway.talker import Talker

Opening = Callable[..., Any]
Joining = Callable[..., Any]


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


@pytest.fixture
async def joined() -> AsyncIterator[Joining]:
    """Connect strict clients; all hang up in the end."""
    talkers: list[Talker] = []

    async def join(
        gateway: PracticeGateway, client: int | None = 17, version: int = 178, options: str = ""
    ) -> Talker:
        talker = Talker(gateway, version)
        talkers.append(talker)
        return await talker.connect(client, options)

    yield join
    for talker in talkers:
        await talker.leave()
