// A client of which the compiler checks every word against the service's own description.
import createClient from "openapi-fetch";
import type { paths } from "./todo.js";

export const connect = (url: string, token: string) =>
  createClient<paths>({
    baseUrl: url,
    headers: { Authorization: `Bearer ${token}` },
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

export async function callEverything(todo: ReturnType<typeof connect>): Promise<number[]> {
  const body = { title: "Water the plants" };
  const id = (await todo.POST("/api/tasks", { body })).data?.id ?? "";
  const params = { path: { id } };
  const { data: news, response } = await todo.GET("/api/tasks/changes");
  for (const change of news?.changes ?? []) {
    const told: string = change.type === "delete" ? change.deleted_at : change.task.updated_at;
    console.assert(told.endsWith("Z"));
  }
  const { data: held } = await todo.GET("/api/account/export");
  console.assert(typeof held === "object" && held.tasks.some((task) => task.id === id)); // a string: CSV
  const answers = [
    await todo.GET("/api/tasks/{id}", { params }),
    await todo.PUT("/api/tasks/{id}", { params, body }),
    await todo.PATCH("/api/tasks/{id}", { params, body: { due_date: null } }),
    await todo.PATCH("/api/tasks/{id}", { params, body: { tags: ["garden"] } }),
    await todo.POST("/api/tasks/{id}/move", { params, body: { to: "bottom" } }),
    await todo.GET("/api/tasks", { params: { query: { tag: ["garden"], sort: ["position"] } } }),
    await todo.GET("/api/tasks/tags"),
    await todo.POST("/api/tasks/batch", { body: { operations: [{ op: "complete", id, completed: false }] } }),
    await todo.DELETE("/api/tasks/{id}", { params }),
    await todo.DELETE("/api/tasks", { params: { query: { status: "completed" } } }),
    await todo.GET("/api/account"),
    await todo.DELETE("/api/account", { body: { confirm: "erase" } }),
    await todo.GET("/"),
    await todo.GET("/health"),
    await todo.GET("/health/ready"),
    await todo.GET("/openapi.json"),
    await todo.GET("/docs", { parseAs: "text" }),
    await todo.GET("/docs/{asset}", { params: { path: { asset: "start.js" } }, parseAs: "text" }),
  ];
  return [response.status, ...answers.map((answer) => answer.response.status)];
}
