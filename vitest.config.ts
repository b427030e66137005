import { availableParallelism } from "node:os";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const chromium = process.env.CHROMIUM_PATH;

/** Files of tests that "npm test" leaves to "npm run test:long". */
const LONG = "**/*.long.test.ts";

/** The page is served with these two headers so that onnxruntime-web may use threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Known from the start: a dependency that Vite first meets in a worker would reload the page in mid-test. */
const optimizeDeps = {
  include: [
    "@bufbuild/protobuf/wire",
    "@huggingface/jinja",
    "@huggingface/tokenizers",
    "fast-check",
    "onnxruntime-web/wasm",
    "zod",
  ],
};

function inChromium(args: readonly string[]) {
  return {
    enabled: true,
    headless: true,
    screenshotFailures: false,
    provider: playwright({
      launchOptions: {
        ...(chromium ? { executablePath: chromium } : {}),
        args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", ...args],
      },
    }),
    instances: [{ browser: "chromium" as const }],
  };
}

// A core each for as many test files at once: ONNX Runtime's threads of two processes would wait for each other by spinning.
const inNode = {
  env: { EMILIE_THREADS: "1" },
  globalSetup: "tests/support/compiled.ts",
  environment: "node",
  testTimeout: 120_000,
  hookTimeout: 120_000,
} as const;

/** Tests in a real browser of the built site: npm run test:studio builds it first. */
function inStudio(name: string, files: { readonly include: string[]; readonly exclude?: string[] }) {
  return {
    test: {
      ...files,
      name,
      isolate: false,
      globalSetup: "tests/support/compiled.ts",
      environment: "node" as const,
      testTimeout: 1_800_000,
      hookTimeout: 600_000,
      bail: 1,
      // A busy machine is no failure.
      retry: 1,
      expect: { poll: { timeout: 120_000 } },
    },
  };
}

/** The library in a real browser, on WebAssembly. */
function inBrowser(name: string, files: { readonly include: string[]; readonly exclude?: string[] }) {
  return {
    server: { headers },
    optimizeDeps,
    test: {
      ...files,
      name,
      globalSetup: "tests/browser/checkpoints-server.ts",
      testTimeout: 180_000,
      browser: inChromium(["--disable-gpu"]),
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      {
        // Files share their process and its modules; whoever changes the environment changes it back.
        test: {
          ...inNode,
          name: "node",
          isolate: false,
          // One more than there are cores: servers, processes and files are waited for a tenth of the time.
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 1 },
          include: [
            "src/**/*.test.ts",
            "packages/*/src/**/*.test.ts",
            "studio/src/**/*.test.ts",
            "tests/{bench,cli,library,mcp,method,models,parity,server,session}/*.test.ts",
          ],
          exclude: ["**/node_modules/**", LONG],
        },
      },
      {
        // What takes long: kills at random moments, faults at every n-th call, damaged input, examples of the guides, whole runs of the benchmark.
        test: {
          ...inNode,
          name: "long",
          include: [LONG],
          exclude: ["**/node_modules/**", "studio/tests/**", "tests/browser/**"],
        },
      },
      {
        // Many machines: a real PostgreSQL and a real S3 server, which these tests start (npm run test:scale).
        test: {
          ...inNode,
          name: "scale",
          isolate: false,
          include: ["tests/scale/**/*.test.ts"],
          // Leases run out, processes start again.
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      inStudio("studio", { include: ["studio/tests/**/*.test.ts"], exclude: [LONG] }),
      // Of the studio what takes long: processes that are killed, networks that are cut, very large pictures, downloads to the end.
      inStudio("studio-long", { include: [`studio/tests/${LONG}`] }),
      inBrowser("browser", { include: ["tests/browser/**/*.test.ts"], exclude: [LONG] }),
      inBrowser("browser-long", { include: [`tests/browser/${LONG}`] }),
      {
        // onnxruntime-node's WebGPU, on a card or on a Vulkan in software; skipped where there is neither.
        test: {
          name: "webgpu-node",
          include: ["tests/webgpu-node/**/*.test.ts"],
          environment: "node",
          testTimeout: 1_800_000,
        },
      },
      {
        // WebGPU, computed in software where there is no graphics card: npm run test:webgpu.
        server: { headers },
        optimizeDeps: { include: [...optimizeDeps.include, "onnxruntime-web/webgpu"] },
        test: {
          name: "webgpu",
          include: ["tests/webgpu/**/*.test.ts"],
          testTimeout: 1_800_000,
          browser: inChromium([
            "--enable-unsafe-webgpu",
            "--use-webgpu-adapter=swiftshader",
            "--enable-features=Vulkan",
          ]),
        },
      },
    ],
  },
});
