// What Linux says of a process that may be gone (proc_pid_stat(5)).

/** Where the number of threads is, behind the state. */
const THREADS = 16;

/**
 * Whether the process has ended, and whoever is to take notice has not yet. Its first thread may have ended before others, which
 * are still at work: it has not ended then. `stat`: the content of `/proc/<pid>/stat`.
 */
export function hasEnded(stat: string): boolean {
  const [state = '', ...others] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return /^[ZX]$/.test(state) && Number(others[THREADS]) <= 1;
}
