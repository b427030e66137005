/** The few controls that everything is made of. */
import type { LucideIcon } from "lucide-react";
import { Slider as RadixSlider, Tooltip } from "radix-ui";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import { useId } from "react";

export function Tip({ label, keys, children }: { label: ReactNode; keys?: string; children: ReactNode }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tooltip" sideOffset={6} collisionPadding={8}>
          {label}
          {keys && <kbd>{keys}</kbd>}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
  icon: LucideIcon;
  /** The key that does the same. */
  keys?: string;
  pressed?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ label, icon: Icon, keys, pressed, className = "", ...rest }: IconButtonProps) {
  return (
    <Tip label={label} keys={keys}>
      <button
        type="button"
        aria-label={label}
        aria-pressed={pressed}
        className={`icon-button ${className}`}
        {...rest}
      >
        <Icon size="1rem" strokeWidth={1.75} aria-hidden />
      </button>
    </Tip>
  );
}

interface SliderProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  /** How the value is written. */
  format?: (value: number) => string;
  /** Shown as a mark, and gone back to by a double click. */
  home?: number;
  disabled?: boolean;
  compact?: boolean;
  onChange: (value: number) => void;
}

export function Slider({
  label,
  value,
  min,
  max,
  step,
  format,
  home,
  disabled,
  compact,
  onChange,
}: SliderProps) {
  const id = useId();
  const text = format ? format(value) : String(value);
  return (
    <div className={compact ? "slider-field compact" : "slider-field"}>
      <span className="label" id={id}>
        {label}
      </span>
      <RadixSlider.Root
        className="slider"
        value={[value]}
        min={min}
        max={max}
        step={step}
        disabled={disabled}
        onValueChange={([next]) => onChange(next!)}
        onDoubleClick={() => home !== undefined && onChange(home)}
      >
        <RadixSlider.Track className="slider-track">
          <RadixSlider.Range className="slider-range" />
        </RadixSlider.Track>
        <RadixSlider.Thumb className="slider-thumb" aria-labelledby={id} aria-valuetext={text} />
      </RadixSlider.Root>
      <output className="number">{text}</output>
    </div>
  );
}

/** Seconds as people say them. */
export function duration(seconds: number): string {
  if (seconds < 1) return "1 s";
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return `${Math.ceil(seconds / 60)} min`;
}
