// Speaks HTTP with the public API.
// In: a path and what to send. Out: what came back, or an ApiError.
// Owns: every failure, the network's too, has one shape with a stable code.

/** A little longer than the server lets a request take, in milliseconds. */
const PATIENCE = 35_000;

/** An answer that is an error. */
export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0 when there was no answer
   * @param {{code?: string, message?: string}} body
   * @param {number} wait seconds to wait before trying again; 0 when nothing was said
   */
  constructor(status, { code = "UNKNOWN", message = "Something went wrong" } = {}, wait = 0) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.wait = wait;
  }

  /** The names of the members of the body that did not fit: the message of VALIDATION_ERROR lists them. */
  get members() {
    return [...this.message.matchAll(/\[body\.(\w+)\]/g)].map(([, name]) => name);
  }
}

/**
 * Calls an operation.
 *
 * @param {string} path
 * @param {{method?: string, body?: object, bearer?: string, cookies?: boolean}} options `cookies: false` neither sends nor
 * keeps the session's cookie
 * @returns {Promise<{body: any, headers: Headers}>}
 * @throws {ApiError}
 */
export async function call(path, { method = "GET", body, bearer, cookies = true } = {}) {
  // In the language of the page, whatever the browser prefers.
  const headers = { accept: "application/json", "accept-language": document.documentElement.lang };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  const request = {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: cookies ? "same-origin" : "omit",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE),
  };
  const response = await fetch(path, request).catch(() => {
    throw new ApiError(0, { code: "NO_ANSWER", message: "The server does not answer" });
  });
  const { status, headers: sent } = response;
  // What is no JSON does not come from the API but from something in between.
  const said = status === 204 ? null : await response.json().catch(() => undefined);
  if (!response.ok || said === undefined) throw new ApiError(status, said, Number(sent.get("retry-after")) || 0);
  return { body: said, headers: sent };
}

/** Sends a body with POST. */
export function post(path, body = {}, options = {}) {
  return call(path, { ...options, method: "POST", body });
}
