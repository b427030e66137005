/** Pictures that the instruction refers to, beside it; only where the model takes some. */
import { ImagePlus, X } from "lucide-react";
import { useEffect, useMemo, useRef } from "react";
import { addReferences, removeReference, useMaxReferences } from "../state/references.ts";
import { useStudio } from "../state/store.ts";
import { Tip } from "../ui/controls.tsx";
import { t } from "../words/index.ts";

export function References() {
  const most = useMaxReferences();
  const references = useStudio((s) => s.references);
  const input = useRef<HTMLInputElement>(null);
  if (most === 0) return null;
  return (
    <div className="references" role="group" aria-label={t.references.title}>
      {references.map((file, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same picture may be there twice
        <Reference key={index} file={file} index={index} />
      ))}
      {references.length < most && (
        <Tip label={t.references.tip(most)}>
          <button
            type="button"
            className="icon-button"
            aria-label={t.references.add}
            onClick={() => input.current?.click()}
          >
            <ImagePlus size="1rem" strokeWidth={1.75} aria-hidden />
          </button>
        </Tip>
      )}
      <input
        ref={input}
        type="file"
        accept="image/*"
        multiple
        hidden
        aria-label={t.references.add}
        onChange={(event) => {
          addReferences([...(event.target.files ?? [])], most);
          event.target.value = "";
        }}
      />
    </div>
  );
}

function Reference({ file, index }: { file: File; index: number }) {
  const url = useMemo(() => URL.createObjectURL(file), [file]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <span className="reference">
      <img src={url} alt={file.name} />
      <button
        type="button"
        aria-label={t.references.remove(index + 1)}
        onClick={() => removeReference(index)}
      >
        <X size="0.75rem" aria-hidden />
      </button>
    </span>
  );
}
