// The server's answers. Positions are cached, because the truth about them does not change.

const KEPT = 2000;
const positions = new Map();

export class Refused extends Error {}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.detail ?? `The server answered ${response.status}.`);
  return body;
}

const get = (path) => fetch(path).then(answer);

const post = (path, body) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).then(answer);

export const agents = () => get("/api/agents");

export const openings = (agent) => get(`/api/agents/${encodeURIComponent(agent)}/atlas`);

export const puzzles = (agent) => get(`/api/agents/${encodeURIComponent(agent)}/puzzles`);

export const move = (agent, moves) => post("/api/move", { agent, moves });

export async function position(agent, moves, you) {
  const key = `${agent} ${you} ${moves.join()}`;
  if (!positions.has(key)) {
    if (positions.size >= KEPT) positions.clear();
    positions.set(key, post("/api/position", { agent, moves, you }));
    positions.get(key).catch(() => positions.delete(key));
  }
  return positions.get(key);
}
