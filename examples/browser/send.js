// How a web page calls the todo service: with tokens, ETags and, where that may help, again.
// With TypeScript take send.d.ts along, which `tsc` makes of the types in here.
/** @import { Task } from "./tasks.js" */

/**
 * What a sender throws, as an Error, unless nobody answered: then there is no status.
 * @typedef {{ status: number, code: string, detail: string, errors?: Record<string, string[]>,
 *   current?: Task, retryAfter?: number }} Problem
 */
/** @typedef {Record<string, string>} Fields */
/** @typedef {{ method: string, headers: Fields, body?: string }} Call */
/** @typedef {(method: string, path: string, body?: object, headers?: Fields) => Promise<any>} Send */

/** What the service answers that may do better the next time. */
export const PASSING = [409, 429, 502, 503, 504];

/**
 * A sender that tries again while that may help.
 * @param {string} url
 * @param {() => Promise<string>} getToken
 * @returns {Send}
 */
export function connect(url, getToken, tries = 6) {
  /** What was read, with its ETag: not the browser's cache, which other users share.
   *  @type {Map<string, { etag: string, text: string }>} */
  const known = new Map();
  /** Requests that find it expired at the same time share the fresh one, too.
   *  @type {Promise<string> | undefined} */
  let token;

  // --- asking
  /** @param {string} path @param {Call} request @returns {Promise<any>} */
  async function ask(path, request) {
    const old = request.method === "GET" ? known.get(path) : undefined;
    const condition = old && { "If-None-Match": old.etag };
    const headers = { "Content-Type": "application/json", ...condition, ...request.headers };
    const signal = AbortSignal.timeout(20_000);
    const answer = await fetch(url + path, { ...request, headers, signal, cache: "no-store" });
    if (old && answer.status === 304) return JSON.parse(old.text);
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({ detail: answer.statusText })); // a proxy's, perhaps
      const retryAfter = Number(answer.headers.get("Retry-After"));
      throw Object.assign(new Error(problem.detail), problem, { status: answer.status, retryAfter });
    }
    const text = await answer.text();
    const etag = request.method === "GET" && answer.headers.get("ETag");
    if (etag) known.set(path, { etag, text });
    return text ? JSON.parse(text) : undefined;
  }

  // --- signing
  /** @param {string} path @param {Call} request @returns {Promise<any>} */
  async function signed(path, request, isFresh = false) {
    const used = (token ??= getToken());
    const forget = () => (token = token === used ? undefined : token);
    used.catch(forget);
    try {
      const headers = { ...request.headers, Authorization: `Bearer ${await used}` };
      return await ask(path, { ...request, headers });
    } catch (error) {
      const { status, code } = /** @type {Problem} */ (error);
      if (status === 401) forget();
      if (code !== "token_expired" || isFresh) throw error;
      return signed(path, request, true);
    }
  }

  // --- retrying
  return async function send(method, path, body, headers) {
    const key = method !== "GET" && { "Idempotency-Key": crypto.randomUUID() }; // the same for every try
    const request = { method, headers: { ...key, ...headers }, body: body && JSON.stringify(body) };
    for (let tried = 1; ; tried++) {
      try {
        return await signed(path, request);
      } catch (error) {
        const { status, retryAfter } = /** @type {Problem} */ (error);
        const mayPass = status ? PASSING.includes(status) : navigator.onLine;
        if (!mayPass || tried === tries) throw error;
        const seconds = (retryAfter || 2 ** tried / 4) + Math.random();
        await new Promise((resume) => setTimeout(resume, 1000 * seconds));
      }
    }
  };
}
