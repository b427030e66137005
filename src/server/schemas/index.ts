/** The native API's messages. */
export * from "./common.ts";
export * from "./event.ts";
export * from "./job.ts";
export * from "./model.ts";
export * from "./session.ts";
