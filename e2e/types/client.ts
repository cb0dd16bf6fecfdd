// A client of which the compiler checks every word against the service's own description.
import createClient from "openapi-fetch";
import type { paths } from "./todo.js";

export const connect = (url: string, token: string) =>
  createClient<paths>({
    baseUrl: url,
    headers: { Authorization: `Bearer ${token}` },
    querySerializer: { array: { style: "form", explode: false } }, // lists are separated by commas
  });

export async function payRent(todo: ReturnType<typeof connect>): Promise<string[]> {
  const { data: task, error } = await todo.POST("/api/tasks", { body: { title: "Pay rent", priority: "high" } });
  if (!task) throw new Error(error.detail);
  await todo.PATCH("/api/tasks/{id}/complete", { params: { path: task }, body: { completed: true } });
  const { data: tasks = [] } = await todo.GET("/api/tasks", {
    params: { query: { status: "completed", sort: ["priority", "due_date"], order: ["asc"] } },
  });
  return tasks.map(({ title, priority, completed }) => `${title}, ${priority}, ${completed}`);
}
