/** Puts the service worker beside a built page, with the list of what it keeps. */
import { createHash } from "node:crypto";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** Models are the page's to keep; the runtime for WebGPU is fetched only where there is a card. */
const LEFT_OUT = /^(models\/|sw\.js|assets\/ort.*(webgpu|asyncify))/;

/** Writes `folder`/sw.js for what is in `folder`. Throws where worker.js has no place for the list. */
export async function writeServiceWorker(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !LEFT_OUT.test(path))
    .sort();
  const files: Record<string, string> = {};
  for (const path of paths) {
    const hash = createHash("sha384").update(await readFile(join(folder, path)));
    // A host's address for index.html is its folder's; asked for by name, some redirect.
    files[path === "index.html" ? "" : path] = `sha384-${hash.digest("base64")}`;
  }
  const list = JSON.stringify(files, null, 2);
  const source = await readFile(join(import.meta.dirname, "worker.js"), "utf8");
  const version = createHash("sha256").update(source).update(list).digest("hex").slice(0, 16);
  const script = source
    .replace("/* the build's */ {}", () => list)
    .replace('/* the build\'s */ ""', () => JSON.stringify(version));
  if (script.includes("the build's")) throw new Error("worker.js has no place for its list or version");
  await writeFile(join(folder, "sw.js.part"), script);
  await rename(join(folder, "sw.js.part"), join(folder, "sw.js"));
}
