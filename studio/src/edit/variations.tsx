/** The contact sheet: several results of one instruction, of which one is kept. */
import { useEffect, useRef } from "react";
import { choose } from "../state/edit.ts";
import { useStudio } from "../state/store.ts";
import { toImageData } from "../ui/pictures.ts";

export function ContactSheet() {
  const variations = useStudio((s) => s.variations);
  const pictures = useStudio((s) => s.pictures);
  const sheet = useRef<HTMLDivElement>(null);
  useEffect(() => {
    sheet.current?.querySelector<HTMLElement>(".contact-grid button")?.focus();
  }, []);
  return (
    <div className="contact-sheet" role="group" aria-label="Choose a variation" ref={sheet}>
      <header>
        <h2>Which one?</h2>
        <span className="muted">
          Press its number. The others go; <kbd>Esc</kbd> keeps all as branches.
        </span>
        <button type="button" className="button" onClick={() => void choose(null)}>
          Keep all
        </button>
      </header>
      <div
        className="contact-grid"
        style={{ "--columns": Math.ceil(Math.sqrt(variations.length)) } as React.CSSProperties}
      >
        {variations.map((id, index) => {
          const picture = pictures.get(id);
          return (
            <button
              type="button"
              key={id}
              onClick={() => void choose(id)}
              aria-label={`Variation ${index + 1}`}
            >
              <canvas
                ref={(canvas) => {
                  if (!canvas || !picture) return;
                  canvas.width = picture.width;
                  canvas.height = picture.height;
                  canvas.getContext("2d")!.putImageData(toImageData(picture), 0, 0);
                }}
              />
              <kbd>{index + 1}</kbd>
            </button>
          );
        })}
      </div>
    </div>
  );
}
