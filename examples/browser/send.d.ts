/**
 * A sender that tries again while that may help.
 * @param {string} url
 * @param {() => Promise<string>} getToken
 * @returns {Send}
 */
export function connect(url: string, getToken: () => Promise<string>, tries?: number): Send;
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
export const PASSING: number[];
/**
 * What a sender throws, as an Error, unless nobody answered: then there is no status.
 */
export type Problem = {
    status: number;
    code: string;
    detail: string;
    errors?: Record<string, string[]>;
    current?: Task;
    retryAfter?: number;
};
export type Fields = Record<string, string>;
export type Call = {
    method: string;
    headers: Fields;
    body?: string;
};
export type Send = (method: string, path: string, body?: object, headers?: Fields) => Promise<any>;
import type { Task } from "./tasks.js";
