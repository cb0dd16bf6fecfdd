// A Better Auth server as a frontend has one, whose users, sessions and keys outlive it in a file:
//
//   BETTER_AUTH_URL=http://127.0.0.1:4000 BETTER_AUTH_SECRET=… node server.mjs auth.db '{"jwt": …}'
//
// The last argument configures Better Auth's jwt plugin. BETTER_AUTH_TRUSTED_ORIGINS, comma-separated,
// are the origins whose pages may call the server.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { deserialize, serialize } from "node:v8";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import { SignJWT } from "jose";

const { BETTER_AUTH_URL, BETTER_AUTH_SECRET, BETTER_AUTH_TRUSTED_ORIGINS = "" } = process.env;
const [file, options = "{}"] = process.argv.slice(2);

const db = existsSync(file)
  ? deserialize(readFileSync(file))
  : { user: [], session: [], account: [], verification: [], jwks: [] };
const mails = [];

const auth = betterAuth({
  database: memoryAdapter(db),
  emailAndPassword: { enabled: true },
  emailVerification: { sendVerificationEmail: async ({ token }) => mails.push(token) },
  // Sessions are cached in cookies that the keys of the tokens sign, too: what is most easily mistaken for one.
  session: { cookieCache: { enabled: true, strategy: "jwt" } },
  plugins: [jwt({ sessionCookieCache: true, ...JSON.parse(options) })],
});

/** What a frontend does that has no jwt plugin: it signs with the secret that it shares with the service. */
async function signWithSecret(request) {
  const { user } = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
  return new SignJWT({ email: user.email, name: user.name })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user.id)
    .setExpirationTime("15m")
    .sign(new TextEncoder().encode(BETTER_AUTH_SECRET));
}

/** What Better Auth's `rotationInterval` brings about: the keys still count, but sign no more. */
function rotate() {
  for (const key of db.jwks) key.expiresAt = new Date();
}

const extras = {
  "GET /shared-secret-token": signWithSecret,
  "GET /mails": () => mails,
  "POST /rotate": rotate,
};

/** Let pages of the trusted origins call, with their cookies. */
function allow(request, response) {
  response.setHeader("Vary", "Origin");
  if (!BETTER_AUTH_TRUSTED_ORIGINS.split(",").includes(request.headers.origin)) return;
  response.setHeader("Access-Control-Allow-Origin", request.headers.origin);
  response.setHeader("Access-Control-Allow-Credentials", "true");
  response.setHeader("Access-Control-Allow-Headers", "Content-Type");
}

const betterAuthHandler = toNodeHandler(auth);

const server = createServer(async (request, response) => {
  allow(request, response);
  const extra = extras[`${request.method} ${request.url}`];
  if (request.method === "OPTIONS") response.writeHead(204).end();
  else if (extra) response.end(JSON.stringify((await extra(request)) ?? null));
  else await betterAuthHandler(request, response);
});
const { hostname, port } = new URL(BETTER_AUTH_URL);
server.listen(port, hostname);

process.on("SIGTERM", () => {
  writeFileSync(file, serialize(db));
  process.exit();
});
