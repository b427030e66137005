/** The studio's files. Only what was found in the folder at the start is served, so no request's path reaches the disk. */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { MiddlewareHandler } from "hono";
import { PAGE_HEADERS } from "../guard.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".avif": "image/avif",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".txt": "text/plain; charset=utf-8",
};

export function staticFiles(folder: string): MiddlewareHandler {
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files.set(`/${file.slice(folder.length + 1).replaceAll("\\", "/")}`, file);
  }
  return async (c, next) => {
    const path = c.req.path === "/" ? "/index.html" : decode(c.req.path);
    const file = files.get(path);
    if (!file || (c.req.method !== "GET" && c.req.method !== "HEAD")) return next();
    // Vite puts a hash into the names of everything below assets/.
    const hashed = path.startsWith("/assets/");
    return c.body(new Uint8Array(await readFile(file)), 200, {
      ...PAGE_HEADERS,
      "content-type": TYPES[extname(file).toLowerCase()] ?? "application/octet-stream",
      "cache-control": hashed ? "public, max-age=31536000, immutable" : "no-cache",
    });
  };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
