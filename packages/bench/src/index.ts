/** What emilie's command line takes from this package: its two verbs. */
export { addBench } from "./cli/bench.ts";
export { addStudy } from "./cli/study.ts";
