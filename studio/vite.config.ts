/**
 * The studio. `vite build` makes what `emilie studio` serves (dist/studio); with --mode site it makes a folder for any
 * static host (dist/site), where picturebook runs in the page itself.
 */
import { readdirSync, statSync } from "node:fs";
import { cp, mkdir, readFile, stat } from "node:fs/promises";
import { extname, join, normalize, resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { writeServiceWorker } from "./offline/write.ts";

const root = resolve(import.meta.dirname, "..");
const EXAMPLES = ["cottage.png", "lake.png", "meadow.png", "road.png"];
const TYPES: Record<string, string> = {
  ".json": "application/json",
  ".png": "image/png",
  ".txt": "text/plain",
};

const MODEL = "models/picturebook";
const isNeeded = (path: string) => !/\/training$|README\.md$/.test(path);

/** The bytes of what is needed of a folder. */
function sizeOf(folder: string): number {
  const parts = readdirSync(folder).map((name) => join(folder, name));
  return parts
    .filter(isNeeded)
    .reduce((sum, path) => sum + (statSync(path).isDirectory() ? sizeOf(path) : statSync(path).size), 0);
}

/** The shipped model and the examples, beside the page: served while developing, copied when built. */
function assets(site: boolean): Plugin {
  let out = "";
  return {
    name: "emilie-assets",
    configResolved(config) {
      out = resolve(config.root, config.build.outDir);
    },
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname));
        if (!/^\/(models\/picturebook|examples)\//.test(path)) return next();
        const file = join(root, path);
        const found = await stat(file).catch(() => null);
        if (!found?.isFile()) {
          response.statusCode = 404;
          return response.end();
        }
        response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
        response.setHeader("content-length", found.size);
        response.end(request.method === "HEAD" ? undefined : await readFile(file));
      });
    },
    async closeBundle() {
      await mkdir(join(out, "examples"), { recursive: true });
      for (const name of EXAMPLES) await cp(join(root, "examples", name), join(out, "examples", name));
      if (!site) return;
      await cp(join(root, MODEL), join(out, MODEL), { recursive: true, filter: isNeeded });
      await writeServiceWorker(out);
    },
  };
}

/** The page is cross-origin isolated, so that onnxruntime-web may use threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig(({ mode }) => {
  const site = mode !== "studio";
  return {
    root: import.meta.dirname,
    base: "./",
    define: {
      __BACKEND__: JSON.stringify(site ? "page" : "server"),
      __MODEL_BYTES__: JSON.stringify(sizeOf(join(root, MODEL))),
    },
    plugins: [react(), assets(site)],
    worker: { format: "es" },
    server: { headers },
    preview: { headers },
    optimizeDeps: {
      include: [
        "onnxruntime-web/wasm",
        "@bufbuild/protobuf/wire",
        "@huggingface/jinja",
        "@huggingface/tokenizers",
        "zod",
      ],
    },
    build: {
      outDir: resolve(root, site ? "dist/site" : "dist/studio"),
      emptyOutDir: true,
      target: "es2022",
      // The runtime's .wasm is 14 MB and cannot be split.
      chunkSizeWarningLimit: 1000,
    },
  };
});
