/** Where the picture lies on the screen: a point p of the picture is seen at (x + p·scale). Pure, in CSS pixels. */
export interface View {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export interface Area {
  readonly width: number;
  readonly height: number;
}

export interface Insets {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

export const MAX_SCALE = 64;

/** The largest view that shows the whole picture inside the insets, centred there. */
export function fit(picture: Area, screen: Area, { top, right, bottom, left }: Insets): View {
  const [width, height] = [
    Math.max(1, screen.width - left - right),
    Math.max(1, screen.height - top - bottom),
  ];
  const scale = Math.min(width / picture.width, height / picture.height, MAX_SCALE);
  return {
    scale,
    x: left + (width - picture.width * scale) / 2,
    y: top + (height - picture.height * scale) / 2,
  };
}

/** Zooms by a factor; what lies under the point stays there. The picture cannot shrink below a third of `fitted`. */
export function zoomAt(view: View, factor: number, at: { x: number; y: number }, fitted: View): View {
  const scale = Math.min(MAX_SCALE, Math.max(fitted.scale / 3, view.scale * factor));
  const ratio = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio };
}

/** Moves the view; a quarter of the screen or the whole picture, whichever is smaller, always stays in sight. */
export function pan(view: View, dx: number, dy: number, picture: Area, screen: Area): View {
  const keep = (at: number, size: number, room: number) => {
    const rest = Math.min(size, room / 4);
    return Math.min(room - rest, Math.max(rest - size, at));
  };
  return {
    scale: view.scale,
    x: keep(view.x + dx, picture.width * view.scale, screen.width),
    y: keep(view.y + dy, picture.height * view.scale, screen.height),
  };
}

export function toPicture(view: View, at: { x: number; y: number }): { x: number; y: number } {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}
