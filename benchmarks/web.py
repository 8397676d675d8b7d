"""The web server under load: a process of its own, real connections, no error allowed.

A stream of requests at a fixed rate asks for positions of random games, and beside it many
games are played, a move of each side a second. The stream does not wait for answers: a
request's latency counts from when it was due, so that a stall is not hidden by the requests
that it keeps back (Tene, "How not to measure latency": coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

from benchmarks.rows import Row, Target

__all__ = ["web"]

RATE_PER_S = 200
GAMES = 50
THINKING_S = 1.0
CONNECTIONS = 50
WARM_UP_S = 45.0
"""Fills the stores of answers, so that what grows afterwards would go on growing."""

AGENTS = ("perfect", "random", "one_ply", "alpha_beta")
MEGABYTE = 1e6


@dataclass
class Load:
    """What came of the requests.

    Attributes:
        latencies_s: Of all requests that were answered.
        errors: Requests that were not answered with 200.
    """

    latencies_s: list[float] = field(default_factory=list)
    errors: int = 0


@dataclass(frozen=True)
class Connection:
    """A kept-alive HTTP/1.1 connection, one request at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def post(self, path: str, content: Any) -> tuple[int, Any]:
        """Send JSON; return the status and the JSON of the answer."""
        body = json.dumps(content).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self.writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer.lower())
        reply = await self.reader.readexactly(int(length[1]) if length else 0)
        return int(answer.split(b" ", 2)[1]), json.loads(reply)


def web(quick: bool) -> list[Row]:
    """Load a server for a minute, and measure rate, latency, errors and growth of memory."""
    seconds = 3.0 if quick else 60.0
    with _server() as (process, port):
        asyncio.run(_both(port, Load(), 1.0 if quick else WARM_UP_S, seed=1))
        before_bytes = process.memory_info().rss
        load = Load()
        start_s = time.perf_counter()
        asyncio.run(_both(port, load, seconds, seed=2))
        elapsed_s = time.perf_counter() - start_s
        grown_bytes = process.memory_info().rss - before_bytes
    note = f"{RATE_PER_S} requests/s beside {GAMES} games, {seconds:g} s"
    median_ms, p99_ms = np.quantile(load.latencies_s, (0.5, 0.99)) * 1000
    requests_per_s = len(load.latencies_s) / elapsed_s
    faultless = 100.0 * (1 - load.errors / len(load.latencies_s))
    return [
        Row("web", "answers", "1/s", [requests_per_s], Target(at_least=RATE_PER_S), note),
        Row("web", "latency, median", "ms", [float(median_ms)]),
        Row("web", "latency, 99th percentile", "ms", [float(p99_ms)], Target(at_most=100.0)),
        Row("web", "answered without error", "%", [faultless], Target(at_least=100.0)),
        Row("web", "growth of memory", "MB", [grown_bytes / MEGABYTE], Target(at_most=5.0)),
    ]


@contextmanager
def _server() -> Iterator[tuple[psutil.Process, int]]:
    """Start the plain server with the fixed players; end it and check that it ends well."""
    command = [sys.executable, "-m", "ttt_rllib.play", "--web", "--port", "0", "--results"]
    with (
        tempfile.TemporaryDirectory() as results,
        subprocess.Popen([*command, results], stderr=subprocess.PIPE, text=True) as server,  # noqa: S603 - ours
    ):
        line = server.stderr.readline() if server.stderr else ""
        found = re.search(r":(\d+)/", line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line}")
        try:
            yield psutil.Process(server.pid), int(found[1])
        finally:
            server.terminate()
        if server.wait() != 0:
            raise RuntimeError(f"the server ended with {server.returncode}")


async def _both(port: int, load: Load, seconds: float, *, seed: int) -> None:
    end_s = time.perf_counter() + seconds
    rngs = [random.Random(f"{seed} {number}") for number in range(GAMES)]
    games = [
        _games(port, load, end_s, AGENTS[index % len(AGENTS)], rng)
        for index, rng in enumerate(rngs)
    ]
    stream = _stream(port, load, int(seconds * RATE_PER_S), random.Random(seed))
    await asyncio.gather(stream, *games)


async def _stream(port: int, load: Load, requests: int, rng: random.Random) -> None:
    """Ask for positions of random games, at a fixed rate whatever the server does."""
    # First in, first out: none is idle so long that the server would close it.
    free: asyncio.Queue[Connection] = asyncio.Queue()

    async def ask(due_s: float, content: Any) -> None:
        connection = await free.get()
        await _timed(connection, "/api/position", content, load, due_s)
        free.put_nowait(connection)

    async with _connected(port, CONNECTIONS) as connections:
        for connection in connections:
            free.put_nowait(connection)
        start_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(requests):
                due_s = start_s + number / RATE_PER_S
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
                moves = rng.sample(range(9), rng.randrange(5))  # four moves end no game
                agent = rng.choice(AGENTS)
                group.create_task(ask(due_s, {"agent": agent, "moves": moves, "you": "X"}))


async def _games(port: int, load: Load, end_s: float, agent: str, rng: random.Random) -> None:
    """Play whole games, the person moving at random, until the time is over."""
    async with _connected(port, 1) as (connection,):
        await asyncio.sleep(rng.random() * THINKING_S)
        moves: list[int] = []
        while time.perf_counter() < end_s:
            game = {"agent": agent, "moves": moves}
            position = await _timed(connection, "/api/position", game, load)
            if position["turn"] is None:
                moves = []
            elif position["turn"] == "X":
                moves = [*moves, rng.choice(position["actions"])["action"]]
                await asyncio.sleep(THINKING_S / 2)
            else:
                answer = await _timed(connection, "/api/move", game, load)
                moves = [*moves, answer["action"]]
                await asyncio.sleep(THINKING_S / 2)


@asynccontextmanager
async def _connected(port: int, count: int) -> AsyncIterator[list[Connection]]:
    connections = [
        Connection(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)
    ]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.writer.close()
            await connection.writer.wait_closed()


async def _timed(
    connection: Connection, path: str, content: Any, load: Load, due_s: float | None = None
) -> Any:
    """Send a request and note its latency, since it was due if that is given."""
    start_s = time.perf_counter() if due_s is None else due_s
    status, reply = await connection.post(path, content)
    load.latencies_s.append(time.perf_counter() - start_s)
    load.errors += status != 200
    return reply
