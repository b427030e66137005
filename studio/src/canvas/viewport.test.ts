import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fit, pan, toPicture, zoomAt } from "./viewport.ts";

const screen = { width: 800, height: 600 };
const picture = { width: 128, height: 96 };
const none = { top: 0, right: 0, bottom: 0, left: 0 };

describe("the view", () => {
  it("fits the whole picture, centred between the insets", () => {
    expect(fit(picture, screen, none)).toEqual({ scale: 6.25, x: 0, y: 0 });
    const { scale, x, y } = fit(picture, screen, { ...none, left: 160 });
    expect(scale).toBe(5);
    expect([x, y]).toEqual([160, 60]);
  });

  it("keeps what lies under the pointer when it zooms", () => {
    const fitted = fit(picture, screen, none);
    const at = fc.record({ x: fc.integer({ min: 0, max: 800 }), y: fc.integer({ min: 0, max: 600 }) });
    fc.assert(
      fc.property(fc.double({ min: 0.2, max: 20, noNaN: true }), at, (factor, point) => {
        const before = toPicture(fitted, point);
        const after = toPicture(zoomAt(fitted, factor, point, fitted), point);
        expect(after.x).toBeCloseTo(before.x, 6);
        expect(after.y).toBeCloseTo(before.y, 6);
      }),
    );
  });

  it("neither vanishes nor grows without end", () => {
    const fitted = fit(picture, screen, none);
    expect(zoomAt(fitted, 1e-6, { x: 0, y: 0 }, fitted).scale).toBeCloseTo(fitted.scale / 3);
    expect(zoomAt(fitted, 1e6, { x: 0, y: 0 }, fitted).scale).toBe(64);
    const gone = pan(fitted, 1e6, -1e6, picture, screen);
    expect(gone.x).toBeLessThan(screen.width);
    expect(gone.y + picture.height * gone.scale).toBeGreaterThan(0);
  });
});
