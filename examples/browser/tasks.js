// A user's tasks on the device, without a network, too: read and written there, exchanged with the service.
// With TypeScript take tasks.d.ts along, which `tsc` makes of the types in here.
import { PASSING } from "./send.js";
/** @import { Fields, Problem, Send } from "./send.js" */

/**
 * What users say of a task. It is due on a day, "2026-12-01", or at a moment, "2026-12-01T09:00:00Z".
 * @typedef {{ title: string, description: string | null, completed: boolean,
 *   priority: "low" | "medium" | "high" | null, due_date: string | null, tags: string[] }} Members
 */
/**
 * What the service answers with. By `position`, compared with `<`, the user has put the tasks in order.
 * @typedef {Members & { id: string, user_id: string, completed_at: string | null, position: string,
 *   created_at: string, updated_at: string, revision: number }} Task
 */
/**
 * A task as the user wants it. One with a `problem` was refused: `current` is what the service has instead,
 * if anything, and `isRemoved` tells that the user wanted it to go.
 * @typedef {Members & { id: string, created_at: string, revision?: number, isUnsent?: true,
 *   isRemoved?: boolean, current?: Task, problem?: Problem }} Shown
 */
/**
 * Where a task may go in the order by hand: beside another, of which this is the id, or to an end.
 * @typedef {{ before: string } | { after: string } | { to: "top" | "bottom" }} Place
 */
/**
 * What is waiting to be sent; `seen` is the task as it was when the user changed or removed it. A move has
 * `places` instead, of which the first counts that there is.
 * @typedef {{ key: string, method: "PUT" | "PATCH" | "DELETE" | "POST", id: string, body?: Partial<Shown>,
 *   seen?: Shown, places?: Place[], problem?: Problem }} Write
 */
/** @typedef {{ token: string, tasks: Record<string, Task>, queue: Write[] }} State */
/** @typedef {(state: State) => void} Edit */
/** @typedef {{ type: "upsert", task: Task } | { type: "delete", id: string }} Change */
/** @typedef {{ changes: Change[], token: string, has_more: boolean }} News */

/** By what tags are compared: those that agree but for case are one; so are "ß" and "SS", but not "ı" and "I".
 *  @param {string} tag */
export const foldTag = (tag) => tag.split("ı").map((part) => part.toLowerCase().toUpperCase()).join("ı");

// --- comparing
const SPACE_AROUND = /^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g;
const MOMENT = /^(\d{4}-\d\d-\d\d)\D(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d:\d\d)?$/;

/** @param {string} [text] */
const trimmed = (text) => text?.replace(SPACE_AROUND, "");

/** @param {string} tag @param {number} place @param {string[]} tags */
const isFirst = (tag, place, tags) => place === tags.map(foldTag).indexOf(foldTag(tag));

/** What the service makes of a member: it answers with this, whatever form was sent.
 *  @param {string} member @param {any} value */
function canonical(member, value) {
  if (member === "title") return trimmed(value);
  if (member === "tags") return (value ?? []).map(trimmed).filter(isFirst);
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

// --- ordering
/** @param {Task} one @param {Task} other */
const byPosition = (one, other) => (one.position < other.position ? -1 : 1); // not by any language's alphabet

/** @type {Place} */
const TOP = { to: "top" };

/** These ids, one of them moved to the first of these places that there is.
 *  @param {string[]} ids @param {string} id @param {Place[]} places */
function moved(ids, id, places) {
  const others = ids.filter((other) => other !== id);
  const indexes = places.map((place) => indexOf(place, others));
  others.splice(indexes.find((index) => index >= 0) ?? 0, 0, id);
  return others;
}

/** Where that is; -1 if the neighbour is gone. @param {Place} place @param {string[]} ids */
function indexOf(place, ids) {
  if ("to" in place) return place.to === "top" ? 0 : ids.length;
  if ("before" in place) return ids.indexOf(place.before);
  return ids.includes(place.after) ? ids.indexOf(place.after) + 1 : -1;
}

/** Whether a move of this task need not be sent if it is moved again: nothing was put beside it since.
 *  @param {string} id @param {Write} write @param {Write[]} later */
function isNeedless(id, write, later) {
  const isBeside = (/** @type {Place} */ place) => Object.values(place).includes(id);
  return write.id === id && write.places && !later.some(({ places }) => places?.some(isBeside));
}

// --- working offline
/** @type {Members} */
const BLANK = { title: "", description: null, completed: false, priority: null, due_date: null, tags: [] };
const CONTESTED = { status: 412, code: "precondition_failed", detail: "This was changed elsewhere, too." };

/** What the device begins anew with, where it cannot go on. @type {Record<string, Partial<State>>} */
const AFRESH = {
  sync_token_expired: { token: "" }, // away for too long: read everything
  account_erased: { token: "", tasks: {}, queue: [] }, // whoever erased it wants nothing of it back
};

/** What was kept before tasks had tags and positions does for now, and is read anew. @param {State} state */
function upgraded(state) {
  const old = Object.values(state.tasks).filter(({ position }) => position === undefined);
  for (const task of old) Object.assign(task, { tags: [], position: "" });
  return old.length ? { ...state, token: "" } : state;
}

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
  const read = () => upgraded(JSON.parse(storage.getItem(name) ?? '{"token": "", "tasks": {}, "queue": []}'));
  /** @param {Edit} how */
  const change = (how) => {
    const state = read();
    how(state);
    storage.setItem(name, JSON.stringify(state));
  };
  /** @param {Omit<Write, "key">} what */
  const write = (what) => change(({ queue }) => queue.push({ key: crypto.randomUUID(), ...what }));

  /** What the service has said, with what it has not heard yet; in the order by hand, what is new on top. */
  function list() {
    const { tasks, queue } = read();
    /** @type {Record<string, Shown>} */
    const shown = { ...tasks };
    let ids = Object.values(tasks).sort(byPosition).map(({ id }) => id);
    for (const { method, id, body, seen, places, problem = shown[id]?.problem } of queue) {
      if (places && !shown[id]) continue; // it was deleted elsewhere
      if (places || !shown[id]) ids = moved(ids, id, places ?? [TOP]);
      const isRemoved = method === "DELETE";
      const task = /** @type {Shown} */ ({ ...BLANK, ...seen, ...shown[id], ...(body ?? seen) });
      shown[id] = { ...task, id, isUnsent: true, isRemoved, current: tasks[id], problem };
    }
    return ids.map((id) => shown[id]).filter(({ isRemoved, problem }) => !isRemoved || problem);
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
    const { key, method, id, body, seen, places } = write;
    /** @param {Task} [task] none if it is gone @returns {Edit} */
    const done = (task) => (state) => {
      state.queue = state.queue.filter((other) => other.key !== key);
      if (task) state.tasks[id] = task;
      else delete state.tasks[id];
    };
    /** @param {Partial<Write>} changes @returns {Edit} */
    const changed = (changes) => (state) =>
      (state.queue = state.queue.map((other) => (other.key === key ? { ...other, ...changes } : other)));
    const known = read().tasks[id] ?? seen;
    if (isContested(write, known)) return changed({ problem: CONTESTED });
    /** @type {Fields} */
    const condition = method === "PUT" ? { "If-None-Match": "*" } : { "If-Match": `"${known?.revision}"` };
    const path = places ? `/api/tasks/${id}/move` : `/api/tasks/${id}`;
    try {
      return done(await send(method, path, places?.[0] ?? body, { "Idempotency-Key": key, ...condition }));
    } catch (error) {
      const problem = /** @type {Problem} */ (error);
      const { status, code, errors, current } = problem;
      if (errors?.before || errors?.after) return changed({ places: places?.slice(1) }); // it is gone
      if (places && code === "not_found") return done(known); // the task itself is; the changes will tell
      if (method === "PUT" && code === "precondition_failed") return done(current); // it had arrived
      if (method === "PUT" && code === "task_deleted") return done(); // and was deleted since
      if (method === "DELETE" && code === "not_found") return done();
      if (code === "precondition_failed" && current) return ({ tasks }) => (tasks[id] = current); // again
      if (status < 500 && ![401, ...PASSING].includes(status)) return changed({ problem });
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
    /** Put a task into the first of these places that there is by then, or else at the end that is nearest.
     *  @param {Shown} task @param {Place[]} places */
    move({ id }, ...places) {
      const ids = moved(list().map((task) => task.id), id, places);
      /** @type {Place} */
      const end = { to: ids.indexOf(id) < ids.length / 2 ? "top" : "bottom" };
      change((state) => {
        const { queue } = state;
        state.queue = queue.filter((write, index) => !isNeedless(id, write, queue.slice(index + 1)));
        state.queue.push({ key: crypto.randomUUID(), method: "POST", id, places: [...places, end] });
      });
    },
    /** Forget what was not sent of a task, but for where it is to go. @param {string} id */
    discard: (id) =>
      change((state) => {
        state.queue = state.queue.filter((write) => write.id !== id || (write.places && !write.problem));
      }),
    async sync() {
      await (next ??= navigator.locks.request(name, () => ((next = undefined), exchange())));
    },
  };
}
