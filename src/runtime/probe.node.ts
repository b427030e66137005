/** Whether ONNX Runtime is there, which one, and what it can compute on. */
import { quietRuntime } from "./quiet.node.ts";

export interface RuntimeFacts {
  /** Null where it could not be loaded; then `problem` says why. */
  readonly version: string | null;
  /** As onnxruntime-node lists them: cpu, webgpu, cuda, …; bundled where they come with the package. */
  readonly backends: readonly { readonly name: string; readonly bundled: boolean }[];
  readonly problem: string | null;
}

export async function probeRuntime(): Promise<RuntimeFacts> {
  quietRuntime();
  try {
    const ort = await import("onnxruntime-node");
    return {
      version: ort.env.versions.node ?? ort.env.versions.common,
      backends: ort.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled })),
      problem: null,
    };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    const problem = missing
      ? "onnxruntime-node is not installed"
      : `onnxruntime-node could not be loaded on ${process.platform}-${process.arch}: ${error}`;
    return { version: null, backends: [], problem };
  }
}
