/** The only way to emilie's code: its source in the repository, `emilie/internal` in the published package (tsdown.config.ts). */
export * from "../../../src/internal.ts";
