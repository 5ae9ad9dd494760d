// The wire between the primary and a worker: the IPC channel that Node gives to processes it has started.
import type { ChildProcess } from 'node:child_process';
import type { Wire } from './channel.ts';

/** To a process that this one has started. */
export function wireToChild(child: ChildProcess): Wire {
  return {
    send(batch) {
      // Whether it is gone is told by its end.
      if (child.connected) child.send(wrap(batch), () => undefined);
    },
    onBatch: (take) => void child.on('message', (message) => take(unwrap(message))),
  };
}

/** To the process that has started this one; `undefined` if none has. */
export function wireToParent(): Wire | undefined {
  const send = process.send?.bind(process);
  if (send === undefined) return undefined;
  return {
    send(batch) {
      if (process.connected) send(wrap(batch), undefined, undefined, () => undefined);
    },
    onBatch: (take) => void process.on('message', (message) => take(unwrap(message))),
  };
}

/** Under a name of its own: the channel is Node's as well. */
function wrap(batch: unknown): object {
  return { berth: batch };
}

function unwrap(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'berth' in message ? message.berth : undefined;
}
