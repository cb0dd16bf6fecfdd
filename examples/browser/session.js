// Who is signed in, and their tokens: from a Better Auth server, or one that was pasted.
import { authUrl } from "./config.js";

/** @returns {{ id: string, name: string } | null} whoever was signed in last, also after an offline reload */
export const lastUser = () => JSON.parse(localStorage.getItem("user"));
export const remember = (user) => localStorage.setItem("user", JSON.stringify(user));

/** @param {"sign-in" | "sign-up"} what @param {{ name?: string, email: string, password: string }} person */
export const enter = (what, person) => callAuthServer("POST", `${what}/email`, person);

export const useToken = (token) => sessionStorage.setItem("token", token);

// --- a token
/** A fresh token for the service. With Better Auth's own client: `(await authClient.token()).data?.token`. */
export async function getToken() {
  return sessionStorage.getItem("token") || (await callAuthServer("GET", "token")).token;
}
// ---

export async function leave() {
  if (!sessionStorage.getItem("token")) await callAuthServer("POST", "sign-out", {});
  sessionStorage.clear();
  localStorage.clear(); // the tasks, too: others may use this device
}

async function callAuthServer(method, path, body) {
  if (!authUrl) throw Object.assign(new Error("Please sign in."), { status: 401 });
  const answer = await fetch(`${authUrl}/api/auth/${path}`, {
    method,
    credentials: "include", // the session is a cookie of the auth server's
    headers: body && { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  throw Object.assign(new Error(said.message ?? answer.statusText), { status: answer.status });
}
