// The page during training. It asks for the state, is answered when there is a newer one, and
// draws it. A page that is hidden asks for the end alone.

import { element, shape } from "/static/draw.js";

const BETWEEN_MS = 200;
const AGAIN_MS = 1000;
const ATTEMPTS = 3;
const SPOKEN_EVERY_MS = 10000;
const SIDE = 20;

const at = (id) => document.getElementById(id);
let version = -1;
let chosen = null;
let asked = null;
let spoken = { tone: "", at: 0 };
const drawn = {};

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function ask() {
  const query = new URLSearchParams({ after: version });
  if (chosen) query.set("trial", chosen);
  if (document.hidden) query.set("wait", "end");
  asked = new AbortController();
  const answer = await fetch(`/api/live?${query}`, { signal: asked.signal });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

async function watch() {
  let failed = 0;
  while (failed < ATTEMPTS) {
    try {
      const state = await ask();
      failed = 0;
      if (state.version !== version) show(state);
      version = state.version;
      if (state.phase === "ended") return;
      await sleep(BETWEEN_MS);
    } catch (error) {
      if (error.name === "AbortError") continue;
      failed += 1;
      await sleep(AGAIN_MS);
    }
  }
  at("detail").textContent = "The training no longer answers: it has ended. Its results are where it said.";
  say("The training no longer answers.");
}

function show(state) {
  document.title = `${state.verdict.headline} · ${state.experiment}`;
  at("run").textContent = [state.experiment, state.run, state.game?.title].filter(Boolean).join(" · ");
  at("headline").textContent = state.verdict.headline;
  at("headline").dataset.tone = state.verdict.tone;
  at("detail").textContent = state.verdict.detail;
  at("which").hidden = !state.which;
  at("which").textContent = state.which ?? "";
  announce(state);
  showCurves(state.curves, state.is_exact);
  showTrials(state);
  // A trial that has not been drawn must not keep the boards of another one.
  at("openings").hidden = at("losing").hidden = !state.picture;
  if (state.picture) showBoards(state);
  if (state.phase === "ended") {
    at("losing").hidden ||= state.verdict.tone === "win";
    showReport(state);
  }
}

// A reader hears of every change of the verdict, and now and then of the figures.
function announce(state) {
  const now = Date.now();
  const tone = `${state.phase} ${state.verdict.tone}`;
  if (tone === spoken.tone && now - spoken.at < SPOKEN_EVERY_MS) return;
  spoken = { tone, at: now };
  say([`${state.verdict.headline}.`, state.verdict.detail, state.which].filter(Boolean).join(" "));
}

function say(words) {
  at("spoken").textContent = words;
}

// Draw a part only if it has changed, so that nothing flickers.
function unlessDrawn(part, content, draw) {
  const text = JSON.stringify(content);
  if (drawn[part] === text) return;
  drawn[part] = text;
  draw();
}

function showBoards({ game, picture }) {
  at("openings").hidden = !picture.openings.length;
  const known = picture.openings.filter((one) => one.keeps !== null);
  const wrong = known.filter((one) => !one.keeps).length;
  at("openings-note").textContent = known.length
    ? `Its move in the first positions, up to symmetry: ${wrong || "no"} mistake${wrong === 1 ? "" : "s"} in ${known.length}.`
    : "Its move in the first positions, up to symmetry; their values are not known.";

  showList("opening-boards", game, picture.openings, (one) => ({ ...one, squares: [...one.squares, one.choice] }));
  const games = picture.losing_games;
  at("losing").hidden = !games.length;
  at("losing-note").textContent =
    picture.num_losing_games === null
      ? "Some that were found, the shortest ones."
      : `${games.length} of ${picture.num_losing_games.toLocaleString("en")}, the shortest ones, each by another mistake (red).`;
  showList("losing-boards", game, games, (one) => one);
}

const tone = (keeps) => (keeps === null ? "plain" : keeps ? "good" : "bad");

function showList(id, game, boards, prepare) {
  const list = at(id);
  boards.forEach((one, place) => {
    unlessDrawn(`${id} ${place}`, one, () => {
      const caption = one.caption ? [element("p", {}, one.caption)] : [];
      const item = element("li", {}, board(game, prepare(one)), ...caption);
      if (list.children[place]) list.children[place].replaceWith(item);
      else list.append(item);
    });
  });
  while (list.children.length > boards.length) {
    delete drawn[`${id} ${list.children.length - 1}`];
    list.lastChild.remove();
  }
}

function board(game, one) {
  const width = game.cols * SIDE;
  const height = game.rows * SIDE;
  const corner = (square) => [(square % game.cols) * SIDE, Math.floor(square / game.cols) * SIDE];
  const parts = [];
  const tint = (square, kind) => {
    const [x, y] = corner(square);
    parts.push(shape("rect", { x: x + 1, y: y + 1, width: SIDE - 2, height: SIDE - 2, rx: 3, class: `tint ${kind}` }));
  };
  if (one.choice !== undefined) tint(one.choice, tone(one.keeps));
  for (const square of one.won ?? []) tint(square, "bad");
  const lines = [];
  for (let col = 1; col < game.cols; col += 1) lines.push(`M${col * SIDE} 0V${height}`);
  for (let row = 1; row < game.rows; row += 1) lines.push(`M0 ${row * SIDE}H${width}`);
  parts.push(shape("path", { d: lines.join("") || "M0 0", class: "lines" }));
  one.squares.forEach((square, ply) => {
    const [x, y] = corner(square);
    const isChosen = square === one.choice;
    const kind = isChosen ? `${tone(one.keeps)} chosen` : ply === one.mistake ? "bad" : "";
    parts.push(
      ply % 2 === 0
        ? shape("path", { d: `M${x + 6} ${y + 6}l8 8m0 -8l-8 8`, class: `mark ${kind}` })
        : shape("circle", { cx: x + SIDE / 2, cy: y + SIDE / 2, r: 4.6, class: `mark ${kind}` }),
    );
    if (one.choice === undefined) parts.push(shape("text", { x: x + 1.5, y: y + 5.5 }, String(ply + 1)));
  });
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "board", role: "img", "aria-label": one.label }, ...parts);
}

function showCurves(curves, isExact) {
  at("figures").hidden = !curves.length;
  at("curve-title").textContent = isExact ? "NashConv over moves" : "Mean score over moves";
  at("curve-note").hidden = !isExact;
  if (!curves.length) return;
  unlessDrawn("curve", curves, () => at("curve").replaceChildren(chart(curves)));
}

function chart(curves) {
  const [width, height, left, right, top, bottom] = [430, 240, 30, 10, 12, 40];
  const points = curves.flatMap((curve) => curve.points);
  const most = Math.max(1, ...points.map(([moves]) => moves));
  const high = Math.max(1, Math.ceil(Math.max(...points.map(([, figure]) => figure))));
  const low = Math.min(0, Math.floor(Math.min(...points.map(([, figure]) => figure))));
  const x = (moves) => left + (moves / most) * (width - left - right);
  const y = (figure) => top + ((high - figure) / (high - low)) * (height - top - bottom);
  const parts = [];
  for (let figure = low; figure <= high; figure += 1) {
    parts.push(shape("path", { d: `M${left} ${y(figure)}H${width - right}`, class: "axis" }));
    parts.push(shape("text", { x: left - 8, y: y(figure) + 4, "text-anchor": "end" }, String(figure)));
  }
  parts.push(shape("text", { x: left, y: height - bottom + 18 }, "0"));
  const end = `${most.toLocaleString("en")} moves`;
  parts.push(shape("text", { x: width - right, y: height - bottom + 18, "text-anchor": "end" }, end));
  curves.toReversed().forEach((curve, place) => {
    const isSecond = place < curves.length - 1;
    const path = curve.points.map(([moves, figure], number) => `${number ? "L" : "M"}${x(moves).toFixed(1)} ${y(figure).toFixed(1)}`);
    parts.push(shape("path", { d: path.join(""), class: isSecond ? "line second" : "line" }));
    if (isSecond) return;
    const [moves, figure] = curve.points.at(-1);
    parts.push(shape("circle", { cx: x(moves), cy: y(figure), r: 4, class: "dot" }));
  });
  curves.forEach((curve, place) => {
    const start = left + place * 170;
    const kind = place ? "line second" : "line";
    parts.push(shape("path", { d: `M${start} ${height - 8}h22`, class: kind }));
    const figure = curve.points.at(-1)[1].toFixed(2);
    parts.push(shape("text", { x: start + 28, y: height - 4, class: "name" }, `${curve.label}: ${figure}`));
  });
  const spokenFigures = curves.map((curve) => `${curve.label} ${curve.points.at(-1)[1].toFixed(2)}`).join(", ");
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": `Now ${spokenFigures}` }, ...parts);
}

function showTrials({ trials, shown, phase }) {
  const ended = phase === "ended";
  at("trials").hidden = trials.length < 2;
  if (trials.length < 2) return;
  unlessDrawn("trials", [trials, shown, ended], () => {
    const focused = document.activeElement?.dataset?.trial;
    const lines = trials.map((trial) => {
      const figure = trial.nash_conv === null ? "" : trial.nash_conv.toFixed(2);
      const words = [`trial ${trial.name}${trial.is_best ? (ended ? ", best" : ", leading") : ""}`, `${trial.moves.toLocaleString("en")} moves`, figure];
      const line = element(
        "button",
        { type: "button", class: trial.is_best ? "best" : "", "aria-pressed": String(trial.name === shown), "data-trial": trial.name, "aria-disabled": String(ended) },
        ...words.map((word) => element("span", {}, word)),
      );
      // At the end nobody answers any more; the lines can still be read and scrolled by keyboard.
      if (!ended) line.addEventListener("click", () => choose(trial.name));
      return line;
    });
    at("trials").replaceChildren(...lines);
    if (focused) at("trials").querySelector(`[data-trial="${focused}"]`)?.focus();
  });
}

function choose(trial) {
  chosen = trial;
  version = -1;
  asked?.abort();
}

function showReport(state) {
  at("place").textContent = state.folder ?? "";
  if (!state.report || at("report").querySelector("iframe")) return;
  at("report").hidden = false;
  at("report").append(element("iframe", { src: "/report", title: "The run's report" }));
}

document.addEventListener("visibilitychange", () => asked?.abort());
watch();
