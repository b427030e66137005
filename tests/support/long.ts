/**
 * Some tests repeat one thing many times: kills at random moments, faults at the n-th call, damaged input. `npm test` does a sample that
 * meets every kind; `npm run test:long` (the project "long", part of .ci/run) repeats them more often.
 */
export const LONG = process.env.EMILIE_LONG === "1";
