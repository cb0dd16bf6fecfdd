/**
 * A user's tasks on this device: read and written at once, exchanged with the service by `sync`.
 * @param {Send} send
 * @param {string} userId
 * @param {Pick<Storage, "getItem" | "setItem">} storage
 */
export function openTasks(send: Send, userId: string, storage?: Pick<Storage, "getItem" | "setItem">): {
    list: () => Shown[];
    /** Add a task and return its id, which is not that of one that was deleted: those do not come back.
     *  @param {Partial<Shown> & { title: string }} task */
    create(task: Partial<Shown> & {
        title: string;
    }): string;
    /** @param {Shown} seen as the user saw it @param {Partial<Members>} changes */
    update: (seen: Shown, changes: Partial<Members>) => void;
    /** @param {Shown} seen as the user saw it */
    remove: (seen: Shown) => void;
    /** Put a task into the first of these places that there is by then, or else at the end that is nearest.
     *  @param {Shown} task @param {Place[]} places */
    move({ id }: Shown, ...places: Place[]): void;
    /** Forget what was not sent of a task, but for where it is to go. @param {string} id */
    discard: (id: string) => void;
    sync(): Promise<void>;
};
export function foldTag(tag: string): string;
/**
 * What users say of a task. It is due on a day, "2026-12-01", or at a moment, "2026-12-01T09:00:00Z".
 */
export type Members = {
    title: string;
    description: string | null;
    completed: boolean;
    priority: "low" | "medium" | "high" | null;
    due_date: string | null;
    tags: string[];
};
/**
 * What the service answers with. By `position`, compared with `<`, the user has put the tasks in order.
 */
export type Task = Members & {
    id: string;
    user_id: string;
    completed_at: string | null;
    position: string;
    created_at: string;
    updated_at: string;
    revision: number;
};
/**
 * A task as the user wants it. One with a `problem` was refused: `current` is what the service has instead,
 * if anything, and `isRemoved` tells that the user wanted it to go.
 */
export type Shown = Members & {
    id: string;
    created_at: string;
    revision?: number;
    isUnsent?: true;
    isRemoved?: boolean;
    current?: Task;
    problem?: Problem;
};
/**
 * Where a task may go in the order by hand: beside another, of which this is the id, or to an end.
 */
export type Place = {
    before: string;
} | {
    after: string;
} | {
    to: "top" | "bottom";
};
/**
 * What is waiting to be sent; `seen` is the task as it was when the user changed or removed it. A move has
 * `places` instead, of which the first counts that there is.
 */
export type Write = {
    key: string;
    method: "PUT" | "PATCH" | "DELETE" | "POST";
    id: string;
    body?: Partial<Shown>;
    seen?: Shown;
    places?: Place[];
    problem?: Problem;
};
export type State = {
    token: string;
    tasks: Record<string, Task>;
    queue: Write[];
};
export type Edit = (state: State) => void;
export type Change = {
    type: "upsert";
    task: Task;
} | {
    type: "delete";
    id: string;
};
export type News = {
    changes: Change[];
    token: string;
    has_more: boolean;
};
import type { Send } from "./send.js";
import type { Problem } from "./send.js";
