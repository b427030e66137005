/** The static site's service worker: it keeps the page for visits without a network. */
const RELOADED = "emilie.isolated";

/** The first visit's own files came before the worker did. */
async function keepFiles(): Promise<void> {
  const cache = await caches.open("emilie-page");
  const files: string[] = await (await fetch("./files.json")).json();
  for (const file of ["./", ...files]) {
    const url = new URL(file, document.baseURI);
    if (!(await cache.match(url))) await cache.add(url);
  }
}

export async function keepForOffline(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL("sw.js", document.baseURI));
    await navigator.serviceWorker.ready;
    await keepFiles();
  } catch (error) {
    // Private windows and some hosts do not allow it; the page works without.
    console.warn("The page cannot be kept for offline use:", error);
    return;
  }
  // Where the host does not isolate the page, the worker does from the next load on; nothing is lost before the first.
  if (crossOriginIsolated || sessionStorage.getItem(RELOADED) || location.hash.includes("session=")) return;
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
}
