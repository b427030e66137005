/**
 * The service worker of the static page: after a first visit it comes without a network. One version is kept whole, and
 * served whole: a page and what it loads later are of one build. The model's files are not here; the page keeps those
 * itself (src/backend/page/model-files.ts), since they change less often than its code.
 */

/** Path → its hash as Subresource Integrity writes it: a file of another build is no file of this one. */
const FILES = /* the build's */ {};
const VERSION = /* the build's */ "";
const PREFIX = "emilie-page-";
const CACHE = PREFIX + VERSION;

self.addEventListener("install", (event) => event.waitUntil(keepAll()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
self.addEventListener("message", ({ data }) => {
  if (data === "take over") void self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { scope } = self.registration;
  if (method !== "GET" || !url.startsWith(scope)) return;
  const path = url.slice(scope.length).replace(/[?#].*$/, "");
  if (mode === "navigate" && (path === "" || path === "index.html")) event.respondWith(page());
  else if (Object.hasOwn(FILES, path) || path.startsWith("assets/"))
    event.respondWith(file(path, event.request));
});

/** All or nothing: where one file is missing or another's, this version is not installed and the one before stays. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  // Names in assets/ are of their content, so the browser's own cache is right about them; about others it may not be.
  const requests = Object.entries(FILES).map(
    ([path, integrity]) =>
      new Request(`./${path}`, { integrity, cache: path.startsWith("assets/") ? "default" : "no-cache" }),
  );
  try {
    await cache.addAll(requests);
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

async function forgetOthers() {
  for (const name of await caches.keys())
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
}

/**
 * Asks the newer version to take over, and for the page again once it has. Nothing else may be asked for meanwhile, be it an icon: a request starts this
 * version again while it ends, and the newer one then waits for five minutes. Not the header Refresh: an address with a # is then not asked for again.
 */
const TAKE_OVER = `<!doctype html><link rel="icon" href="data:,"><script>
  const workers = navigator.serviceWorker;
  workers.addEventListener("controllerchange", () => location.reload());
  workers.getRegistration().then((registration) => {
    if (registration?.waiting) registration.waiting.postMessage("take over");
    else location.reload();
  });
</script>`;

/** Where a newer version waits and no other tab has this one, the newer takes over. */
async function page() {
  if (self.registration.waiting && (await self.clients.matchAll()).length < 2)
    return isolated(new Response(TAKE_OVER, { headers: { "Content-Type": "text/html" } }));
  return file("", new Request("./"));
}

/** From this version; what is not kept from the start (WebGPU's part of the runtime, 27 MB) from its first use on. */
async function file(path, request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(`./${path}`, { ignoreVary: true });
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.status === 200 && path.startsWith("assets/"))
    await cache.put(`./${path}`, response.clone()).catch(() => {}); // no room
  return isolated(response);
}

/** With what a page needs to use threads, also from hosts that cannot send these headers. */
function isolated(response) {
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
