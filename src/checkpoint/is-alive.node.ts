/** Whether a process runs, also one of another user: what decides if the lock or the leftovers it wrote its number on still count. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
