// The storage drivers' own words for what went wrong. Whoever uses a driver translates them into words of its own.

export type DriverErrorCode =
  /** No object under this key. */
  | 'keyNotFound'
  /** The key is not one that a driver accepts: a mistake of the caller. */
  | 'invalidKey'
  /** The store is full, or a quota is reached (ENOSPC, EDQUOT). */
  | 'noSpace'
  /** The store cannot take the call now, and may later (EMFILE, ENFILE, throttling, no connection). */
  | 'busy'
  /** The store does not permit the call (EACCES, EPERM, EROFS, wrong keys). */
  | 'denied'
  /** Anything else, EIO included. */
  | 'failed';

export interface DriverErrorFacts {
  readonly driver: string;
  /** The method of the contract that failed. */
  readonly action: string;
  readonly key: string;
  readonly cause?: unknown;
}

export class DriverError extends Error {
  override readonly name = 'DriverError';
  readonly code: DriverErrorCode;
  readonly driver: string;
  readonly action: string;
  readonly key: string;

  constructor(code: DriverErrorCode, facts: DriverErrorFacts) {
    super(`${facts.driver} ${facts.action} ${JSON.stringify(facts.key)}: ${code}`, { cause: facts.cause });
    this.code = code;
    this.driver = facts.driver;
    this.action = facts.action;
    this.key = facts.key;
  }
}

/**
 * Makes an error that is an answer and no fault, such as that something is not there: to find out where it came from costs more than all
 * else of it, and nobody asks.
 */
export function withoutStack<T extends Error>(make: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Whether the error says that there is no such object. */
export function isKeyNotFound(error: unknown): boolean {
  return error instanceof DriverError && error.code === 'keyNotFound';
}
