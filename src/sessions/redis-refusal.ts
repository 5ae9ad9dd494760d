// Tells a Redis that is away, and may come back, from one that has to be configured otherwise.

/** What Redis and its client say; see "Redis error codes" in its documentation, and the X.509 codes of node:tls. */
const REFUSALS: readonly RegExp[] = [
  /\b(WRONGPASS|NOAUTH|NOPERM)\b|invalid password|ACL failure|user executing the script/,
  /DB index is out of range|SELECT is not allowed in cluster mode/,
  /\bMOVED \d+|cluster support disabled/,
  /certificate|altname/i,
];

/** What is wrong, if trying again will not help; `undefined` for everything that may pass. */
export function explainRefusal(error: unknown): string | undefined {
  const messages = messagesOf(error);
  return messages.find((message) => REFUSALS.some((refusal) => refusal.test(message)));
}

/** What a cluster says is in the last of its nodes' errors. */
function messagesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const last = 'lastNodeError' in error ? messagesOf(error.lastNodeError) : [];
  return [...last, error.message];
}
