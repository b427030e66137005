import { Maximize, Minus, Plus } from "lucide-react";
import { IconButton } from "../ui/controls.tsx";
import { t } from "../words/index.ts";
import { actualSize, fitToScreen, useCamera, zoom } from "./camera.ts";

export function ZoomBar() {
  const scale = useCamera((s) => s.view.scale);
  return (
    <div className="floating zoom-bar" role="group" aria-label={t.zoom}>
      <IconButton label={t.zoomOut} keys="−" onClick={() => zoom(1 / 1.25)} icon={Minus} />
      <button type="button" className="plain number" onClick={actualSize} title={t.ownSize}>
        {t.format.percent(scale)}
      </button>
      <IconButton label={t.zoomIn} keys="+" onClick={() => zoom(1.25)} icon={Plus} />
      <IconButton label={t.fit} keys="0" onClick={fitToScreen} icon={Maximize} />
    </div>
  );
}
