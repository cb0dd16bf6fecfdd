// A user's tasks on the device, without a network, too: read and written there, exchanged with the service.
// With TypeScript take tasks.d.ts along, which `tsc` makes of the types in here.
import { PASSING } from "./send.js";
/** @import { Fields, Problem, Send } from "./send.js" */

/**
 * What users say of a task. It is due on a day, "2026-12-01", or at a moment, "2026-12-01T09:00:00Z".
 * @typedef {{ title: string, description: string | null, completed: boolean,
 *   priority: "low" | "medium" | "high" | null, due_date: string | null }} Members
 */
/**
 * What the service answers with.
 * @typedef {Members & { id: string, user_id: string, completed_at: string | null, created_at: string,
 *   updated_at: string, revision: number }} Task
 */
/**
 * A task as the user wants it. One with a `problem` was refused: `current` is what the service has instead,
 * if anything, and `isRemoved` tells that the user wanted it to go.
 * @typedef {Members & { id: string, created_at: string, revision?: number, isUnsent?: true,
 *   isRemoved?: boolean, current?: Task, problem?: Problem }} Shown
 */
/**
 * What is waiting to be sent; `seen` is the task as it was when the user changed or removed it.
 * @typedef {{ key: string, method: "PUT" | "PATCH" | "DELETE", id: string, body?: Partial<Shown>,
 *   seen?: Shown, problem?: Problem }} Write
 */
/** @typedef {{ token: string, tasks: Record<string, Task>, queue: Write[] }} State */
/** @typedef {(state: State) => void} Edit */
/** @typedef {{ type: "upsert", task: Task } | { type: "delete", id: string }} Change */
/** @typedef {{ changes: Change[], token: string, has_more: boolean }} News */

// --- comparing
const SPACE_AROUND = /^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g;
const MOMENT = /^(\d{4}-\d\d-\d\d)\D(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d:\d\d)?$/;

/** What the service makes of a member: it answers with this, whatever form was sent.
 *  @param {string} member @param {any} value */
function canonical(member, value) {
  if (member === "title") return value?.replace(SPACE_AROUND, "");
  const parts = member === "due_date" && MOMENT.exec(value);
  if (!parts) return value;
  const [, day, time, seconds = 0, fraction = "", offset = "Z"] = parts;
  const moment = new Date(Date.parse(`${day}T${time}${offset.toUpperCase()}`) + 1000 * Number(seconds));
  if (Number.isNaN(moment.getTime())) return value; // which will be refused
  const microseconds = fraction.slice(0, 6).padEnd(6, "0");
  return moment.toISOString().replace(/\.000Z$/, Number(microseconds) ? `.${microseconds}Z` : "Z");
}

/** @param {string} member @param {any} one @param {any} other */
const isSame = (member, one, other) =>
  JSON.stringify(canonical(member, one)) === JSON.stringify(canonical(member, other));

/** Whether somebody else has changed what this write changes or removes, and not to what it says.
 *  @param {{ body?: any, seen?: any }} write @param {any} known what the service has, as far as we know */
function isContested({ body, seen }, known) {
  const isChanged = (/** @type {string} */ member) =>
    !isSame(member, known[member], seen[member]) && !(body && isSame(member, known[member], body[member]));
  return Boolean(seen) && Object.keys(body ?? BLANK).some(isChanged);
}

// --- working offline
/** @type {Members} */
const BLANK = { title: "", description: null, completed: false, priority: null, due_date: null };
const CONTESTED = { status: 412, code: "precondition_failed", detail: "This was changed elsewhere, too." };

/** What the device begins anew with, where it cannot go on. @type {Record<string, Partial<State>>} */
const AFRESH = {
  sync_token_expired: { token: "" }, // away for too long: read everything
  account_erased: { token: "", tasks: {}, queue: [] }, // whoever erased it wants nothing of it back
};

/** @param {Shown} task @returns {Shown} */
const plain = ({ isUnsent, isRemoved, current, problem, ...task }) => task;

/**
 * A user's tasks on this device: read and written at once, exchanged with the service by `sync`.
 * @param {Send} send
 * @param {string} userId
 * @param {Pick<Storage, "getItem" | "setItem">} storage
 */
export function openTasks(send, userId, storage = localStorage) {
  const name = `tasks:${userId}`;
  /** @returns {State} */
  const read = () => JSON.parse(storage.getItem(name) ?? '{"token": "", "tasks": {}, "queue": []}');
  /** @param {Edit} how */
  const change = (how) => {
    const state = read();
    how(state);
    storage.setItem(name, JSON.stringify(state));
  };
  /** @param {Omit<Write, "key">} what */
  const write = (what) => change(({ queue }) => queue.push({ key: crypto.randomUUID(), ...what }));

  /** What the service has said, with what it has not heard yet; in no order. */
  function list() {
    const { tasks, queue } = read();
    /** @type {Record<string, Shown>} */
    const shown = { ...tasks };
    for (const { method, id, body, seen, problem = shown[id]?.problem } of queue) {
      const isRemoved = method === "DELETE";
      const task = /** @type {Shown} */ ({ ...seen, ...shown[id], ...(body ?? seen) });
      shown[id] = { ...task, id, isUnsent: true, isRemoved, current: tasks[id], problem };
    }
    return Object.values(shown).filter(({ isRemoved, problem }) => !isRemoved || problem);
  }

  /** Send what was written, in its order; but what follows on a refused write waits with it. */
  async function push() {
    /** @param {Write} write @param {number} _ @param {Write[]} queue */
    const isFree = ({ id }, _, queue) => !queue.some((write) => write.id === id && write.problem);
    for (let write; (write = read().queue.find(isFree)); ) change(await deliver(write));
  }

  // --- delivering
  /** Send one write; return how that changes the state. @param {Write} write @returns {Promise<Edit>} */
  async function deliver(write) {
    const { key, method, id, body, seen } = write;
    /** @param {Task} [task] none if it is gone @returns {Edit} */
    const done = (task) => (state) => {
      state.queue = state.queue.filter((other) => other.key !== key);
      if (task) state.tasks[id] = task;
      else delete state.tasks[id];
    };
    /** @param {Problem} problem @returns {Edit} */
    const refused = (problem) => (state) =>
      (state.queue = state.queue.map((other) => (other.key === key ? { ...other, problem } : other)));
    const known = read().tasks[id] ?? seen;
    if (isContested(write, known)) return refused(CONTESTED);
    /** @type {Fields} */
    const condition = method === "PUT" ? { "If-None-Match": "*" } : { "If-Match": `"${known?.revision}"` };
    try {
      return done(await send(method, `/api/tasks/${id}`, body, { "Idempotency-Key": key, ...condition }));
    } catch (error) {
      const { status, code, current } = /** @type {Problem} */ (error);
      if (method === "PUT" && code === "precondition_failed") return done(current); // it had arrived
      if (method === "PUT" && code === "task_deleted") return done(); // and was deleted since
      if (method === "DELETE" && code === "not_found") return done();
      if (code === "precondition_failed" && current) return ({ tasks }) => (tasks[id] = current); // again
      if (status < 500 && ![401, ...PASSING].includes(status)) return refused(/** @type {Problem} */ (error));
      throw error; // the write stays in the queue
    }
  }

  // --- following
  /** What has changed since. @param {string} token @returns {Promise<News>} */
  const news = (token, limit = 1000) =>
    send("GET", `/api/tasks/changes?since=${encodeURIComponent(token)}&limit=${limit}`);

  /** @returns {Promise<void>} */
  async function pull() {
    const { token, tasks: known } = read();
    const { changes, token: next, has_more } = await news(token);
    const tasks = token ? known : {};
    for (const one of changes) {
      if (one.type === "upsert") tasks[one.task.id] = one.task;
      else delete tasks[one.id];
    }
    change((state) => Object.assign(state, { token: next, tasks }));
    if (has_more) await pull();
  }

  /** @returns {Promise<void>} */
  async function exchange() {
    const { token, queue } = read();
    try {
      if (token && queue.length) await news(token, 1); // nothing is sent to an account that was erased since
      await push();
      await pull();
    } catch (error) {
      const afresh = AFRESH[/** @type {Problem} */ (error).code];
      if (!afresh) throw error;
      change((state) => Object.assign(state, afresh));
      await exchange();
    }
  }

  // ---
  /** One sync waits for the one that runs, here or in another tab; it will do for all that ask.
   *  @type {Promise<unknown> | undefined} */
  let next;
  return {
    list,
    /** Add a task and return its id, which is not that of one that was deleted: those do not come back.
     *  @param {Partial<Shown> & { title: string }} task */
    create(task) {
      const fresh = { id: crypto.randomUUID(), created_at: new Date().toISOString() };
      const { id, ...body } = plain({ ...BLANK, ...fresh, ...task });
      write({ method: "PUT", id, body });
      return id;
    },
    /** @param {Shown} seen as the user saw it @param {Partial<Members>} changes */
    update: (seen, changes) => write({ method: "PATCH", id: seen.id, body: changes, seen: plain(seen) }),
    /** @param {Shown} seen as the user saw it */
    remove: (seen) => write({ method: "DELETE", id: seen.id, seen: plain(seen) }),
    /** Forget what was not sent of a task. @param {string} id */
    discard: (id) => change((state) => (state.queue = state.queue.filter((write) => write.id !== id))),
    async sync() {
      await (next ??= navigator.locks.request(name, () => ((next = undefined), exchange())));
    },
  };
}
