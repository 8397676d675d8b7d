"""The web page and its HTTP API; it needs neither ray nor torch.

The server keeps no games: a request carries all moves of its game. Names in a request are
looked up in lists made at the start, so nothing in it ever becomes a path.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvicorn
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

import ttt_rllib
from ttt_rllib.analysis.game_record import IllegalMoveError
from ttt_rllib.analysis.page_files import page_files
from ttt_rllib.commands import warn
from ttt_rllib.errors import InputError
from ttt_rllib.play.agents import AgentList, choose_agent, list_agents
from ttt_rllib.play.web.middleware import BodyLimitMiddleware
from ttt_rllib.play.web.replies import agents_reply
from ttt_rllib.play.web.schemas import (
    AgentId,
    AgentsReply,
    ErrorReply,
    HealthReply,
    MoveReply,
    MoveRequest,
    OpeningsReply,
    PositionReply,
    PositionRequest,
    PuzzlesReply,
)
from ttt_rllib.play.web.service import AgentService

__all__ = ["create_app", "invitation", "listed_app", "serve"]

SHUTDOWN_TIMEOUT_S = 10
"""How long a server that was asked to end waits for requests under way."""

EVERY_INTERFACE = ("", "0.0.0.0", "::")  # noqa: S104 - recognised, never a default
"""Values of --host with which the page can be reached by every address of the machine."""

SEARCHES_AT_ONCE = 2
"""Threads for agents of large games, whose moves take longer."""

Responses = dict[int | str, dict[str, Any]]

UNKNOWN_AGENT: Responses = {404: {"model": ErrorReply, "description": "No agent has this id."}}
NO_GAME: Responses = {
    409: {
        "model": ErrorReply,
        "description": "The moves make no game: one is illegal, or comes after the end.",
    }
}
MALFORMED: Responses = {
    413: {"model": ErrorReply, "description": "The request is too long."},
    422: {"model": ErrorReply, "description": "The request is not as this schema says."},
}
NO_TEXT: Responses = {400: {"model": ErrorReply, "description": "The body is not text."}}
GAME_ERRORS = NO_TEXT | UNKNOWN_AGENT | NO_GAME | MALFORMED


def create_app(agents: AgentList, preferred: str) -> FastAPI:
    """Return the application: page, API, `/openapi.json` and `/healthz`.

    Args:
        agents: The agents that can be played against.
        preferred: Slug of the one that the page offers first.

    Raises:
        InputError: If that agent is not in the list.
    """
    agents.find(preferred)
    app = FastAPI(
        title="ttt_rllib",
        version=ttt_rllib.__version__,
        summary="Play against the agents of ttt_rllib, beside the exact truth.",
        # The pages of these would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        routes=_page_routes(),
    )
    _add_api(app, AgentService(agents), agents_reply(agents, preferred))
    app.add_middleware(BodyLimitMiddleware)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(InputError, _refuse)
    return app


def listed_app(agent: str | None, results: Path) -> FastAPI:
    """Return the application for all agents of a results folder.

    Args:
        agent: The one offered first, as for `choose_agent`.
        results: Folder of all results.

    Raises:
        InputError: If there is no such agent.
        BundleError: If it is damaged.
    """
    chosen = choose_agent(agent, results)
    return create_app(list_agents(results, own=chosen), chosen.slug)


def serve(agent: str | None, results: Path, host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM; requests under way are answered first.

    Args:
        agent: The one offered first, as for `choose_agent`.
        results: Folder of all results.
        host: Where to listen.
        port: The port; 0 takes a free one.

    Raises:
        InputError: If there is no such agent, or nothing can listen there.
        BundleError: If the agent is damaged.
    """
    app = listed_app(agent, results)
    listener = _listen(host, port)
    warn(invitation(host, listener.getsockname()[1]))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S
    )
    # uvicorn raises the signals that ended it again, for the handlers installed before it.
    handlers = {
        number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        listener.close()


def invitation(host: str, port: int) -> str:
    """Return the line with the address of the page.

    Args:
        host: As given to `serve`; what stands for every interface is no place to go to.
        port: Where it listens.
    """
    if host in EVERY_INTERFACE:
        elsewhere = "elsewhere, the name of this machine takes the place of localhost"
        return f"playing on http://localhost:{port}/ (Ctrl-C ends); {elsewhere}"
    shown = f"[{host}]" if ":" in host else host
    return f"playing on http://{shown}:{port}/ (Ctrl-C ends)"


def _add_api(app: FastAPI, answers: AgentService, agents: AgentsReply) -> None:
    agents_json = agents.model_dump_json().encode()
    searches = CapacityLimiter(SEARCHES_AT_ONCE)

    @app.get("/healthz", tags=["operation"])
    async def health() -> HealthReply:
        """Report that the server answers."""
        return HealthReply()

    @app.get("/api/agents", tags=["agents"], response_model=AgentsReply)
    async def list_all() -> Response:
        """List the agents that can be chosen."""
        return _json(agents_json)

    async def answered(agent: str, make: Callable[[], bytes]) -> Response:
        # Quick answers need no thread; a search must not hold up the event loop.
        content = make() if answers.is_quick(agent) else await run_sync(make, limiter=searches)
        return _json(content)

    @app.get(
        "/api/agents/{agent}/atlas",
        tags=["agents"],
        response_model=OpeningsReply,
        responses=UNKNOWN_AGENT | MALFORMED,
    )
    async def openings(agent: AgentId) -> Response:
        """Show the first positions up to symmetry: the agent's choice beside the truth."""
        return await answered(agent, partial(answers.openings, agent))

    @app.get(
        "/api/agents/{agent}/puzzles",
        tags=["agents"],
        response_model=PuzzlesReply,
        responses=UNKNOWN_AGENT | MALFORMED,
    )
    async def puzzles(agent: AgentId) -> Response:
        """Show the agent's different mistakes that lose games, as positions to win."""
        # All games of the agent are walked, which is too long for the event loop.
        return _json(await run_sync(partial(answers.puzzles, agent), limiter=searches))

    @app.post(
        "/api/position",
        tags=["game"],
        response_model=PositionReply,
        responses=GAME_ERRORS,
    )
    async def position(request: PositionRequest) -> Response:
        """Show the current position of a game, beside the truth and an agent's view."""
        moves = tuple(request.moves)
        make = partial(answers.position, request.agent, moves, request.you)
        return await answered(request.agent, make)

    @app.post("/api/move", tags=["game"], response_model=MoveReply, responses=GAME_ERRORS)
    async def move(request: MoveRequest) -> Response:
        """Let an agent move: trained ones play their best move, fixed ones draw theirs."""
        moves = tuple(request.moves)
        make = partial(answers.move, request.agent, moves, request.seed)
        return await answered(request.agent, make)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


def _page_routes() -> list[BaseRoute]:
    """Return a route for each file of the page; no other files are served."""
    static = files("ttt_rllib.play.web").joinpath("static")
    pages = page_files(static.iterdir(), "index.html")
    return [Route(path, _page(*page)) for path, page in sorted(pages.items())]


def _page(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return page


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer an error with its status and one sentence."""
    if isinstance(error, HTTPException):
        status, sentence, headers = error.status_code, str(error.detail), error.headers
        if status in (404, 405):
            sentence = f"{request.method} {request.url.path[:80]}: there is no such thing here"
    elif isinstance(error, RequestValidationError):
        status, sentence, headers = 422, _complaint(error), None
    else:
        status = 409 if isinstance(error, IllegalMoveError) else 404
        sentence, headers = str(error), None
    return Response(
        ErrorReply(detail=sentence).model_dump_json(),
        status,
        headers=headers,
        media_type="application/json",
    )


def _complaint(error: RequestValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why, _, _ = str(error.strerror).partition(" (")
        raise InputError(
            f"--host {host} --port {port}: {why}; --port 0 takes a free port"
        ) from None


def _ignore(number: int, frame: object) -> None:
    """Ignore a signal that has had its effect."""
