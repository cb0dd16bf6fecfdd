/**
 * How a web page calls the todo service: `connect` sends, `openTasks` keeps the tasks on the device.
 * @typedef {{ id: string, title: string, description: ?string, completed: boolean, due_date: ?string,
 *   priority: "low" | "medium" | "high" | null, created_at: string, revision: number }} Task
 * @typedef {{ status: number, code: string, detail: string, errors?: Record<string, string[]> }} Problem
 * @typedef {Task & { isUnsent?: true, current?: Task, problem?: Problem }} Shown
 * @typedef {(method: string, path: string, body?: object, headers?: object) => Promise<any>} Send
 */

const PASSING = [409, 429, 502, 503, 504];

/** A sender that tries again while that may help; what it throws is a Problem, unless nobody answered.
 *  @type {(url: string, getToken: () => Promise<string>, tries?: number) => Send} */
export function connect(url, getToken, tries = 6) {
  const known = new Map(); // what was read, with its ETag: not the browser's cache, which other users share
  let token; // a promise: requests that find it expired at the same time share the fresh one, too

  // --- asking
  async function ask(path, request) {
    const old = request.method === "GET" ? known.get(path) : undefined;
    const condition = old && { "If-None-Match": old.etag };
    const headers = { "Content-Type": "application/json", ...condition, ...request.headers };
    const signal = AbortSignal.timeout(20_000);
    const answer = await fetch(url + path, { ...request, headers, signal, cache: "no-store" });
    if (answer.status === 304) return JSON.parse(old.text);
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
  async function signed(path, request, isFresh = false) {
    const used = (token ??= getToken());
    const forget = () => (token = token === used ? undefined : token);
    used.catch(forget);
    try {
      const headers = { ...request.headers, Authorization: `Bearer ${await used}` };
      return await ask(path, { ...request, headers });
    } catch (error) {
      if (error.status === 401) forget();
      if (error.code !== "token_expired" || isFresh) throw error;
      return signed(path, request, true);
    }
  }

  // --- retrying
  return async function send(method, path, body, headers) {
    const key = method === "POST" && { "Idempotency-Key": crypto.randomUUID() }; // the same for every try
    const request = { method, headers: { ...key, ...headers }, body: body && JSON.stringify(body) };
    for (let tried = 1; ; tried++) {
      try {
        return await signed(path, request);
      } catch (error) {
        const mayPass = error.status ? PASSING.includes(error.status) : navigator.onLine;
        if (!mayPass || tried === tries) throw error;
        const seconds = (error.retryAfter || 2 ** tried / 4) + Math.random();
        await new Promise((resume) => setTimeout(resume, 1000 * seconds));
      }
    }
  };
}

// --- working offline
const CONTESTED = { status: 412, code: "precondition_failed", detail: "This was changed elsewhere, too." };
const plain = ({ isUnsent, current, problem, ...task }) => task;

/** A user's tasks on this device: read and written at once, exchanged with the service by `sync`. */
export function openTasks(/** @type {Send} */ send, /** @type {string} */ userId, storage = localStorage) {
  const name = `tasks:${userId}`;
  const read = () => JSON.parse(storage.getItem(name) ?? '{"token": "", "tasks": {}, "queue": []}');
  const change = (how) => {
    const state = read();
    how(state);
    storage.setItem(name, JSON.stringify(state));
  };
  const write = (what) => change(({ queue }) => queue.push({ key: crypto.randomUUID(), ...what }));

  /** What the service has said, with what it has not heard yet; in no order. @returns {Shown[]} */
  function list() {
    const { tasks, queue } = read();
    const shown = { ...tasks };
    for (const { method, id, body, seen, problem = shown[id]?.problem } of queue) {
      if (method === "DELETE") delete shown[id];
      else shown[id] = { ...seen, ...shown[id], ...body, id, isUnsent: true, current: tasks[id], problem };
    }
    return Object.values(shown);
  }

  /** Send what was written, in its order; but what follows on a refused write waits with it. */
  async function push() {
    const isFree = ({ id }, _, queue) => !queue.some((write) => write.id === id && write.problem);
    for (let write; (write = read().queue.find(isFree)); ) change(await deliver(write));
  }

  // --- delivering
  /** Send one write; return how that changes what is on the device. */
  async function deliver({ key, method, id, body, seen }) {
    const done = (task) => (state) => {
      state.queue = state.queue.filter((write) => write.key !== key);
      state.tasks[id] = task; // undefined if it is gone, which JSON leaves out
    };
    const refused = (problem) => ({ queue }) => (queue.find((write) => write.key === key).problem = problem);
    const known = read().tasks[id] ?? seen;
    const isContested = (member) => known[member] !== seen[member] && known[member] !== body[member];
    if (method === "PATCH" && Object.keys(body).some(isContested)) return refused(CONTESTED);
    const conditions = { PUT: { "If-None-Match": "*" }, PATCH: { "If-Match": `"${known?.revision}"` } };
    try {
      return done(await send(method, `/api/tasks/${id}`, body, conditions[method]));
    } catch (error) {
      if (method === "DELETE" && error.code === "not_found") return done();
      if (method === "PUT" && error.code === "precondition_failed") return done(error.current);
      if (error.code === "precondition_failed") return ({ tasks }) => (tasks[id] = error.current); // again
      if (error.status < 500 && ![401, ...PASSING].includes(error.status)) return refused(error);
      throw error; // the write stays in the queue
    }
  }

  // --- following
  async function pull({ token, tasks }) {
    const news = await send("GET", `/api/tasks/changes?since=${encodeURIComponent(token)}`);
    for (const { task, id = task.id } of news.changes) tasks[id] = task; // none of a deleted one
    change((state) => Object.assign(state, { token: news.token, tasks }));
    if (news.has_more) await pull(read());
  }

  async function exchange() {
    await push();
    await pull(read()).catch((error) => {
      if (error.code !== "sync_token_expired") throw error;
      return pull({ token: "", tasks: {} }); // away for too long: start over
    });
  }

  // ---
  let next; // one sync waits for the one that runs, here or in another tab; it will do for all that ask
  return {
    list,
    create: (task) => write({ method: "PUT", id: task.id, body: plain(task) }), // also what was removed
    update: (seen, changes) => write({ method: "PATCH", id: seen.id, body: changes, seen: plain(seen) }),
    remove: (id) => write({ method: "DELETE", id }),
    discard: (id) => change((state) => (state.queue = state.queue.filter((write) => write.id !== id))),
    sync: () => (next ??= navigator.locks.request(name, () => ((next = undefined), exchange()))),
  };
}
