/** Numbers, plurals and times as a language writes them. */
export interface Format {
  /** 0.317 → "32 %". */
  percent(share: number): string;
  number(value: number, digits?: number): string;
  /** 2.4e9 → "2.4 GB". */
  bytes(bytes: number): string;
  /** One of the forms that the language has for a count, with the count in place of "#". */
  plural(
    count: number,
    forms: Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string },
  ): string;
  /** Milliseconds since 1970 as "2 hours ago". */
  ago(time: number): string;
  list(parts: readonly string[]): string;
}

export function formatFor(language: string): Format {
  const rules = new Intl.PluralRules(language);
  const whole = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const lists = new Intl.ListFormat(language);
  const number = (value: number, digits = 0) =>
    new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
      value,
    );
  return {
    // The sign stands apart from the number, as everywhere in emilie.
    percent: (share) => whole.format(share).replace(/(\d)%/, "$1\u00a0%").replace("\u00a0", " "),
    number,
    bytes: (bytes) =>
      bytes >= 1e9 ? `${number(bytes / 1e9, 1)} GB` : `${number(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB`,
    plural: (count, forms) => (forms[rules.select(count)] ?? forms.other).replace("#", number(count)),
    ago(time) {
      const minutes = Math.round((time - Date.now()) / 60_000);
      if (minutes > -1) return relative.format(0, "minute");
      if (minutes > -60) return relative.format(minutes, "minute");
      if (minutes > -60 * 24) return relative.format(Math.round(minutes / 60), "hour");
      return relative.format(Math.round(minutes / 60 / 24), "day");
    },
    list: (parts) => lists.format(parts),
  };
}
