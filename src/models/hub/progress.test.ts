import { expect, it } from "vitest";
import { ProgressMeter, type PullProgress } from "./progress.ts";

it("counts what is on disk as progress and what comes over the network as speed", () => {
  let time = 100;
  const seen: PullProgress[] = [];
  const meter = new ProgressMeter(
    10_000,
    (p) => seen.push(p),
    () => time,
  );
  meter.add("a", 4000, "disk");
  expect(seen.at(-1)).toMatchObject({ bytes: 4000, bytesPerSecond: 0, secondsLeft: null });
  for (let i = 0; i < 4; i++) {
    time += 0.5;
    meter.add("b", 500, "network");
  }
  expect(seen.at(-1)).toMatchObject({ file: "b", bytes: 6000, bytesPerSecond: 1000, secondsLeft: 4 });
  const calls = seen.length;
  time += 0.01;
  meter.add("b", 1, "network");
  expect(seen).toHaveLength(calls); // not more often than a person can read
  time += 1;
  meter.add("b", -2001, "disk"); // worthless bytes
  expect(seen.at(-1)).toMatchObject({ bytes: 4000 });
  // A long pause is forgotten once it lies behind the window.
  time += 60;
  for (let i = 0; i < 30; i++) {
    time += 0.5;
    meter.add("b", 100, "network");
  }
  expect(seen.at(-1)!.bytesPerSecond).toBeCloseTo(200, 0);
  meter.add("b", 3000, "network");
  expect(seen.at(-1)).toMatchObject({ bytes: 10_000, secondsLeft: 0 });
});
