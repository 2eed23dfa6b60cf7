// The tasks API, as one user.
// In: what to do. Out: tasks as the server has them.
// Owns: every path names the user of the token, so that one user's page never acts on another's tasks.

import { token, withToken } from "../session.js";

const PAGE = 25;

async function base() {
  return `/api/${encodeURIComponent((await token()).claims.sub)}/tasks`;
}

/** @param {"all" | "open" | "done"} which */
export async function list(which) {
  const filter = which === "all" ? "" : `&completed=${which === "done"}`;
  return follow(`${await base()}?limit=${PAGE}${filter}`);
}

/** A page of tasks, and where the next one is. */
export async function follow(path) {
  const { body, headers } = await withToken(path);
  const [, next = null] = /<([^>]+)>; rel="next"/.exec(headers.get("link") ?? "") ?? [];
  return { tasks: body, next };
}

export async function add(draft) {
  return (await withToken(await base(), { method: "POST", body: draft })).body;
}

export async function replace(id, draft) {
  return (await withToken(`${await base()}/${id}`, { method: "PUT", body: draft })).body;
}

export async function complete(id, completed) {
  return (await withToken(`${await base()}/${id}/complete`, { method: "PATCH", body: { completed } })).body;
}

export async function remove(id) {
  await withToken(`${await base()}/${id}`, { method: "DELETE" });
}
