/** Of its convex hull, how much a shape fills: 1 for a disc, less for what has bays, holes or several parts. */
export function solidity(inside: Uint8Array, width: number): number {
  const corners: Corner[] = [];
  let area = 0;
  for (let start = 0, y = 0; start < inside.length; start += width, y++) {
    const first = inside.indexOf(1, start);
    if (first === -1) break;
    if (first >= start + width) continue;
    let last = first;
    for (let at = first; at < start + width; at++) {
      if (!inside[at]) continue;
      area++;
      last = at;
    }
    const [x, end] = [first - start, last - start + 1];
    corners.push([x, y], [end, y], [x, y + 1], [end, y + 1]);
  }
  corners.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const hull = [...half(corners), ...half(corners.reverse())];
  let twice = 0;
  for (const [i, [x, y]] of hull.entries()) {
    const [u, v] = hull[(i + 1) % hull.length]!;
    twice += x * v - u * y;
  }
  return area / Math.max(1, Math.abs(twice) / 2);
}

type Corner = readonly [number, number];

/** One half of the hull of sorted corners, without its last (Andrew's monotone chain). */
function half(corners: readonly Corner[]): Corner[] {
  const hull: Corner[] = [];
  for (const corner of corners) {
    while (hull.length > 1) {
      const [[ax, ay], [bx, by]] = [hull.at(-2)!, hull.at(-1)!];
      if ((bx - ax) * (corner[1] - ay) - (by - ay) * (corner[0] - ax) > 0) break;
      hull.pop();
    }
    hull.push(corner);
  }
  return hull.slice(0, -1);
}
