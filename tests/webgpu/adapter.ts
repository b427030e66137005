/** The browser's WebGPU adapter, or null; and a word where there is none, since all tests are skipped then. */
const { gpu } = navigator as { readonly gpu?: GPU };
export const adapter = (await gpu?.requestAdapter()) ?? null;
if (!adapter) console.log("Skipped: this browser offers no WebGPU adapter.");
