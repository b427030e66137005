/**
 * Whether onnxruntime-node's WebGPU has anything to run on. Where Vulkan has no driver of its own, the one in software that
 * comes with Chromium is taken: SwiftShader. It has to be named before Vulkan is first asked, so this comes first.
 */
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import * as ort from "onnxruntime-node";
import { chromium } from "playwright";
import { requireCard, requireHalf } from "../../src/runtime/card.node.ts";

const options = {
  executionProviders: ["webgpu"],
  graphOptimizationLevel: "disabled",
  logSeverityLevel: 3,
} as const;

function swiftShader(): string | undefined {
  const browsers = [process.env.CHROMIUM_PATH, chromium.executablePath(), "/usr/lib/chromium/chromium"];
  return browsers
    .filter((path) => path !== undefined && existsSync(path))
    .map((path) => join(dirname(realpathSync(path!)), "vk_swiftshader_icd.json"))
    .find(existsSync);
}

const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
const cards = existsSync("/dev/dri") || existsSync("/dev/nvidia0") || process.platform !== "linux";
const software = named || cards ? undefined : swiftShader();
if (software) process.env.VK_DRIVER_FILES = software;

/** Why there is nothing to test on; null where there is. */
export const missing: string | null = await requireCard(ort, "webgpu", options).then(
  () => null,
  (error: Error) => error.message,
);

/** Why there is nothing to test half precision on; null where there is. SwiftShader has none, Mesa's lavapipe has. */
export const missingHalf: string | null =
  missing ??
  (await requireHalf(ort, options).then(
    () => null,
    (error: Error) => error.message,
  ));

if (missing)
  console.log(
    `Skipped: ${missing}\nIn software: apt-get install libvulkan1 chromium, or VK_DRIVER_FILES=…/vk_swiftshader_icd.json`,
  );
else console.log(`WebGPU by ${software ?? named ?? "the system's own driver"}.`);
