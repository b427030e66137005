/** emilie/client: a typed client of `emilie serve`, without Node. */
export { EmilieError, type ErrorCode, isEmilieError } from "../errors.ts";
export { EmilieClient, type HistoryOptions, type JobListener, type PictureOptions } from "./client.ts";
export type { EventsOptions } from "./events.ts";
export { type ClientOptions, DEFAULT_PORT, type RequestOptions } from "./request.ts";
export type * from "./types.ts";
