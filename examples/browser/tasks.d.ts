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
    /** Forget what was not sent of a task. @param {string} id */
    discard: (id: string) => void;
    sync(): Promise<void>;
};
/**
 * What users say of a task. It is due on a day, "2026-12-01", or at a moment, "2026-12-01T09:00:00Z".
 */
export type Members = {
    title: string;
    description: string | null;
    completed: boolean;
    priority: "low" | "medium" | "high" | null;
    due_date: string | null;
};
/**
 * What the service answers with.
 */
export type Task = Members & {
    id: string;
    user_id: string;
    completed_at: string | null;
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
 * What is waiting to be sent; `seen` is the task as it was when the user changed or removed it.
 */
export type Write = {
    key: string;
    method: "PUT" | "PATCH" | "DELETE";
    id: string;
    body?: Partial<Shown>;
    seen?: Shown;
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
