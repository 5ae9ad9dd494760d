// The log lines of several processes in one output: each passes through whole, or not at all.

/** Takes what a process writes as it comes, and gives on whole lines. What a process that was killed leaves unfinished is dropped. */
export function createWholeLines(sink: (lines: string | Uint8Array) => void): (chunk: Uint8Array) => void {
  let rest: Uint8Array[] = [];
  return (chunk) => {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      rest.push(chunk);
      return;
    }
    const lines = chunk.subarray(0, end);
    sink(rest.length === 0 ? lines : Buffer.concat([...rest, lines]));
    rest = end < chunk.length ? [chunk.subarray(end)] : [];
  };
}

const NEWLINE = 0x0a;
