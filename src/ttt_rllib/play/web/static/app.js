// The page: what is on the table, and who moves next.

import * as api from "./api.js";
import { drawOpenings, openingsVerdict } from "./openings.js";
import { AnyBoard as Board } from "./own_game.js";
import { drawCourse, listMoves } from "./course.js";
import { element, mark } from "./draw.js";
import {
  YOU, agentOf, analyst, gameAgents, isWatched, lastMoveWords, lastOwnPly, mover, nameOf, positionAt,
  table, turnWords, verdictAt, wholeGame,
} from "./table.js";
import { sentence } from "./words.js";

const THINKING_MS = 420;
const WATCHING_MS = 900;
const TROUBLE_MS = 6000;

const $ = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const board = new Board($("board"), (action) => play(action));

// Show the current table; a later call supersedes an earlier one.
async function show() {
  const deal = ++table.deal;
  const [position, course] = await Promise.all([positionAt(table.ply), wholeGame()]);
  if (deal !== table.deal) return null;
  const open = position.result === null && table.seats[mover(table.ply)] === YOU;
  board.show(position, { open, truth: $("show-truth").checked, policy: $("show-policy").checked });
  showWords(position, course);
  showSide(course);
  showControls(position);
  return position;
}

function showWords(position, full) {
  const verdict = sentence(verdictAt(position, full));
  if ($("verdict").textContent !== verdict) $("verdict").textContent = verdict;
  const turn = turnWords(position);
  $("turn").textContent = turn;
  const said = [lastMoveWords(position), verdict, turn].filter(Boolean).join(" ");
  if ($("said").textContent !== said) $("said").textContent = said;
}

function showSide({ course, game }) {
  const at = { course, game, moves: table.moves, ply: table.ply };
  drawCourse($("course"), at, go);
  listMoves($("moves"), at, go);
  const isKnown = (field) => course.some((point) => point[field] !== null);
  $("course").hidden = !isKnown("value") && !isKnown("estimate");
  $("course-key").hidden = !isKnown("estimate");
  $("truth-key").hidden = !isKnown("value");
  const whose = nameOf(analyst(table.ply));
  $("whose").textContent = $("show-policy").checked ? `of ${whose}` : "";
  $("about").replaceChildren(...["X", "O"].flatMap((seat) => aboutSeat(seat)));
}

function aboutSeat(seat) {
  const id = table.seats[seat];
  const words = id === YOU ? ["You"] : [agentOf(id).name, element("span", {}, agentOf(id).about)];
  return [element("dt", {}, mark(seat, ""), element("span", { class: "unseen" }, seat)), element("dd", {}, ...words)];
}

function showControls(position) {
  const atStart = table.ply === 0;
  const atEnd = table.ply === table.moves.length;
  const agentToMove = position.result === null && table.seats[mover(table.ply)] !== YOU;
  $("first").disabled = $("back").disabled = atStart;
  $("last").disabled = $("forward").disabled = atEnd;
  $("run").disabled = !agentToMove;
  $("run").classList.toggle("playing", table.running && agentToMove && atEnd);
  $("run").setAttribute("aria-label", table.running && atEnd ? "Pause the agents" : "Let the agents play");
  $("undo").disabled = lastOwnPly() === null;
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

function toggleRun() {
  if ($("run").disabled) return;
  const wasRunning = table.running && table.ply === table.moves.length;
  table.running = !wasRunning;
  if (table.running) begin(table.moves.slice(0, table.ply));
  else attempt(show);
}

function swap() {
  seat({ X: table.seats.O, O: table.seats.X });
}

function seat(seats) {
  table.seats = seats;
  $("seat-x").value = seats.X;
  $("seat-o").value = seats.O;
  begin();
}

// The agent the server was started with, else the newest run of the game, else a fixed player.
function offeredAgent() {
  const here = gameAgents();
  const isPreferred = (agent) => agent.id === table.preferred;
  return (here.find(isPreferred) ?? here.find((agent) => agent.is_trained) ?? here[0]).id;
}

function chooseGame(name) {
  const first = table.agents.find((agent) => agent.game.name === name);
  table.game = first.game;
  const options = (extra) => [
    ...(extra ? [element("option", { value: YOU }, "You")] : []),
    ...gameAgents().map((agent) => element("option", { value: agent.id }, agent.name)),
  ];
  $("seat-x").replaceChildren(...options(true));
  $("seat-o").replaceChildren(...options(true));
  $("openings-agent").replaceChildren(...options(false));
  const offered = offeredAgent();
  $("openings-agent").value = offered;
  seat({ X: YOU, O: offered });
}

async function showOpenings() {
  const id = $("openings-agent").value;
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

function showView() {
  const openings = location.hash === "#openings";
  if ($("openings-view").hidden === openings) window.scrollTo(0, 0);
  $("play-view").hidden = openings;
  $("openings-view").hidden = !openings;
  for (const [id, isHere] of [["nav-openings", openings], ["nav-play", !openings]]) {
    if (isHere) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  }
  if (openings) attempt(showOpenings);
}

// Errors are sentences from the server; they are shown for a while.
async function attempt(step) {
  try {
    await step();
  } catch (error) {
    const isKnown = error instanceof api.Refused;
    $("trouble").textContent = isKnown ? error.message : "The server does not answer; is it still running?";
    $("trouble").hidden = false;
    setTimeout(() => { $("trouble").hidden = true; }, TROUBLE_MS);
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
  n: () => begin(),
  s: swap,
  t: () => $("show-truth").click(),
  p: () => $("show-policy").click(),
};

function press(event) {
  const isElsewhere = event.target.closest("select, input, summary, a");
  const isButton = event.target.closest("button");
  if (isElsewhere || event.altKey || event.ctrlKey || event.metaKey || $("play-view").hidden) return;
  if (event.key === " " && isButton) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (/^[1-9]$/.test(key)) {
    const count = table.game.gravity ? table.game.cols : table.game.rows * table.game.cols;
    const square = Number(key) - 1;
    if (square < count) board.press(square);
  } else if (KEYS[key]) {
    event.preventDefault();
    KEYS[key]();
  }
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
    new: () => begin(),
    swap,
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  for (const id of ["seat-x", "seat-o"]) {
    $(id).addEventListener("change", () => seat({ X: $("seat-x").value, O: $("seat-o").value }));
  }
  $("game").addEventListener("change", () => {
    chooseGame($("game").value);
    showView();
  });
  $("openings-agent").addEventListener("change", () => attempt(showOpenings));
  document.addEventListener("keydown", press);
  window.addEventListener("hashchange", showView);
  remember("show-truth", true);
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
  $("game").value = agentOf(preferred).game.name;
  chooseGame($("game").value);
  showView();
}

attempt(start);
