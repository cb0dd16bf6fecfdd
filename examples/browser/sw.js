// A service worker that keeps the page itself, so that it opens without a network, too. What the service
// answers is none of its business: tasks.js keeps that.
const CACHE = "page";
const MODULES = "app config dialogs due find list messages order send session sign-in tags tasks".split(" ");
const FILES = ["./", "icon.svg", "style.css", ...MODULES.map((name) => `${name}.js`)];

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  if (new URL(event.request.url).origin === location.origin) event.respondWith(newestOf(event.request));
});

async function newestOf(request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request, { cache: "no-cache" });
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  } catch {
    return (await cache.match(request, { ignoreSearch: true })) ?? Response.error();
  }
}
