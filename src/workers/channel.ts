// Questions and messages between two processes of one server, over a wire that carries JSON in its order. What is said within
// one turn of the event loop goes as one message.
import { RegistryError } from '../registry/errors.ts';
import { describeFailure, type Failure, failureSchema, toError } from './failure.ts';

/** What carries the batches. `send` never throws: what cannot be sent any more is lost, and the wire about to be cut. */
export interface Wire {
  send(batch: unknown): void;
  onBatch(take: (batch: unknown) => void): void;
}

export interface Channel {
  /** Resolves to the answer. Throws what the other side throws, and `unavailable` when it is gone. */
  ask(subject: string, content?: unknown): Promise<unknown>;
  tell(subject: string, content?: unknown): void;
  /** Tells it now, together with what waits to be said: it is out of this process before anything else happens here. */
  tellNow(subject: string, content?: unknown): void;
  /** Says what becomes of questions and messages on a subject. What `take` gives is the answer. */
  on(subject: string, take: (content: unknown) => unknown): void;
  /** The other side is gone: who waits for it is told, and nothing is sent any more. */
  cut(): void;
  isCut(): boolean;
}

type Packet =
  | readonly ['tell', string, unknown]
  | readonly ['ask', string, unknown, number]
  | readonly ['answer', number, unknown]
  | readonly ['failure', number, Failure];

/** @param onFault hears of what could not be made use of; without it that is thrown, and ends the process */
export function createChannel(wire: Wire, onFault?: (error: unknown) => void): Channel {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const subjects = new Map<string, (content: unknown) => unknown>();
  let outgoing: Packet[] = [];
  let asked = 0;
  let isCut = false;

  function post(packet: Packet): void {
    if (isCut) return;
    if (outgoing.push(packet) === 1) setImmediate(flush);
  }

  function flush(): void {
    const batch = outgoing;
    outgoing = [];
    if (!isCut && batch.length > 0) wire.send(batch);
  }

  async function answer(subject: string, content: unknown, number: number): Promise<void> {
    try {
      post(['answer', number, await take(subject, content)]);
    } catch (error) {
      post(['failure', number, describeFailure(error)]);
    }
  }

  function take(subject: string, content: unknown): unknown {
    const taker = subjects.get(subject);
    if (taker === undefined) throw new TypeError(`nobody here knows of ${subject}`);
    return taker(content);
  }

  function settle(number: number): PromiseWithResolvers<unknown> | undefined {
    const found = waiting.get(number);
    waiting.delete(number);
    return found;
  }

  function receive([kind, about, content, number]: readonly unknown[]): void {
    if (typeof about === 'string') {
      if (kind === 'ask' && typeof number === 'number') void answer(about, content, number);
      else if (kind === 'tell') take(about, content);
    } else if (typeof about === 'number') {
      if (kind === 'answer') settle(about)?.resolve(content);
      else if (kind === 'failure') settle(about)?.reject(toError(failureSchema.parse(content)));
    }
  }

  wire.onBatch((batch) => {
    if (isCut || !Array.isArray(batch)) return;
    for (const packet of batch) {
      try {
        if (Array.isArray(packet)) receive(packet);
      } catch (error) {
        if (onFault === undefined) throw error;
        onFault(error);
      }
    }
  });

  return {
    async ask(subject, content) {
      if (isCut) throw new RegistryError('unavailable');
      asked += 1;
      const answered = Promise.withResolvers<unknown>();
      waiting.set(asked, answered);
      post(['ask', subject, content, asked]);
      return answered.promise;
    },

    tell: (subject, content) => post(['tell', subject, content]),

    tellNow(subject, content) {
      post(['tell', subject, content]);
      flush();
    },

    on(subject, taker) {
      subjects.set(subject, taker);
    },

    cut() {
      isCut = true;
      const left = [...waiting.values()];
      waiting.clear();
      for (const { reject } of left) reject(new RegistryError('unavailable'));
    },

    isCut: () => isCut,
  };
}
