// The page: what is on the table, and who moves next.

import * as api from "./api.js";
import { namesTable, readAddress, writeAddress } from "./address.js";
import { element } from "./draw.js";
import { Hole } from "./hole.js";
import { connectKeysDialog, listenForKeys } from "./keys.js";
import { drawOpenings, openingsVerdict } from "./openings.js";
import { AnyBoard as Board } from "./own_game.js";
import { showControls, showSide, showWords } from "./panels.js";
import { beatable, canBeBeaten, noteResult, puzzledAgent } from "./puzzles.js";
import {
  YOU, agentOf, firstPly, gameAgents, isRevealed, isWatched, lastOwnPly, mover, positionAt, puzzle, table, wholeGame,
} from "./table.js";

const THINKING_MS = 420;
const WATCHING_MS = 900;
const TROUBLE_MS = 6000;

const $ = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const board = new Board($("board"), (action) => play(action));
const hole = new Hole({ begin, complain, seatsAre, resume: () => attempt(run) });

// Show the current table; a later call supersedes an earlier one.
async function show() {
  const deal = ++table.deal;
  const [position, full] = await Promise.all([positionAt(table.ply), wholeGame()]);
  if (deal !== table.deal) return null;
  const open = position.result === null && table.seats[mover(table.ply)] === YOU && table.ply >= firstPly();
  const revealed = isRevealed(full, $("truth-while-playing").checked);
  board.show(position, { open, truth: revealed, policy: revealed && $("show-policy").checked });
  noteResult(full.result);
  showWords(position, full, revealed);
  showSide(full, revealed, go);
  showControls(position);
  writeAddress();
  return position;
}

// Let agents move while it is their turn at the end of the game.
async function run() {
  const position = await show();
  if (!position || position.result !== null || !table.running || table.ply !== table.moves.length) return;
  if (position.must_pass) return put(position.actions[0].action);
  const id = table.seats[mover(table.ply)];
  if (id === YOU) return;
  const { deal } = table;
  const [answer] = await Promise.all([api.move(id, table.moves), pause(isWatched() ? WATCHING_MS : THINKING_MS)]);
  if (deal !== table.deal) return;
  put(answer.action);
}

function put(action) {
  table.moves = [...table.moves.slice(0, table.ply), action];
  table.ply = table.moves.length;
  attempt(run);
}

function play(action) {
  table.running = true;
  put(action);
}

function go(ply) {
  table.ply = Math.max(0, Math.min(table.moves.length, ply));
  if (isWatched()) table.running = false;
  attempt(run);
}

function begin(moves = []) {
  table.moves = moves;
  table.ply = moves.length;
  table.running = true;
  attempt(run);
}

function undo() {
  const ply = lastOwnPly();
  if (ply !== null) begin(table.moves.slice(0, ply));
}

// Play again from before the mistake; the rest of the game is forgotten.
async function retry() {
  if (puzzle()) return begin(puzzle().moves);
  const { turning_point: turning } = await wholeGame();
  if (turning && !isWatched()) begin(table.moves.slice(0, turning.ply));
}

function toggleRun() {
  if ($("run").disabled) return;
  const wasRunning = table.running && table.ply === table.moves.length;
  table.running = !wasRunning;
  if (table.running) begin(table.moves.slice(0, table.ply));
  else attempt(show);
}

// A new game, or the next puzzle.
function next() {
  if (puzzle()) hole.next();
  else begin();
}

function swap() {
  hole.leave();
  seat({ X: table.seats.O, O: table.seats.X });
}

function seatsAre(seats) {
  table.seats = seats;
  $("seat-x").value = seats.X;
  $("seat-o").value = seats.O;
}

function chooseSeats() {
  const seats = { X: $("seat-x").value, O: $("seat-o").value };
  const agent = Object.values(seats).find(canBeBeaten);
  if (table.hole && agent && Object.values(seats).includes(YOU)) {
    attempt(() => hole.show(agent));
    return;
  }
  hole.leave();
  seat(seats);
}

function seat(seats) {
  seatsAre(seats);
  begin();
}

// The agent the server was started with, else the newest run of the game, else a fixed player.
function offeredAgent() {
  const here = gameAgents();
  const isPreferred = (agent) => agent.id === table.preferred;
  return (here.find(isPreferred) ?? here.find((agent) => agent.is_trained) ?? here[0]).id;
}

function offerGame(name) {
  const first = table.agents.find((agent) => agent.game.name === name);
  table.game = first.game;
  $("game").value = name;
  const options = (extra) => [
    ...(extra ? [element("option", { value: YOU }, "You")] : []),
    ...gameAgents().map((agent) => element("option", { value: agent.id }, agent.name)),
  ];
  $("seat-x").replaceChildren(...options(true));
  $("seat-o").replaceChildren(...options(true));
  $("openings-agent").replaceChildren(...options(false));
  $("openings-agent").value = offeredAgent();
  table.openingsOf = null;
  $("nav-hole").hidden = beatable().length === 0;
}

function chooseGame(name) {
  offerGame(name);
  seat({ X: YOU, O: offeredAgent() });
}

// Put the game of the address on the table, or a new one where it cannot be.
async function restore() {
  const named = readAddress();
  if (named === null) {
    chooseGame(agentOf(table.preferred).game.name);
    if (namesTable()) complain("The address names no game that can be shown here; this is a new one.");
    return;
  }
  offerGame(named.game);
  seatsAre(named.seats);
  const agent = puzzledAgent();
  if (location.hash === "#hole" && named.puzzle !== null && agent) {
    table.hole = { agent, at: named.puzzle, hash: null, puzzles: [] };
  }
  if (named.openingsOf) $("openings-agent").value = table.openingsOf = named.openingsOf;
  try {
    table.moves = named.moves;
    await wholeGame();
    table.ply = named.ply;
    attempt(run);
  } catch (error) {
    begin();
    throw error;
  }
}

async function showOpenings() {
  const id = $("openings-agent").value;
  table.openingsOf = id;
  writeAddress();
  const openings = await api.openings(id);
  if (id !== $("openings-agent").value) return;
  $("openings-verdict").textContent = openingsVerdict(openings);
  drawOpenings($("openings-list"), openings, (moves) => {
    table.seats = { X: id, O: id };
    table.seats[mover(moves.length)] = YOU;
    seat(table.seats);
    location.hash = "#play";
    begin(moves);
    showView();
    board.focus();
  });
}

async function enterHole() {
  await hole.show(table.hole?.agent ?? puzzledAgent(), table.hole?.at ?? null);
  if (document.activeElement === $("nav-hole")) board.focus(); // a link would take no keys
}

function showView() {
  const openings = location.hash === "#openings";
  const isHole = location.hash === "#hole";
  if ($("openings-view").hidden === openings) window.scrollTo(0, 0);
  $("play-view").hidden = openings;
  $("openings-view").hidden = !openings;
  for (const [id, isHere] of [["nav-openings", openings], ["nav-hole", isHole], ["nav-play", !openings && !isHole]]) {
    if (isHere) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  }
  if (openings) attempt(showOpenings);
  if (isHole) attempt(enterHole);
  else hole.left();
}

function complain(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = false;
  setTimeout(() => { $("trouble").hidden = true; }, TROUBLE_MS);
}

// Errors are sentences from the server; they are shown for a while.
async function attempt(step) {
  try {
    await step();
  } catch (error) {
    const isKnown = error instanceof api.Refused;
    complain(isKnown ? error.message : "The server does not answer; is it still running?");
    if (!isKnown && !(error instanceof TypeError)) throw error;
  }
}

const KEYS = {
  ",": () => go(table.ply - 1),
  ".": () => go(table.ply + 1),
  Home: () => go(0),
  End: () => go(table.moves.length),
  " ": toggleRun,
  u: undo,
  n: next,
  r: () => attempt(retry),
  s: swap,
  t: () => $("truth-while-playing").click(),
  p: () => $("show-policy").click(),
  "?": () => $("show-keys").click(),
};

function pressDigit(digit) {
  const count = table.game.gravity ? table.game.cols : table.game.rows * table.game.cols;
  if (digit <= count) board.press(digit - 1);
}

function remember(id, isOn) {
  try {
    const stored = localStorage.getItem(id);
    $(id).checked = stored === null ? isOn : stored === "true";
  } catch {
    $(id).checked = isOn;
  }
  $(id).addEventListener("change", () => {
    try {
      localStorage.setItem(id, $(id).checked);
    } catch {
      // A browser without storage forgets the choice; nothing else depends on it.
    }
    attempt(show);
  });
}

function connect() {
  const clicks = {
    first: () => go(0),
    back: () => go(table.ply - 1),
    forward: () => go(table.ply + 1),
    last: () => go(table.moves.length),
    run: toggleRun,
    undo,
    new: next,
    retry: () => attempt(retry),
    swap,
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  for (const id of ["seat-x", "seat-o"]) {
    $(id).addEventListener("change", chooseSeats);
  }
  $("game").addEventListener("change", () => {
    hole.leave();
    chooseGame($("game").value);
    showView();
  });
  $("openings-agent").addEventListener("change", () => attempt(showOpenings));
  listenForKeys(KEYS, pressDigit, () => $("play-view").hidden || $("keys").open);
  connectKeysDialog($("keys"), $("show-keys"));
  window.addEventListener("hashchange", showView);
  remember("truth-while-playing", false);
  remember("show-policy", true);
}

async function start() {
  connect();
  const { agents, preferred } = await api.agents();
  table.agents = agents;
  table.preferred = preferred;
  const games = [...new Map(agents.map((agent) => [agent.game.name, agent.game])).values()];
  $("game").replaceChildren(...games.map((game) => element("option", { value: game.name }, game.title)));
  $("game-choice").hidden = games.length < 2;
  await attempt(restore);
  showView();
}

attempt(start);
