/** What is made once for each key, also by callers at the same time; what failed is made anew by the next. */
export function onceEach<T>(make: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const made = new Map<string, Promise<T>>();
  return (key) => {
    let one = made.get(key);
    if (!one) {
      one = make(key);
      made.set(key, one);
      one.catch(() => made.delete(key));
    }
    return one;
  };
}
