"""The control port of a running gateway: one JSON document a line, one a line back.

    {"op": "fault", "name": "drop_socket", "client": 17, "on": "ack"}   →  {"ok": true, "id": 1}

Operations: fault, clear, market, advance, state, wait, quit. What goes wrong is answered as
{"ok": false, "error": "…"}; the connection stays.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.brokers.practice.gateway import PracticeGateway

LINE_MAX = 2**20
Given = dict[str, Any]


class Control:
    """Listens on loopback and asks the gateway in this process."""

    def __init__(self, gateway: PracticeGateway, quit_: Callable[[], None]) -> None:
        self._gateway = gateway
        self._quit = quit_
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._operations: Mapping[str, Callable[[Given], Awaitable[Given]]] = {
            "fault": self._fault,
            "clear": self._clear,
            "market": self._market,
            "advance": self._advance,
            "state": self._state,
            "wait": self._wait,
            "quit": self._leave,
        }

    async def open(self, port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._server = await asyncio.start_server(
            self._serve, self._gateway.host, port, limit=LINE_MAX
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer, default=str).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # hung up, or a line without an end
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> Given:
        try:
            given = json.loads(line)
            operation = self._operations[given.pop("op")]
            return {"ok": True, **await operation(given)}
        except (KeyError, AttributeError):
            known = ", ".join(self._operations)
            return {"ok": False, "error": f"an object with op is needed: {known}"}
        except (TypeError, ValueError, TimeoutError) as error:
            return {"ok": False, "error": str(error) or type(error).__name__}

    async def _fault(self, given: Given) -> Given:
        return {"id": await self._gateway.fault(str(given.pop("name", "")), **given)}

    async def _clear(self, given: Given) -> Given:
        return {"cleared": self._gateway.venue.clear_faults(str(given.get("name", "")))}

    async def _market(self, given: Given) -> Given:
        self._gateway.set_market(str(given.pop("symbol", "")), given)
        return {}

    async def _advance(self, given: Given) -> Given:
        self._gateway.advance(float(given["s"]))
        return {"now": self._gateway.venue.now().isoformat()}

    async def _state(self, given: Given) -> Given:
        return {"state": self._gateway.state()}

    async def _wait(self, given: Given) -> Given:
        await self._gateway.fired(
            int(given["id"]), int(given.get("times", 1)), float(given.get("timeout_s", 10))
        )
        return {}

    async def _leave(self, given: Given) -> Given:
        asyncio.get_running_loop().call_soon(self._quit)
        return {}


def ask(host: str, port: int, document: Mapping[str, Any], timeout_s: float = 10.0) -> Given:
    """Ask a running gateway, from another process. Raises OSError where none answers."""
    with socket.create_connection((host, port), timeout=timeout_s) as line:
        line.sendall(json.dumps(document).encode() + b"\n")
        with line.makefile("rb") as answers:
            answer: Given = json.loads(answers.readline() or b"{}")
    return answer
