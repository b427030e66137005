import { Maximize, Minus, Plus } from "lucide-react";
import { IconButton } from "../ui/controls.tsx";
import { actualSize, fitToScreen, useCamera, zoom } from "./camera.ts";

export function ZoomBar() {
  const scale = useCamera((s) => s.view.scale);
  return (
    <div className="floating zoom-bar" role="group" aria-label="Zoom">
      <IconButton label="Zoom out" keys="−" onClick={() => zoom(1 / 1.25)} icon={Minus} />
      <button type="button" className="plain number" onClick={actualSize} title="Show at its own size (1:1)">
        {Math.round(100 * scale)} %
      </button>
      <IconButton label="Zoom in" keys="+" onClick={() => zoom(1.25)} icon={Plus} />
      <IconButton label="Fit to the window" keys="0" onClick={fitToScreen} icon={Maximize} />
    </div>
  );
}
