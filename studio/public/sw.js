/**
 * For the static site: keeps the page for visits without a network, and adds the two headers that threads need, which many
 * static hosts cannot send. The model's files are kept by the page itself (model-files.ts).
 */
const CACHE = "emilie-page";
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== location.origin || pathname.includes("/models/")) return;
  event.respondWith(mode === "navigate" ? page(event.request) : file(event.request, pathname));
});

/** The newest page there is. A new one makes the files of the old one useless. */
async function page(request) {
  const cache = await caches.open(CACHE);
  const key = new URL("./", location.href).href;
  const kept = await cache.match(key);
  try {
    const response = isolated(await fetch(request));
    if (!response.ok) return response;
    const text = await response.clone().text();
    if (kept && (await kept.clone().text()) !== text) await caches.delete(CACHE);
    await (await caches.open(CACHE)).put(key, response.clone());
    return response;
  } catch (error) {
    if (kept) return isolated(kept);
    throw error;
  }
}

/** Files under assets/ carry their hash in their name, so they never change. */
async function file(request, pathname) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept && pathname.includes("/assets/")) return isolated(kept);
  try {
    const response = isolated(await fetch(request));
    if (response.status === 200) await cache.put(request, response.clone()).catch(() => {});
    return response;
  } catch (error) {
    if (kept) return isolated(kept);
    throw error;
  }
}

function isolated(response) {
  if (response.status === 0 || response.redirected) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
